"""Hours and days made again from what is left of them: for who finds them damaged, as after a restored backup.

Each is held against its mark first. What is whole stays as it is, and nothing is put in the place of something that
has more segments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from metrics import hours, recent, rollups
from metrics.hours import days, rebuilding
from metrics.hours.reading import bounds_of
from metrics.hours.rebuilding import DayStanding, HourStanding
from metrics.rollups import Step


class Source(StrEnum):
    """From what an hour or a day can be made again; `WHOLE` needs not be, `NONE` cannot be without losing something."""

    WHOLE = "whole"
    REDIS = "from Redis"
    ROWS = "from rows"
    HOURS = "from hours"
    NONE = "refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """An hour (`start` with a time) or a day of a tenant's; `said` is why it is refused, or what it lacks."""

    tenant_id: int
    start: datetime | date
    source: Source
    segments: int
    said: str = ""


def rebuild(
    since: date,
    until: date,
    *,
    now: datetime | None = None,
    dry_run: bool = False,
    progress: Callable[[Step], None] = lambda _: None,
) -> list[Finding]:
    """Look at every hour and day from the one to the other, both of them too, and make those again that can be.

    Raises RetryableMetricsError; what was made by then is made, and again is the same as once.
    """
    now = now or datetime.now(UTC)
    first, last = bounds_of(since)[0], bounds_of(until)[1]
    # What waits needs no more than its filling, and is then held against its mark as all is. What Redis has is needed.
    rollups.fill_hours(now, since=first, until=last, dry_run=dry_run, drop_closed=False)
    there = set(recent.there())
    standings = list(rebuilding.hour_standings(first, last))
    findings = []
    hours_of: dict[tuple[int, date], list[Finding]] = {}
    for number, standing in enumerate(standings, 1):
        progress(Step(standing.hour.tenant_id, standing.hour.start, number, len(standings)))
        finding = _rebuild_hour(standing, is_in_redis=standing.hour in there, dry_run=dry_run)
        findings.append(finding)
        hours_of.setdefault((standing.hour.tenant_id, standing.hour.start.date()), []).append(finding)
    waiting = {(hour.tenant_id, hour.start.date()) for hour in recent.waiting()}
    for day in list(rebuilding.day_standings(since, until)):
        of_day = (day.tenant_id, day.day)
        finding = _finding_of_day(day, hours_of.get(of_day, []))
        if finding.source == Source.HOURS and not dry_run:
            days.roll(*of_day, is_closed=days.is_closed(day.day, now) and of_day not in waiting)
        findings.append(finding)
    return findings


def _rebuild_hour(standing: HourStanding, *, is_in_redis: bool, dry_run: bool) -> Finding:
    hour, segments = standing.hour, standing.by_mark
    lacks = f"{segments} segments by its mark, {standing.by_channel} by channel, {standing.in_rows} in rows"
    is_whole = standing.by_channel == segments and (standing.in_rows == segments or not is_in_redis)
    if is_whole:
        return Finding(hour.tenant_id, hour.start, Source.WHOLE, segments)
    reading = recent.read_hour(hour) if is_in_redis else None
    if reading is not None:
        said = sum(totals.segments for channel, totals in reading.channels if not channel.channel_id)
        counted = sum(one["segments"] for one in standing.counted if one["epoch"] == reading.epoch)
        others_are_whole = [one["epoch"] for one in standing.counted] == [reading.epoch]
        in_groups = sum(totals.segments for _, totals in reading.groups)
        if standing.by_channel == segments and others_are_whole and standing.in_rows == in_groups:
            # Somebody has been erased, from here and from there.
            return Finding(hour.tenant_id, hour.start, Source.WHOLE, segments)
        if counted <= said and others_are_whole:
            fillings = [] if dry_run else recent.begin_filling(hour, reading)
            if fillings:
                hours.fill(hour, reading, fillings, anew=True)
            return Finding(hour.tenant_id, hour.start, Source.REDIS, said, lacks)
    if standing.by_channel == segments:
        return Finding(hour.tenant_id, hour.start, Source.WHOLE, segments)
    if standing.in_rows == segments:
        if not dry_run:
            rebuilding.rebuild_channels(standing)
        return Finding(hour.tenant_id, hour.start, Source.ROWS, segments, f"{lacks}; without percentiles")
    return Finding(hour.tenant_id, hour.start, Source.NONE, standing.by_channel, lacks)


def _finding_of_day(day: DayStanding, of_hours: Sequence[Finding]) -> Finding:
    """By its hours as they are when they have been made again."""
    in_hours = sum(one.segments for one in of_hours)
    sources = {one.source for one in of_hours}
    if day.by_mark == day.by_channel == in_hours and sources <= {Source.WHOLE}:
        return Finding(day.tenant_id, day.day, Source.WHOLE, day.by_mark)
    lacks = f"{day.by_mark} segments by its mark, {day.by_channel} by channel, {in_hours} in its hours"
    if Source.NONE not in sources and in_hours >= max(day.by_mark, day.by_channel):
        return Finding(day.tenant_id, day.day, Source.HOURS, in_hours, lacks)
    return Finding(day.tenant_id, day.day, Source.NONE, day.by_channel, lacks)
