"""What was measured, asked of all tiers as one: running hours in Redis, filled ones in MongoDB, older days archived.

An hour or a day counts from one tier only, whatever is done meanwhile (`tiers.py`). A segment that comes after its hour
was filled counts from the next run of the hourly job on. A day counts from its roll-up when that has every hour which
is filled and none of its hours waits, and by its hours otherwise; days that have outlived both, from the archive.

Hours and days are UTC. Averages are taken from sums, and so weighted; percentiles from merged sketches.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Final, Literal, TypeVar

from metrics import archived, recent, tiers
from metrics import hours as filled_hours
from metrics.hours import spans
from metrics.segments import Segment
from metrics.totals import Totals

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
Step = Literal["minute", "hour", "day"]
_LENGTHS: Final[Mapping[Step, timedelta]] = {"minute": MINUTE, "hour": HOUR, "day": DAY}
# How long a series may be to be told by minutes, and by hours.
LONGEST_BY_MINUTE: Final = timedelta(hours=3)
LONGEST_BY_HOUR: Final = timedelta(days=8)
# Minutes are kept at least as long as segments are in full.
MINUTES_LIVE: Final = timedelta(hours=24)
MOST_MINUTES: Final = 24 * 60
MOST_HOURS: Final = 8 * 24
MOST_DAYS: Final = 7 * 366
MOST_NAMED: Final = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """What was done in the minute, hour or day that began at `start`.

    `is_missing`: a day that was archived, and of which there is now no copy that may be read.
    """

    start: datetime
    totals: Totals
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Recent:
    """The minutes from `since` on, empty ones among them, and the newest segments of that time, newest first."""

    since: datetime
    until: datetime
    minutes: list[Point]
    segments: list[Segment]

    @property
    def totals(self) -> Totals:
        return Totals.summed(point.totals for point in self.minutes)


@dataclass(frozen=True, slots=True)
class Series:
    """Points a `step` apart, empty ones among them; the last may still be running."""

    step: Step
    points: list[Point]

    @property
    def totals(self) -> Totals:
        return Totals.summed(point.totals for point in self.points)


def newest(
    tenant_id: int,
    *,
    channel_id: str | None = None,
    pipeline: str | None = None,
    minutes: int = 5,
    limit: int = 100,
    now: datetime | None = None,
) -> Recent:
    """The running minute and so many before it, of one channel or all."""
    now = now or datetime.now(UTC)
    since = _rounded(now - minutes * MINUTE, "minute")
    found = _by_minute(tenant_id, since, now, channel_id or "", pipeline)
    segments = recent.newest(tenant_id, since=since, channel_id=channel_id, pipeline=pipeline, limit=limit)
    return Recent(since, now, _points(found, since, now, "minute"), segments)


def hourly(
    tenant_id: int,
    *,
    channel_id: str = "",
    pipeline: str | None = None,
    hours: int = 24,
    now: datetime | None = None,
) -> list[Point]:
    """So many hours, of which the running one is the last. A `channel_id` of "" is all channels."""
    now = now or datetime.now(UTC)
    since = _rounded(now, "hour") - (hours - 1) * HOUR
    return _points(_by_hour(tenant_id, since, now, channel_id, pipeline), since, now, "hour")


def trends(
    tenant_id: int,
    *,
    channel_id: str = "",
    pipeline: str | None = None,
    days: int = 7,
    now: datetime | None = None,
) -> list[Point]:
    """So many days, of which today is the last."""
    now = now or datetime.now(UTC)
    since = _rounded(now, "day") - (days - 1) * DAY
    found, missing = _by_day(tenant_id, since, now, channel_id, pipeline)
    return _points(found, since, now, "day", missing)


def of_user(tenant_id: int, user_id: str, *, days: int = 30, now: datetime | None = None) -> Totals:
    """All that one user did in so many days, of which today is the last: numbers only, neither maps nor latency."""
    now = now or datetime.now(UTC)
    since = _rounded(now, "day") - (days - 1) * DAY
    first = max(since, tiers.hours_since(now))
    waiting = tiers.waiting(tenant_id, since, now, lambda starts: _waiting_of_user(tenant_id, user_id, starts))
    filled = filled_hours.sum_of_user(tenant_id, user_id, first, now, without=waiting)
    told = [filled, *(totals for _, totals in chain(*waiting.values()))]
    told += [totals for _, _, totals in _of_user_before(tenant_id, user_id, since, first, waiting)]
    return Totals.summed(totals.numbers() for totals in told)


def series(
    tenant_id: int,
    *,
    since: datetime,
    until: datetime,
    channel_id: str = "",
    user_id: str = "",
    pipeline: str | None = None,
) -> Series:
    """By minutes up to 3 hours within the last 24, by hours up to 8 days that MongoDB has, by days beyond.

    Of one channel, of one user on all channels, or of all. A user's has no latency, and is by hours at the least.
    `since` is rounded down to the step, `until` up, and to now at most.
    """
    now = datetime.now(UTC)
    until = min(until, now)
    step = _step_of(since, until, now, is_of_user=bool(user_id))
    since = _rounded(since, step)
    until = since + _count(since, until, step) * _LENGTHS[step]
    missing: Collection[datetime] = ()
    if user_id:
        theirs = _of_user(tenant_id, user_id, since, until, pipeline)
        found = _merged((_rounded(start, step), totals) for start, totals in theirs)
    elif step == "minute":
        found = _by_minute(tenant_id, since, until, channel_id, pipeline)
    elif step == "hour":
        found = _by_hour(tenant_id, since, until, channel_id, pipeline)
    else:
        found, missing = _by_day(tenant_id, since, until, channel_id, pipeline)
    return Series(step, _points(found, since, until, step, missing))


# --- One tier and the next ---


def _by_minute(
    tenant_id: int, since: datetime, until: datetime, channel_id: str, pipeline: str | None
) -> dict[datetime, Totals]:
    found = recent.minutes(tenant_id, since=since, until=until, channel_id=channel_id, pipeline=pipeline)
    return _merged((one.minute, one.totals) for one in found)


def _by_hour(
    tenant_id: int, since: datetime, until: datetime, channel_id: str, pipeline: str | None
) -> dict[datetime, Totals]:
    waiting = _hours_waiting(tenant_id, since, until, channel_id, pipeline)
    found = filled_hours.by_hour(tenant_id, since, until, channel_id=channel_id, pipeline=pipeline)
    return waiting | _merged((one.start, one.totals) for one in found if one.start not in waiting)


def _hours_waiting(
    tenant_id: int, since: datetime, until: datetime, channel_id: str, pipeline: str | None
) -> dict[datetime, Totals]:
    def read(starts: Collection[datetime]) -> dict[datetime, Totals]:
        return recent.hours(tenant_id, starts, channel_id=channel_id, pipeline=pipeline)

    return tiers.waiting(tenant_id, since, until, read)


def _by_day(
    tenant_id: int, since: datetime, until: datetime, channel_id: str, pipeline: str | None
) -> tuple[dict[datetime, Totals], set[datetime]]:
    """And the days that are missing."""
    if since >= until:
        return {}, set()
    waiting = _hours_waiting(tenant_id, since, until, channel_id, pipeline)
    first, last = since.date(), (until - MINUTE).date()
    filled = spans.by_day(tenant_id, first, last + DAY, channel_id=channel_id, pipeline=pipeline, without=waiting)
    standing = tiers.archived_days(tenant_id, first, last, datetime.now(UTC))
    found = [(_start_of(day), totals) for day, totals in filled.items() if not standing.get(day)]
    found += waiting.items()
    if held := [day for day, is_held in standing.items() if is_held]:
        there = archived.by_day(tenant_id, min(held), max(held), channel_id=channel_id, pipeline=pipeline)
        found += [(_start_of(one.day), one.totals) for one in there if standing.get(one.day)]
    missing = {_start_of(day) for day, is_held in standing.items() if not is_held and day not in filled}
    return _merged((_rounded(start, "day"), totals) for start, totals in found), missing


def _of_user(
    tenant_id: int, user_id: str, since: datetime, until: datetime, pipeline: str | None = None
) -> Iterator[tuple[datetime, Totals]]:
    """By hours, and by days where only the archive has them; several of one hour or day, in no order."""
    waiting = tiers.waiting(tenant_id, since, until, lambda starts: _waiting_of_user(tenant_id, user_id, starts))
    for start, several in waiting.items():
        yield from ((start, totals) for kind, totals in several if pipeline in (None, kind))
    first = max(since, tiers.hours_since(datetime.now(UTC)))
    for row in filled_hours.of_user(tenant_id, user_id, first, until):
        if row.start not in waiting and pipeline in (None, row.group.pipeline):
            yield row.start, row.totals
    for start, kind, totals in _of_user_before(tenant_id, user_id, since, min(first, until), waiting):
        if pipeline in (None, kind):
            yield start, totals


def _of_user_before(
    tenant_id: int, user_id: str, since: datetime, until: datetime, waiting: Collection[datetime]
) -> Iterator[tuple[datetime, str, Totals]]:
    """By pipeline, of days that have outlived MongoDB's time: from the archive, and from MongoDB what only that has."""
    if since >= until:
        return
    rows = filled_hours.of_user(tenant_id, user_id, since, until)
    standing = tiers.archived_days(tenant_id, since.date(), (until - MINUTE).date(), datetime.now(UTC))
    for row in rows:
        if not standing.get(row.start.date()) and row.start not in waiting:
            yield row.start, row.group.pipeline, row.totals
    if held := [day for day, is_held in standing.items() if is_held]:
        for one in archived.of_user(tenant_id, user_id, min(held), max(held)):
            if standing.get(one.day):
                yield _start_of(one.day), one.channel.pipeline, one.totals


