"""What a privacy officer's lists hold, for the tests of pages: written where the stack's own databases are."""

import json
from datetime import timedelta

from django.utils import timezone

from crm.models import ErasureRequest, ErasureState, LegalHold, Tenant, User

NAMES = ["Ada Lovelace", "Maximiliane von und zu Hohenstein-Waldburg", "محمد بن عبد الله بن عبد المطلب الهاشمي القرشي"]
STEPS = ["live recordings and their sockets", "sound", "conversations that wait, and those given up"]
LARGEST = 1_048_576


def fill(*, username, count):
    """So many requests in every state, and some holds, that no worker touches; tells their pages on the last line."""
    officer = User.objects.get(username=username)
    now, tenant = timezone.now(), officer.tenant
    requests = ErasureRequest.objects.bulk_create(_request(tenant, officer, place, now) for place in range(count))
    LegalHold.objects.bulk_create(
        LegalHold(
            tenant=tenant,
            kind="call",
            call_id=f"{NAMES[place % 3]}-{place}",
            reason="Case 4 O 17/26 at the regional court. " * 8,
            placed_by=officer,
            lifted_at=now if place % 2 else None,
        )
        for place in range(count // 8)
    )
    shown = {"pending", "running", "failed", "blocked"}
    pages = [f"/privacy/{request.pk}/" for request in requests[: len(ErasureState)] if request.state in shown]
    print(f"\n{json.dumps(pages)}")


def _request(tenant: Tenant, officer: User, place: int, now):
    state = ErasureState.values[place % len(ErasureState)]
    named = {} if state in {"completed", "cancelled"} else {"subject_name": NAMES[place % 3], "reason": "By mail " * 40}
    return ErasureRequest(
        tenant=tenant,
        kind="external",
        subject={"platform": "telegram", "external_user_id": f"made-up-{place}"},
        state=state,
        requested_by=officer,
        requested_at=now - timedelta(days=40, minutes=place),
        approved_at=now if state != "pending" else None,
        waits_until=now + timedelta(days=3),
        due_at=now + timedelta(days=place % 30 - 3),
        stores=[
            {"store": "objects", "step": step, "found": LARGEST, "erased": LARGEST, "left": 0, "found_again": None}
            for step in STEPS
        ],
        error="The object store did not answer while this was done: sound." if state == "failed" else "",
        # In the hands of a worker that is never missed, and tried again in hours.
        claimed_at=now + timedelta(days=1),
        ended_at=now if state in {"completed", "cancelled", "failed"} else None,
        attempts=20,
        is_replay=True,
        **named,
    )
