"""How long what is kept: the tier below until its days are safe here, the archive for its years."""

from datetime import date, datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.utils import timezone

from metrics import hours
from metrics.archived import objects, writing
from metrics.models import ArchivedDay

log = structlog.get_logger("earshot.archived")

# A day that is not archived lives so much longer than it has, anew each day; and so long nobody may have looked.
SPARE_DAYS: Final = 30


def hold(now: datetime | None = None) -> int:
    """Let the tier below keep its days for EARSHOT_METRICS_HOURS_DAYS, and longer while one that would soon go is not
    verified in the archive. Returns for how many days. Raises RetryableMetricsError.
    """
    today = (now or timezone.now()).date()
    life = int(settings.EARSHOT_METRICS_HOURS_DAYS)
    oldest = _oldest_unarchived(today, life)
    if oldest is not None:
        life = max(life, (today - oldest).days + _spare_days(life))
        log.warning("hours_held", oldest=str(oldest), days=life)
    hours.set_life(life)
    return life


def retire(now: datetime | None = None) -> int:
    """Erase the days that were archived longer ago than EARSHOT_METRICS_ARCHIVE_YEARS; how many there were.

    Their objects go first, with whatever else lies in their folders. Raises RetryableMetricsError.
    """
    today = (now or timezone.now()).date()
    retired = 0
    for archived in ArchivedDay.objects.filter(day__lt=first_kept(today)).order_by("day", "tenant_id").iterator():
        writing.erase_others(archived.tenant_id, archived.day, keep=())
        archived.delete()
        retired += 1
    if retired:
        log.info("archived_days_retired", count=retired)
    return retired


def days_before(tenant_id: int, before: date) -> set[date]:
    """The tenant's days before that one that are archived, and those of which anything lies there all the same."""
    known = ArchivedDay.objects.filter(tenant_id=tenant_id, day__lt=before).values_list("day", flat=True)
    return {*known, *objects.days_of(tenant_id, before)}


def oldest(tenant_id: int) -> date | None:
    """The first day of the tenant's that is archived."""
    return ArchivedDay.objects.filter(tenant_id=tenant_id).order_by("day").values_list("day", flat=True).first()


def remove(tenant_id: int, day: date) -> None:
    """Erase a day of the tenant's before its time: its objects with all their versions, then its row."""
    writing.erase_others(tenant_id, day, keep=())
    ArchivedDay.objects.filter(tenant_id=tenant_id, day=day).delete()


def first_kept(today: date) -> date:
    """The oldest day that the archive keeps."""
    year = today.year - settings.EARSHOT_METRICS_ARCHIVE_YEARS
    try:
        return today.replace(year=year)
    except ValueError:
        # The 29th of February, in a year that has none.
        return date(year, 3, 1)


def _oldest_unarchived(today: date, life: int) -> date | None:
    """The oldest day of the tier below that would go within the spare days and is not verified."""
    oldest = hours.size().oldest
    if oldest is None:
        return None
    day, end = oldest.date(), today - timedelta(days=life - _spare_days(life))
    verified = set(ArchivedDay.objects.verified().within(day, end).values_list("tenant_id", "day"))
    while day < end:
        if any((tenant_id, day) not in verified for tenant_id in hours.tenants_of_day(day)):
            return day
        day += timedelta(days=1)
    return None


def _spare_days(life: int) -> int:
    return min(SPARE_DAYS, life // 2)
