"""The daily job: every day that is closed and not archived yet, in order, and every day that changed since."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import structlog
from django.utils import timezone

from metrics import locks
from metrics.archived import tables, writing
from metrics.errors import ArchiveDamaged, TiersDisagree
from metrics.hours import days, removing
from metrics.models import ArchivedDay

log = structlog.get_logger("earshot.archived")

# A day is archived so many days later: the day after it, late segments may still come.
ARCHIVED_AFTER_DAYS: Final = 2
ARCHIVE_TASK: Final = "metrics.archive_days"
# Clocks of two machines differ by less.
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(slots=True)
class Report:
    """What became of the days that are due. `left` of them were for another time, as time was up; `failed` says of
    each day that could not be archived what is wrong, and it stays due.
    """

    archived: int = 0
    unchanged: int = 0
    left: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """Where the job is: `number` of `count` days of tenants."""

    tenant_id: int
    day: date
    number: int
    count: int


def archive_days(
    now: datetime | None = None,
    *,
    since: date | None = None,
    until: date | None = None,
    dry_run: bool = False,
    seconds: float | None = None,
    progress: Callable[[Step], None] = lambda _: None,
) -> Report | None:
    """Archive what is due between the two days, both of them too. A `dry_run` counts what would be archived.

    After `seconds` no other day is begun. None when another process is at it. Raises RetryableMetricsError.
    """
    latest = (now or timezone.now()).date() - timedelta(days=ARCHIVED_AFTER_DAYS)
    until = min(until or latest, latest)
    with locks.held_alone(ARCHIVE_TASK) as is_ours:
        return _archive(since, until, dry_run=dry_run, seconds=seconds, progress=progress) if is_ours else None


def _archive(
    since: date | None, until: date, *, dry_run: bool, seconds: float | None, progress: Callable[[Step], None]
) -> Report:
    report = Report()
    began = time.monotonic()
    known = {(one.tenant_id, one.day): one for one in ArchivedDay.objects.within(since, until)}
    closed = days.closed(since, until)
    for number, roll in enumerate(closed, 1):
        if _is_current(known.get((roll.tenant_id, roll.day)), roll):
            report.unchanged += 1
            continue
        if removing.is_removed(roll.tenant_id, roll.day):
            # Rolled up while retention removed it, which comes again.
            continue
        if seconds is not None and time.monotonic() - began > seconds:
            report.left += 1
            continue
        progress(Step(roll.tenant_id, roll.day, number, len(closed)))
        try:
            if not dry_run:
                writing.archive_day(roll.tenant_id, roll.day)
            report.archived += 1
        except (TiersDisagree, ArchiveDamaged) as error:
            day = {"tenant_id": roll.tenant_id, "day": str(roll.day)}
            log.error("day_not_archived", **day, error=error.code)  # noqa: TRY400
            report.failed.append(error.message)
    return report


def _is_current(archived: ArchivedDay | None, roll: days.Roll) -> bool:
    """Whether the archive has what the tier below says now."""
    if archived is None or archived.verified_at is None:
        return False
    if roll.rolled_at < archived.archived_at - _CLOCKS_DIFFER:
        return True
    return archived.digest == tables.digest_of(days.totals_of(roll.tenant_id, roll.day))
