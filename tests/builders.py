"""Plain builders of what tests are about."""

import base64
import hashlib
import itertools
import time

from celery import current_app
from rest_framework.test import APIClient

from audio import hearing, jobs, sessions
from audio.models import AnalysisJob
from audio.states import JobKind
from calls import conversations
from calls.documents import Flag, flag_id_of
from crm import contacts, tokens
from crm.models import Tenant, User

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
