"""What the shown company has behind its doors, where there is none to make it by: run in the stack's own settings."""

import json
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import make_password

from audio import suspicion, telling
from calls import conversations
from calls.documents import Flag, flag_id_of
from crm import tokens
from crm.models import Tenant, User
from metrics import recent
from metrics.alerts import kinds, rules
from metrics.models import AlertKind
from tests.browser.shown_company import FLAGS, NAME, PEOPLE
from tests.segments import make_group, make_segment_of_work

MEASURED = 6_000
# Stage → its part of the time, in thousandths.
SHARES = {"decode": 60, "voice_activity": 90, "transcription": 610, "prosody": 70, "emotion": 40, "speakers": 130}


def make(password):
    """Tell of it as JSON on the last line: number, people's tokens and ids."""
    tenant = Tenant.objects.create(name=NAME)
    suspicion.make_rules(tenant.pk)
    # Once: it takes a third of a second on purpose.
    secret = make_password(password)
    people = {
        username: User.objects.create(
            username=username, first_name=first, last_name=last, role=role, tenant=tenant, password=secret
        )
        for username, first, last, role in PEOPLE
    }
    told = {
        "tenant": tenant.pk,
        "tokens": {name: tokens.issue(person, name="images") for name, person in people.items()},
        "ids": {name: person.pk for name, person in people.items()},
    }
    print(f"\n{json.dumps(told)}")


def raise_flags(tenant_id, call_ids):
    """Of calls that came as text, what a recording of them would have been flagged for."""
    for subject, (rule, kind, start, end, weight, evidence) in FLAGS.items():
        call_id = call_ids[subject]
        flag = Flag(
            flag_id=flag_id_of(call_id, "whole", kind, start),
            rule=rule,
            kind=kind,
            start_time=start,
            end_time=end,
            weight=weight,
            evidence=evidence,
        )
        conversations.store_estimates(
            tenant_id=tenant_id, call_id=call_id, parts=["whole"], emotions=None, flags=[flag]
        )


def measure(tenant_id, agents):
    """A day of recorded calls, chunk by chunk, a few of which could not be heard. `agents` are ids of who recorded."""
    now = datetime.now(UTC)
    segments = []
    for number in range(MEASURED):
        ago = timedelta(seconds=(number * 7919 % MEASURED) ** 1.05 / MEASURED**1.05 * 82_000)
        total_ms = 2_400 + number * 37 % 2_600 + (4_500 if number % 83 == 0 else 0)
        agent = agents[number % len(agents)]
        segments.append(
            make_segment_of_work(
                received_at=now - ago,
                total_ms=total_ms,
                stages={stage: total_ms * share for stage, share in SHARES.items()},
                duration_us=30_000_000,
                original_bytes=150_000 + number * 61 % 60_000,
                dubbed_bytes=0,
                source_language="",
                target_language="",
                error="hearing_failed" if number % 41 == 0 else "",
                group=make_group(
                    channel_id=telling.CHANNEL,
                    session_id=f"call-{number // 12}",
                    user_id=f"user:{agent}",
                    platform=telling.PLATFORM,
                    pipeline="audio",
                ),
            )
        )
    for begin in range(0, MEASURED, 500):
        recent.write(tenant_id, segments[begin : begin + 500])
    # How fast a machine is on which images are made is nobody's alert.
    for rule in rules.of(tenant_id):
        if kinds.KINDS[AlertKind(rule.kind)].source is not kinds.Source.SEGMENTS:
            rules.change(tenant_id, rule.kind, {"is_on": False})
    rules.change(tenant_id, AlertKind.AVG_AUDIO_MS, {"threshold": 3_500.0})
