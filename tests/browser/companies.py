"""Companies for the tests of pages, made where the stack's own databases are: in a process of its own."""

import json
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import make_password

from calls import opening, statuses
from crm import tokens
from crm.models import Tenant, User

PEOPLE = [("ann", "supervisor"), ("bob", "supervisor"), ("pat", "privacy"), ("adam", "admin")]
AT_ONCE = 2_000
COLUMNS = ["New", "Working", "Done"]


def make(count, *, many, password):
    """Tell, as JSON on the last line, of so many companies; the first has `many` calls without a status."""
    # Once: it takes a third of a second on purpose.
    secret = make_password(password)
    before = Tenant.objects.count()
    made = [_company(number, secret) for number in range(before, before + count)]
    now, first = datetime.now(UTC), made[0]
    for begin in range(0, many, AT_ONCE):
        opening.insert_calls([_call(first, place, now) for place in range(begin, min(many, begin + AT_ONCE))])
    print(f"\n{json.dumps(made)}")


def _call(company, place, now):
    return opening.NewCall(
        tenant_id=company["tenant"],
        call_id=f"many-{place}",
        user_id=company["ann"],
        platform="web",
        external_user_id=None,
        start_time=now - timedelta(minutes=place),
        type="call",
        summary=f"Number {place}",
        metadata={},
        segments=[],
        duration=60.0,
    )


def _company(number, password):
    tenant = Tenant.objects.create(name=f"Board {number}")
    people = {
        name: User.objects.create(
            username=f"{name}-{number}", first_name=name.capitalize(), role=role, tenant=tenant, password=password
        )
        for name, role in PEOPLE
    }
    columns = [statuses.create(tenant.pk, {"name": name, "color": "#5b7cfa"}).pk for name in COLUMNS]
    token = tokens.issue(people["adam"], name="tests")
    ids = {name: person.pk for name, person in people.items()}
    return {"number": number, "tenant": tenant.pk, "token": token, "columns": columns, **ids}
