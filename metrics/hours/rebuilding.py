"""What there is of hours and days held against their marks, and hours by channel made again from the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from metrics.hours.collections import DAYS, FILLS, HOURS, ROLLS, ROWS
from metrics.hours.documents import Counted, hour_row_of
from metrics.hours.filling import fill_from_rows
from metrics.hours.going_back import Sums
from metrics.hours.reading import bounds_of
from metrics.mongo_clients import DEADLINE_MS, collection, reachable
from metrics.segments import Channel, Group, Hour
from metrics.totals import Totals


@dataclass(frozen=True, slots=True)
class HourStanding:
    """How many segments each place says that an hour has: its mark, what channels did, and the rows that count.

    Rows may say less: the totals of channels name nobody and stay when somebody is erased, and the rows go.
    """

    hour: Hour
    counted: tuple[Counted, ...]
    by_channel: int
    in_rows: int

    @property
    def by_mark(self) -> int:
        return sum(one["segments"] for one in self.counted)


@dataclass(frozen=True, slots=True)
class DayStanding:
    """The same of a day: its mark and its documents."""

    tenant_id: int
    day: date
    by_mark: int
    by_channel: int


def hour_standings(since: datetime, until: datetime) -> Iterator[HourStanding]:
    """Of every tenant's filled hours in that time, in order of start. Raises RetryableMetricsError."""
    with reachable():
        wanted = {"hour": {"$gte": since, "$lt": until}, "counted": {"$ne": []}}
        marks = list(collection(FILLS).find(wanted, sort=[("hour", 1), ("tenant_id", 1)]))
    for mark in marks:
        with reachable():
            tenant_id, start = mark["tenant_id"], mark["hour"]
            fills = {"$in": [one["fill"] for one in mark["counted"]]}
            of_all = {"tenant_id": tenant_id, "hour": start, "channel_id": "", "fill": fills}
            rows = {"metadata.tenant_id": tenant_id, "timestamp": start, "fill": fills}
            yield HourStanding(
                hour=Hour(start, tenant_id),
                counted=tuple(mark["counted"]),
                by_channel=_sum(HOURS, of_all),
                in_rows=_sum(ROWS, rows),
            )


def day_standings(since: date, until: date) -> Iterator[DayStanding]:
    """Of every tenant's days from the one to the other, both of them too. Raises RetryableMetricsError."""
    bounds = {"$gte": bounds_of(since)[0], "$lt": bounds_of(until)[1]}
    with reachable():
        rolls = {(one["day"].date(), one["tenant_id"]): one for one in collection(ROLLS).find({"day": bounds})}
        filled = {
            (one["hour"].date(), one["tenant_id"])
            for one in collection(FILLS).find({"hour": bounds, "counted": {"$ne": []}}, {"hour": 1, "tenant_id": 1})
        }
    for day, tenant_id in sorted({*rolls, *filled}):
        roll = rolls.get((day, tenant_id))
        of_all = {"tenant_id": tenant_id, "day": bounds_of(day)[0], "channel_id": ""}
        with reachable():
            yield DayStanding(
                tenant_id=tenant_id,
                day=day,
                by_mark=roll["segments"] if roll else 0,
                by_channel=_sum(DAYS, {**of_all, "fill": roll["current"]}) if roll else 0,
            )


@reachable()
def rebuild_channels(standing: HourStanding) -> None:
    """Make what channels did in the hour again, from its rows: without latency, which no row has.

    What counts until it is done is what counted before, unless the hour is filled meanwhile, which then stays. Raises
    RetryableMetricsError; again is the same as once.
    """
    fill_from_rows(standing.hour, standing.counted, [_of_rows(standing.hour, one["fill"]) for one in standing.counted])


def _of_rows(hour: Hour, fill: int) -> Sums:
    groups: dict[Group, Totals] = {}
    channels: dict[Channel, Totals] = {}
    rows = {"metadata.tenant_id": hour.tenant_id, "timestamp": hour.start, "fill": fill}
    for row in map(hour_row_of, collection(ROWS).find(rows)):
        groups.setdefault(row.group, Totals()).add(row.totals)
        for channel_id in ("", row.group.channel_id):
            channels.setdefault(Channel(channel_id, row.group.pipeline), Totals()).add(row.totals)
    return Sums(list(groups.items()), list(channels.items()))


def _sum(name: str, wanted: Mapping[str, Any]) -> int:
    stages: list[dict[str, Any]] = [{"$match": wanted}, {"$group": {"_id": None, "segments": {"$sum": "$sums.n"}}}]
    found = list(collection(name).aggregate(stages, maxTimeMS=DEADLINE_MS))
    return int(found[0]["segments"]) if found else 0
