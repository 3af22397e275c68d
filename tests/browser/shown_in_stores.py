"""What the shown company has behind its doors, where there is none to make it by: run in the stack's own settings."""

import json
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import make_password

from audio import suspicion
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


def measure(tenant_id):
    """A day of dubbed videos, busier by day than by night, a few of which failed."""
    now = datetime.now(UTC)
    channels = ["product-videos", "how-to", "webinars"]
    segments = []
    for number in range(MEASURED):
        ago = timedelta(seconds=(number * 7919 % MEASURED) ** 1.05 / MEASURED**1.05 * 82_000)
        total_ms = 650 + number * 37 % 900 + (1400 if number % 83 == 0 else 0)
        segments.append(
            make_segment_of_work(
                received_at=now - ago,
                total_ms=total_ms,
                error="engine_failed" if number % 41 == 0 else "",
                group=make_group(channel_id=channels[number * number % 3], user_id=f"editor-{number % 5 + 1}"),
            )
        )
    for begin in range(0, MEASURED, 500):
        recent.write(tenant_id, segments[begin : begin + 500])
    # How fast a machine is on which images are made is nobody's alert.
    for rule in rules.of(tenant_id):
        if kinds.KINDS[AlertKind(rule.kind)].source is not kinds.Source.SEGMENTS:
            rules.change(tenant_id, rule.kind, {"is_on": False})
    rules.change(tenant_id, AlertKind.AVG_TOTAL_MS, {"threshold": 900.0})
