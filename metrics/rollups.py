"""What the first tier counted, taken into the second: finished hours, and the days that they add up to.

Both may be killed at any point and begun again, and several workers may be at it: each hour is one worker's at a time,
and should two come to the same one all the same, the mark of the hour tells which of them counts (`hours/filling.py`).
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog

from metrics import counters, hours, locks, recent
from metrics.errors import RetryableMetricsError
from metrics.hours import Outcome, awaited, days
from metrics.hours.awaited import Awaited
from metrics.recent import HourReading, HourState
from metrics.segments import Hour

log = structlog.get_logger("earshot.rollups")

HOUR: Final = timedelta(hours=1)
# What is received within an hour may be written a moment after it.
SETTLES: Final = timedelta(minutes=2)
# An hour into which late segments come is filled again after so long, and then after twice as long each time: what a
# time series has been given lies in it until its age lets it go.
FIRST_PAUSE: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(hours=6)
# An hour that could not be filled is tried again after pauses that grow in the same way, up to this one.
LONGEST_PAUSE_AFTER_TROUBLE: Final = timedelta(hours=1)
# How often an hour that changes while it is filled is read again at once.
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Step:
    """Hour or day `number` of `total` is begun."""

    tenant_id: int
    start: datetime | date
    number: int
    total: int


@dataclass(slots=True)
class Report:
    """How many hours or days there were, by what became of them.

    `done`: filled or rolled up. `known`: that was done before. `busy`: another worker is at it. `postponed`: late
    segments that wait a little for more, or an hour that failed a moment ago. `left`: for want of time. `lost`: Redis
    had let go of it. `failed`: see the log; nothing of it is lost.
    """

    counts: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    groups: int = 0


Progress = Callable[[Step], None]


def fill_hours(
    now: datetime | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    patient: bool = False,
    drop_closed: bool = True,
    seconds: float | None = None,
    progress: Progress = lambda _: None,
) -> Report:
    """Fill every finished hour that waits, in order of start; of those that begin from `since` to before `until`.

    A `dry_run` counts what would be filled. `patient` lets late segments wait for more of them. `drop_closed`: what
    Redis has of hours into which none can come any more is dropped. After `seconds` no other hour is begun. An hour
    that fails holds up no other. Raises RetryableMetricsError when Redis or MongoDB is away; what was filled by then is
    filled.
    """
    now = now or datetime.now(UTC)
    began = time.monotonic()
    report = Report()
    waiting = recent.waiting()
    if not dry_run:
        _look_for_lost(waiting)
    finished = [
        hour
        for hour in waiting
        if hour.start + HOUR + SETTLES <= now
        and (since is None or hour.start >= since)
        and (until is None or hour.start < until)
    ]
    try:
        for number, hour in enumerate(finished, 1):
            if seconds is not None and time.monotonic() - began > seconds:
                report.counts["left"] += 1
                continue
            progress(Step(hour.tenant_id, hour.start, number, len(finished)))
            if patient and not is_due(hour, now):
                report.counts["postponed"] += 1
                continue
            report.counts[_fill_alone(hour, report, dry_run=dry_run)] += 1
    finally:
        if drop_closed and not dry_run:
            _drop_closed(now)
    if report.counts and not dry_run:
        log.info("hours_filled", segments=report.segments, **report.counts)
    return report


def is_due(hour: Hour, now: datetime) -> bool:
    """Whether an hour that waits is to be filled now: at once the first time, and when no more can come.

    Not a moment after it could not be.
    """
    attempts = hours.attempts_of(hour)
    if attempts is None:
        return True
    if attempts.tries and attempts.tried_at:
        return _is_over(attempts.tried_at, attempts.tries, LONGEST_PAUSE_AFTER_TROUBLE, now)
    if attempts.filled_at is None or hour.start + HOUR + days.LATE <= now:
        return True
    return _is_over(attempts.filled_at, attempts.begun, LONGEST_PAUSE, now)


def _is_over(since: datetime, times: int, longest: timedelta, now: datetime) -> bool:
    pause = min(FIRST_PAUSE * 2 ** min(times - 1, 10), longest)
    # A clock of another machine may be ahead.
    return not now - pause < since <= now


def roll_days(
    now: datetime | None = None,
    *,
    since: date | None = None,
    until: date | None = None,
    dry_run: bool = False,
    seconds: float | None = None,
    progress: Progress = lambda _: None,
) -> Report:
    """Roll up every day of which an hour was filled, and mark those to which no segment can come any more as closed.

    Days from `since` to `until`, both of them too. As `fill_hours` otherwise.
    """
    now = now or datetime.now(UTC)
    began = time.monotonic()
    report = Report()
    waiting = {(hour.start.date(), hour.tenant_id) for hour in recent.waiting()}
    open_days = days.open_days((now - days.LATE).date() - timedelta(days=1))
    to_close = {
        one
        for one in open_days
        if one not in waiting and (since is None or one[0] >= since) and (until is None or one[0] <= until)
    }
    due = sorted({*days.unrolled(since, until), *to_close})
    for number, (day, tenant_id) in enumerate(due, 1):
        if seconds is not None and time.monotonic() - began > seconds:
            report.counts["left"] += 1
            continue
        progress(Step(tenant_id, day, number, len(due)))
        is_closed = days.is_closed(day, now) and (day, tenant_id) not in waiting
        report.counts["done" if dry_run else _roll(tenant_id, day, is_closed=is_closed)] += 1
    if report.counts and not dry_run:
        log.info("days_rolled_up", **report.counts)
    return report


def _fill_alone(hour: Hour, report: Report, *, dry_run: bool) -> str:
    """What became of the hour, as a count of the report."""
    with locks.held_alone(f"metrics/hour/{hour.tenant_id}/{hour.start.isoformat()}") as is_ours:
        if not is_ours:
            return "busy"
        try:
            return _fill(hour, report, dry_run=dry_run)
        except Exception as error:
            if _is_away(error):
                raise
            # One hour with something in it that nobody foresaw holds up no other; it waits on.
            _tell(error, "hour_not_filled", tenant_id=hour.tenant_id, hour=hour.start.isoformat())
            return "failed"


def _roll(tenant_id: int, day: date, *, is_closed: bool) -> str:
    """What became of the day, as a count of the report."""
    try:
        return "done" if days.roll(tenant_id, day, is_closed=is_closed) else "busy"
    except Exception as error:
        if _is_away(error):
            raise
        _tell(error, "day_not_rolled_up", tenant_id=tenant_id, day=day.isoformat())
        return "failed"


def _tell(error: Exception, event: str, **of: str | int) -> None:
    """What may work the next time is no error yet."""
    if isinstance(error, RetryableMetricsError):
        log.warning(event, error=type(error).__name__, **of)
    else:
        log.error(event, exc_info=error, **of)


def _is_away(error: Exception) -> bool:
    """Whether it is a tier that is out of reach, for all hours and days alike."""
    if not isinstance(error, RetryableMetricsError):
        return False
    try:
        recent.ping()
        hours.ping()
    except RetryableMetricsError:
        return True
    return False


def _fill(hour: Hour, report: Report, *, dry_run: bool) -> str:
    for _ in range(_TRIES):
        reading = _read(hour)
        if reading is None:
            return _let_go(hour, dry_run=dry_run)
        fillings = [] if dry_run else recent.begin_filling(hour, reading)
        if fillings is None:
            continue
        outcome = Outcome.FILLED if dry_run else hours.fill(hour, reading, fillings)
        if outcome == Outcome.OVERTAKEN:
            continue
        if outcome == Outcome.FILLED:
            report.segments += sum(totals.segments for channel, totals in reading.channels if not channel.channel_id)
            report.groups += len(reading.groups)
        if not dry_run:
            # When something came meanwhile the hour goes on waiting.
            recent.mark_filled(hour, epoch=reading.epoch, revision=reading.revision, token=reading.token)
        return "done" if outcome == Outcome.FILLED else "known"
    return "busy"


def _read(hour: Hour) -> HourReading | None:
    try:
        return recent.read_hour(hour)
    except Exception as error:
        if not _is_away(error):
            hours.put_off(hour)
        raise


def _let_go(hour: Hour, *, dry_run: bool) -> str:
    """Nothing is left of an hour that waits: it waited for longer than Redis keeps sums, or was taken meanwhile."""
    is_filled = awaited.is_filled(hour, awaited.noted().get(hour))
    if not dry_run:
        recent.mark_filled(hour, epoch="", revision=0, token="")
        awaited.note({}, no_more=[hour])
        if not is_filled:
            _count_lost([hour])
    return "known" if is_filled else "lost"


def _look_for_lost(waiting: Sequence[Hour]) -> None:
    """Count the hours that were waiting when this was last done, and of which Redis has less by now than then."""
    noted = awaited.noted()
    states = recent.states([*waiting, *noted.keys() - waiting])
    # Those that wait, and of which nothing is there, are come upon when they are to be filled.
    gone = set(waiting) - states.keys()
    lost = [
        hour
        for hour, one in noted.items()
        if hour not in gone
        and not _goes_on(states.get(hour), one)
        and not awaited.is_filled(hour, one)
        and awaited.take_back(hour, one)
    ]
    _count_lost(lost)
    now = {hour: Awaited(states[hour].epoch, states[hour].revision) for hour in waiting if hour in states}
    changed = {hour: one for hour, one in now.items() if noted.get(hour) != one}
    awaited.note(changed, no_more=noted.keys() - now.keys() - gone)


def _goes_on(state: HourState | None, noted: Awaited) -> bool:
    return state is not None and state.epoch == noted.epoch and state.revision >= noted.revision


def _count_lost(lost: Collection[Hour]) -> None:
    for hour in lost:
        log.error("hour_lost", tenant_id=hour.tenant_id, hour=hour.start.isoformat())
    if lost:
        counters.add(counters.HOURS_LOST, len(lost))


def _drop_closed(now: datetime) -> None:
    """Give back the room of hours that are filled, and into which nothing can come any more."""
    try:
        closed = [hour for hour in recent.there() if hour.start + HOUR + days.LATE <= now]
    except RetryableMetricsError:
        return
    for hour in closed:
        try:
            recent.drop_filled(hour)
        except Exception as error:
            # What is left of it is dropped the next time.
            log.exception("hour_not_dropped", tenant_id=hour.tenant_id, hour=hour.start.isoformat())
            if _is_away(error):
                return
