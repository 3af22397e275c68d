"""Has a company's own chain verified, in parts when it is long, and tells how far that is.

What stands here of it is kept in the cache, which may forget it: it can be had again at any time.
"""

import uuid
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final, Literal, NotRequired, TypedDict

from celery import current_app
from django.core.cache import cache
from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from crm.audit import verification
from crm.audit.verification import Finding, Place, Report
from crm.models import AuditBlock

VERIFY_TASK: Final = "crm.verify_audit_chain"
# More than so many blocks or entries take longer than a request may; a task looks at them then.
MOST_BLOCKS_AT_ONCE: Final = 300
MOST_ENTRIES_AT_ONCE: Final = 20_000
# What one task does before it makes room for others.
PART_SECONDS: Final = 60.0
# A chain that was made anew has a finding for each block.
MOST_FINDINGS: Final = 100
# A verification that was not heard of for so long is not going on any more.
GIVEN_UP: Final = timedelta(minutes=10)
_KEPT_SECONDS: Final = 90 * 24 * 3600


class Standing(TypedDict):
    """How a company's verification stands. Times in ISO 8601 in UTC; `of_blocks` is how many there were at first."""

    state: Literal["running", "done", "given_up"]
    began_at: str
    heard_at: str
    blocks: int
    of_blocks: int
    entries: int
    unsealed: int
    emptied: int
    findings: list[str]
    more_findings: int
    run: NotRequired[str]
    place: NotRequired[dict[str, Any]]


def standing(tenant_id: int) -> Standing | None:
    """How the last one stands; None when there was none, or the cache has forgotten it."""
    found: Standing | None = cache.get(_key(tenant_id))
    if found and found["state"] == "running":
        heard_at = parse_datetime(found["heard_at"])
        if heard_at is None or timezone.now() - heard_at > GIVEN_UP:
            return {**found, "state": "given_up"}
    return found


def begin(tenant_id: int) -> Standing:
    """Verify the chain: at once when that is quick, else by a task. One that is going on already stays as it is.

    Raises RetryableMetricsError while the archive is away.
    """
    now = standing(tenant_id)
    if now and now["state"] == "running":
        return now
    blocks = AuditBlock.objects.of_chain(tenant_id).aggregate(count=Count("pk"), entries=Sum("entry_count"))
    began = timezone.now().isoformat()
    fresh: Standing = {
        "state": "running",
        "began_at": began,
        "heard_at": began,
        "blocks": 0,
        "of_blocks": blocks["count"],
        "entries": 0,
        "unsealed": 0,
        "emptied": 0,
        "findings": [],
        "more_findings": 0,
        "run": uuid.uuid4().hex,
        "place": asdict(Place()),
    }
    if blocks["count"] <= MOST_BLOCKS_AT_ONCE and (blocks["entries"] or 0) <= MOST_ENTRIES_AT_ONCE:
        return _continued(tenant_id, fresh, seconds=None)
    _keep(tenant_id, fresh)
    _send(tenant_id, fresh)
    return fresh


def go_on(tenant_id: int, run: str) -> None:
    """Do the next part of a verification, unless it has ended or another one has begun since."""
    now: Standing | None = cache.get(_key(tenant_id))
    if not now or now["state"] != "running" or now.get("run") != run:
        return
    after = _continued(tenant_id, now, seconds=PART_SECONDS)
    if after["state"] == "running":
        _send(tenant_id, after)


def _continued(tenant_id: int, now: Standing, *, seconds: float | None) -> Standing:
    report = Report(blocks=now["blocks"], entries=now["entries"], emptied=now["emptied"])
    place = verification.verify_company(tenant_id, report, Place(**now.get("place", {})), seconds=seconds)
    told = [*now["findings"], *map(_told, report.findings)]
    after: Standing = {
        **now,
        "state": "running" if place else "done",
        "heard_at": timezone.now().isoformat(),
        "blocks": report.blocks,
        "entries": report.entries,
        "unsealed": report.unsealed,
        "emptied": report.emptied,
        "findings": told[:MOST_FINDINGS],
        "more_findings": now["more_findings"] + max(0, len(told) - MOST_FINDINGS),
        "place": asdict(place) if place else {},
    }
    _keep(tenant_id, after)
    return after


def _told(finding: Finding) -> str:
    return finding.message


def _keep(tenant_id: int, now: Standing) -> None:
    cache.set(_key(tenant_id), now, timeout=_KEPT_SECONDS)


def _send(tenant_id: int, now: Standing) -> None:
    current_app.send_task(VERIFY_TASK, args=[tenant_id, now.get("run")], queue="privacy", retry=False)


def _key(tenant_id: int) -> str:
    return f"audit:verification:{tenant_id}"
