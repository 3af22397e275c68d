"""How large each tier of the figures is, until when it is filled, and whether that is late; told as gauges too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Final, Literal

from django.utils import timezone

from metrics import gauges, hours, recent, telling
from metrics.archived.archiving import ARCHIVED_AFTER_DAYS
from metrics.hours import days
from metrics.models import ArchivedDay
from metrics.recent import HourState
from metrics.segments import Hour

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
# Hours are filled within minutes of their end, or of their first segment where that comes later.
HOURS_LATE_AFTER: Final = timedelta(minutes=15)
# The daily job begins in the night, and another one is a day away.
DAYS_LATE_AFTER: Final = timedelta(days=1)

Name = Literal["redis", "mongodb", "archive"]


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier, of all tenants. `oldest` and `newest`: when its first figures are from and its last, None while empty.

    `filled_until`: up to there it has all that there is; None for Redis, into which figures come at once, and while
    nothing was ever to be filled. `behind`: how many hours or days of tenants are over and have not come into it yet.
    `refilling`: how many have, and wait to do so once more, for late segments; that is never late.
    """

    name: Name
    bytes: int
    oldest: datetime | None
    newest: datetime | None
    filled_until: datetime | None
    behind: int
    is_late: bool
    refilling: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """All tiers, and how many segments went uncounted since ever, None when nobody can tell."""

    tiers: Sequence[Tier]
    dropped: int | None

    @property
    def is_late(self) -> bool:
        return any(tier.is_late for tier in self.tiers)


def standing(now: datetime | None = None) -> Standing:
    """Raises RetryableMetricsError."""
    return Standing(tiers(now), telling.dropped())


def tiers(now: datetime | None = None) -> list[Tier]:
    """From the newest figures to the oldest. Raises RetryableMetricsError."""
    now = now or timezone.now()
    return [_redis(), _mongodb(now), _archive(now)]


def tell_gauges() -> None:
    """Say how the tiers stand. Raises RetryableMetricsError."""
    for tier in tiers():
        gauges.set("tier.bytes", tier.bytes, tier=tier.name)
        gauges.set("tier.behind", tier.behind, tier=tier.name)
        gauges.set("tier.late", float(tier.is_late), tier=tier.name)
        for name, moment in (("oldest", tier.oldest), ("newest", tier.newest), ("filled_until", tier.filled_until)):
            if moment is not None:
                gauges.set(f"tier.{name}_timestamp_seconds", moment.timestamp(), tier=tier.name)


def _redis() -> Tier:
    size = recent.size()
    return Tier("redis", size.bytes, size.oldest, size.newest, filled_until=None, behind=0, is_late=False)


def _mongodb(now: datetime) -> Tier:
    size = hours.size()
    unfilled, refilling = _waiting(now)
    states = recent.states(unfilled)
    running = now.replace(minute=0, second=0, microsecond=0)
    until = min((hour.start for hour in unfilled), default=running if size.newest or recent.waiting() else None)
    return Tier(
        "mongodb",
        size.size,
        size.oldest,
        size.newest and size.newest + HOUR,
        filled_until=until,
        behind=len(unfilled),
        is_late=any(_began_to_wait(hour, states.get(hour)) + HOURS_LATE_AFTER <= now for hour in unfilled),
        refilling=refilling,
    )


def _began_to_wait(hour: Hour, state: HourState | None) -> datetime:
    """When it could be filled first: at its end, or when its first segment came, if that was later."""
    end = hour.start + HOUR
    return max(end, state.waits_since) if state and state.waits_since else end


def _waiting(now: datetime) -> tuple[list[Hour], int]:
    """The hours that are over and have never been filled, and how many have been and have late segments to come."""
    over = [hour for hour in recent.waiting() if hour.start + HOUR <= now]
    unfilled = []
    for tenant_id, theirs in groupby(sorted(over, key=lambda hour: hour.tenant_id), lambda hour: hour.tenant_id):
        waiting = list(theirs)
        filled = hours.filled(tenant_id, waiting[0].start, waiting[-1].start + HOUR)
        unfilled += [hour for hour in waiting if hour.start not in filled]
    return unfilled, len(over) - len(unfilled)


def _archive(now: datetime) -> Tier:
    due = [roll.day for roll in _unarchived(now.date() - ARCHIVED_AFTER_DAYS * DAY)]
    told = ArchivedDay.objects.verified()
    first, last = (told.order_by(order).values_list("day", flat=True).first() for order in ("day", "-day"))
    until = min(due, default=last and last + DAY)
    return Tier(
        "archive",
        sum(row["bytes"] + row["people_bytes"] for row in told.values("bytes", "people_bytes")),
        _start_of(first),
        _start_of(last and last + DAY),
        filled_until=_start_of(until),
        behind=len(due),
        is_late=any(day + ARCHIVED_AFTER_DAYS * DAY + DAYS_LATE_AFTER < now.date() for day in due),
    )


def _unarchived(until: date) -> list[days.Roll]:
    """The days of tenants that are closed, up to this one, and are not safe in the archive."""
    archived = set(ArchivedDay.objects.verified().filter(day__lte=until).values_list("tenant_id", "day"))
    return [roll for roll in days.closed(None, until) if (roll.tenant_id, roll.day) not in archived]


def _start_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
