"""Days read: each by its roll-up where that has all of it, and by its hours where it has not."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from metrics.hours.collections import DAYS, FILLS, HOURS, ROLLS
from metrics.hours.documents import summed
from metrics.hours.reading import (
    at_one_moment,
    bounds_of,
    counted_alone,
    documents_of,
    fills_in,
    named,
    numbers_by,
    only,
    that_count,
)
from metrics.mongo_clients import DEADLINE_MS, collection, reachable
from metrics.totals import Totals

_DAY = timedelta(days=1)


@reachable()
def by_day(
    tenant_id: int,
    since: date,
    until: date,
    *,
    channel_id: str = "",
    pipeline: str | None = None,
    without: Collection[datetime] = (),
) -> dict[date, Totals]:
    """What one channel did, or all together, from `since` to before `until`; days without segments are left out.

    `without` are hours that are to be left out. Their days are told by hours, as those are that an hour has been filled
    of which the roll-up does not have.
    """
    by_hours = {start.date() for start in without}
    found = _found(tenant_id, since, until, {"channel_id": channel_id, **only(pipeline)}, by_hours)
    hours = [*that_count([one for one in found if "hour" in one])]
    unrolled = {one["hour"].date() for one in found if not one.get("is_rolled", True)}
    for start, end in _runs(unrolled - by_hours):
        hours += documents_of(tenant_id, start, end, channel_id=channel_id, pipeline=pipeline)
    current = {one["day"]: one["current"] for one in found if "current" in one}
    sums: dict[date, list[Mapping[str, Any]]] = {}
    for one in found:
        if "day" in one and "sums" in one and one["fill"] == current.get(one["day"]):
            day = one["day"].date()
            if day not in unrolled and day not in by_hours:
                sums.setdefault(day, []).append(one["sums"])
    for hour in hours:
        if hour["hour"] not in without:
            sums.setdefault(hour["hour"].date(), []).append(hour["sums"])
    return {day: summed(several) for day, several in sums.items()}


@reachable()
def by_channel(
    tenant_id: int,
    since: datetime,
    until: datetime,
    *,
    pipeline: str | None = None,
    without: Collection[datetime] = (),
) -> list[tuple[str, Totals]]:
    """What each channel did in all of the hours but those left out, most segments first, at most MOST_NAMES.

    Numbers only, no stages, languages or latency; `since` and `until` are on the hour. Whole days are added up from
    their roll-ups, where these have all of them.
    """
    with at_one_moment() as session:
        marks = list(collection(FILLS).aggregate(_marks(tenant_id, since, until), session=session))
        counting = fills_in(marks)
        by_hours = {start.date() for start in without}
        by_hours |= {one["hour"].date() for one in marks if not one.get("is_rolled", True)}
        # Of a day that has no roll-up nothing is filled that is not among these.
        days_of_fill: dict[int, list[datetime]] = {}
        for one in marks:
            if "current" in one and since <= one["day"] <= until - _DAY and one["day"].date() not in by_hours:
                days_of_fill.setdefault(one["current"], []).append(one["day"])
        by_hours |= _begun(since, until)
        hours: list[dict[str, Any]] = [
            {"hour": {"$gte": max(start, since), "$lt": min(end, until)}} for start, end in _runs(by_hours)
        ]
        days: list[dict[str, Any]] = [{"fill": fill, "day": {"$in": several}} for fill, several in days_of_fill.items()]
        of_channels = {"tenant_id": tenant_id, "channel_id": {"$ne": ""}, **only(pipeline)}
        # An empty list of conditions is no condition.
        of_hours = [{"$or": hours or [{"hour": None}]}, counted_alone(counting, without, of="hour")]
        stages = [
            {"$match": {**of_channels, "$or": days or [{"day": None}]}},
            _union(HOURS, {**of_channels, "$and": of_hours}, "channel_id", "sums"),
            *numbers_by("$channel_id"),
        ]
        return named(collection(DAYS).aggregate(stages, session=session, maxTimeMS=DEADLINE_MS))


def _marks(tenant_id: int, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Marks of hours that are not plain or not rolled up, and marks of days; all of the days that are touched."""
    between = {"$gte": bounds_of(since.date())[0], "$lt": until}
    marks = {"tenant_id": tenant_id, "hour": between}
    return [
        # Each of the two has an index of the few that it is true of.
        {"$match": {"$or": [{**marks, "is_plain": False}, {**marks, "is_rolled": False}]}},
        {"$project": {"_id": 0, "hour": 1, "counted.fill": 1, "is_rolled": 1}},
        _union(ROLLS, {"tenant_id": tenant_id, "day": between}, "day", "current"),
    ]


def _begun(since: datetime, until: datetime) -> set[date]:
    """The first and the last day, where they are not whole."""
    days = set()
    if since < until:
        days |= {since.date()} if since != bounds_of(since.date())[0] else set()
        days |= {until.date()} if until != bounds_of(until.date())[0] else set()
    return days


def _found(
    tenant_id: int, since: date, until: date, of_channel: Mapping[str, Any], by_hours: Iterable[date]
) -> list[dict[str, Any]]:
    """As of one moment: marks of hours that are not plain or not rolled up, marks of days, days, and hours of some."""
    tenant = {"tenant_id": tenant_id}
    bounds = bounds_of(since)[0], bounds_of(until)[0]
    between = {"$gte": bounds[0], "$lt": bounds[1]}
    hours = [{**tenant, **of_channel, "hour": {"$gte": start, "$lt": end}} for start, end in _runs(set(by_hours))]
    stages: list[dict[str, Any]] = [
        *_marks(tenant_id, *bounds),
        _union(DAYS, {**tenant, **of_channel, "day": between}, "day", "fill", "sums"),
        *(_union(HOURS, run, "hour", "fill", "sums") for run in hours),
    ]
    with at_one_moment() as session:
        return list(collection(FILLS).aggregate(stages, session=session, maxTimeMS=DEADLINE_MS))


def _union(name: str, wanted: Mapping[str, Any], *fields: str) -> dict[str, Any]:
    shown = {"_id": 0, **dict.fromkeys(fields, 1)}
    return {"$unionWith": {"coll": name, "pipeline": [{"$match": wanted}, {"$project": shown}]}}


def _runs(days: Collection[date]) -> Iterator[tuple[datetime, datetime]]:
    """The beginning and the end of each stretch of days that follow one another."""
    began: date | None = None
    for day in sorted(days):
        if began is None:
            began = day
        if day + _DAY not in days:
            yield bounds_of(began)[0], bounds_of(day)[1]
            began = None