def _waiting_of_user(
    tenant_id: int, user_id: str, starts: Collection[datetime]
) -> dict[datetime, list[tuple[str, Totals]]]:
    """By pipeline."""
    found: dict[datetime, list[tuple[str, Totals]]] = {start: [] for start in starts}
    for start, group, totals in recent.of_user(tenant_id, user_id, hours=starts):
        found[start].append((group.pipeline, totals))
    return found


# --- Sums and steps ---


def _merged(found: Iterable[tuple[datetime, Totals]]) -> dict[datetime, Totals]:
    """Added up where there are several of one start; they are given up to us."""
    merged: dict[datetime, Totals] = {}
    for start, totals in found:
        if start in merged:
            merged[start].add(totals)
        else:
            merged[start] = totals
    return merged


def _points(
    found: Mapping[datetime, Totals],
    since: datetime,
    until: datetime,
    step: Step,
    missing: Collection[datetime] = (),
) -> list[Point]:
    """All of them from `since`, which is on the step; without segments where none are found."""
    starts = (since + number * _LENGTHS[step] for number in range(_count(since, until, step)))
    return [Point(start, found.get(start) or Totals(), start in missing) for start in starts]


def _count(since: datetime, until: datetime, step: Step) -> int:
    """How many steps there are between the two, the last one begun."""
    return max(-(-(until - since) // _LENGTHS[step]), 0)


def _step_of(since: datetime, until: datetime, now: datetime, *, is_of_user: bool) -> Step:
    length = until - since
    if length <= LONGEST_BY_MINUTE and since >= now - MINUTES_LIVE and not is_of_user:
        return "minute"
    return "hour" if length <= LONGEST_BY_HOUR and since >= tiers.hours_since(now) else "day"


def _rounded(moment: datetime, step: Step) -> datetime:
    """Down, in UTC."""
    in_utc = moment.astimezone(UTC).replace(second=0, microsecond=0)
    if step == "minute":
        return in_utc
    return in_utc.replace(minute=0) if step == "hour" else in_utc.replace(hour=0, minute=0)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
