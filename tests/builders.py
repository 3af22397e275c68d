"""Plain builders of what tests are about."""

import base64
import hashlib
import itertools
import time
from datetime import UTC, datetime, timedelta

from celery import current_app
from django.utils import timezone
from rest_framework.test import APIClient

from audio import hearing, jobs, sessions
from audio.models import AnalysisJob
from audio.states import JobKind
from calls import conversations
from calls.documents import Flag, Segment, flag_id_of, segment_id_of
from crm import contacts, tokens
from crm.erasure import subjects
from crm.models import ErasureRequest, ErasureState, LegalHold, SubjectKind, Tenant, User
from crm.person_exports import requests
from metrics import dubbing, recent
from metrics.alerts import destinations, lifecycle, rules
from metrics.models import Destination
from metrics.segments import Group
from metrics.segments import Segment as MeasuredSegment

_numbers = itertools.count(1)


def make_tenant():
    return Tenant.objects.create(name=f"Company {next(_numbers)}-{time.monotonic_ns()}")


def make_user(tenant, role, **values):
    return User.objects.create(username=f"{role}-{next(_numbers)}", role=role, tenant=tenant, **values)


def bearer(user):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(user, name='test')}")
    return client


def make_session(user, **values):
    session, _ = sessions.start(user, **values)
    return session


def make_contact(tenant, *names, **values):
    return contacts.create(tenant.pk, names=names, **values)


def make_erasure(tenant, *, state=ErasureState.PENDING, **values):
    """A request as it is kept; nobody works at it."""
    now = timezone.now()
    given = {
        "kind": SubjectKind.EXTERNAL,
        "subject": {"platform": "web", "external_user_id": "dana"},
        "subject_name": "dana on web",
        "requested_at": now,
        "due_at": now + timedelta(days=30),
        **values,
    }
    return ErasureRequest.objects.create(tenant=tenant, state=state, **given)


def make_hold(tenant, **values):
    return LegalHold.objects.create(tenant=tenant, **{"kind": "call", "call_id": "kept", "reason": "A case", **values})


def make_dubbing_session(tenant_id, session_id, *, user_id="dana", **values):
    given = {
        "session_id": session_id,
        "user_id": user_id,
        "platform": "web",
        "channel_id": "news",
        "source_language": "he",
        "target_language": "en",
        "voice_id": "",
        "sync_delay_ms": 600,
        **values,
    }
    session, _ = dubbing.start(tenant_id, given)
    return session


def make_measured(tenant_id, user_id, *, channel_id="news"):
    """A segment of the running hour."""
    group = Group(channel_id, "s-1", user_id, "web", "dubbing")
    segment = MeasuredSegment(group, f"segment-{next(_numbers)}", datetime.now(UTC), total_us=500_000)
    recent.write(tenant_id, [segment])
    return segment


def make_flag(session, *, part="0000", start_time=1.0):
    """Something in the session's call that deserves a second look."""
    flag = Flag(
        flag_id=flag_id_of(str(session.pk), part, "00000000", start_time),
        rule="Nobody speaks",
        kind="long_silence",
        start_time=start_time,
        end_time=start_time + 30.0,
        weight=0.1,
        evidence="Nobody speaks for 30 s.",
    )
    conversations.store_estimates(
        tenant_id=session.tenant_id, call_id=session.call_id, parts=[part], emotions=None, flags=[flag]
    )
    return flag


def make_segment(session):
    """Something that is said in the session's call."""
    segment = Segment(
        segment_id=segment_id_of(str(session.pk), "0000", 0),
        speaker="client",
        text="Good morning.",
        start_time=0.0,
        end_time=1.0,
        confidence=0.9,
        chunk_index=0,
    )
    conversations.store_segments(
        tenant_id=session.tenant_id, call_id=session.call_id, parts=["0000"], segments=[segment], end_time=1.0
    )
    return segment


def make_alert(tenant, *, kind="error_count", subject="dubbing", value=12.0, told_to="https://example.com/alerts"):
    """An alert that goes on, and its delivery to a webhook."""
    if not Destination.objects.filter(tenant=tenant, address=told_to).exists():
        destinations.create(tenant.pk, kind="webhook", address=told_to)
    alert = lifecycle.open_new(rules.find(tenant.pk, kind), subject, value, at=timezone.now())
    return alert, alert.deliveries.get(destination__address=told_to)


def make_person_export(user, *, of):
    """An export of a colleague, asked for by somebody who looks after privacy."""
    return requests.ask(user, subjects.asked_of(user.tenant_id, user_id=of.pk))


def put_chunk(client, session, index, body, *, content_type="audio/ogg", **headers):
    return client.put(
        f"/api/audio/sessions/{getattr(session, 'pk', session)}/chunks/{index}",
        body,
        content_type=content_type,
        **headers,
    )


def digest_header(body):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def purge_queues():
    """Drop every message that waits for a worker."""
    with current_app.connection_for_write() as connection, connection.channel() as channel:
        for _, queue in jobs.TASKS.values():
            channel.queue_purge(queue)


def do_all_jobs(kinds=tuple(JobKind)):
    """What the workers do, in this process: every waiting job of some kinds, and those that come of them."""
    while job := AnalysisJob.objects.filter(state="waiting", kind__in=kinds).order_by("pk").first():
        hearing.work(job.pk, task_id=f"task-{job.pk}-{job.attempts}")
