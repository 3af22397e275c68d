"""Hours read, and of their rows those alone that count.

Which rows count and the rows themselves are read as of one moment, because a fill may be moving the mark meanwhile.
`since` is included, `until` is not.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern

from metrics import mongo_clients
from metrics.hours.collections import FILLS, HOURS, ROWS
from metrics.hours.documents import HourRow, HourTotals, RunningSum, hour_row_of, summed
from metrics.mongo_clients import DEADLINE_MS, collection, reachable
from metrics.segments import Channel
from metrics.totals import Totals

_DAY = timedelta(days=1)
# All of an hour's rows are of its first fill, unless its mark says otherwise.
_FIRST: Final = frozenset({1})
# What a row has of `Totals` beside maps, which MongoDB cannot add up by name.
_NUMBERS: Final = ("n", "e", "r", "d", "o", "b", "t", "u")
_SUMS: Final = {name: {"$sum": f"$sums.{name}"} for name in _NUMBERS}
# Of the names that did most; whoever wants a few adds what runs to them.
MOST_NAMES: Final = 10_000
# A day of many tenants' rows is read in pieces of so many.
_ROWS_AT_ONCE: Final = 2000


@reachable()
def filled(tenant_id: int, since: datetime, until: datetime) -> set[datetime]:
    """The hours of which a fill counts; whatever is read as of one moment from now on has them."""
    # Such a moment is one that a majority has. What this server alone knows of yet would not be in it.
    found = (
        collection(FILLS)
        .with_options(read_concern=ReadConcern("majority"))
        .find({**_between(tenant_id, since, until), "counted": {"$ne": []}}, {"hour": 1}, max_time_ms=DEADLINE_MS)
    )
    return {one["hour"] for one in found}


@reachable()
def unrolled(tenant_id: int, since: datetime, until: datetime) -> set[datetime]:
    """The filled hours that are not in the roll-up of their day yet, or not as they are now."""
    found = collection(FILLS).find(
        {**_between(tenant_id, since, until), "is_rolled": False}, {"hour": 1}, max_time_ms=DEADLINE_MS
    )
    return {one["hour"] for one in found}


@reachable()
def by_hour(
    tenant_id: int, since: datetime, until: datetime, *, channel_id: str = "", pipeline: str | None = None
) -> list[HourTotals]:
    """What one channel did, or all together, in order of start; an hour without segments is left out."""
    sums: dict[tuple[datetime, str], list[Mapping[str, Any]]] = {}
    for one in documents_of(tenant_id, since, until, channel_id=channel_id, pipeline=pipeline):
        sums.setdefault((one["hour"], one["pipeline"]), []).append(one["sums"])
    return [
        HourTotals(start, Channel(channel_id, of_pipeline), summed(several))
        for (start, of_pipeline), several in sorted(sums.items(), key=lambda one: one[0])
    ]


def documents_of(
    tenant_id: int, since: datetime, until: datetime, *, channel_id: str, pipeline: str | None
) -> Iterator[Mapping[str, Any]]:
    """The hours of one channel that count, as they lie there, in no order."""
    of_channel = {**_between(tenant_id, since, until), "channel_id": channel_id, **only(pipeline)}
    marks: list[dict[str, Any]] = [
        {"$match": {**_between(tenant_id, since, until), "is_plain": False}},
        {"$project": {"_id": 0, "hour": 1, "counted.fill": 1}},
        {"$unionWith": {"coll": HOURS, "pipeline": [{"$match": of_channel}, {"$project": {"_id": 0, "tenant_id": 0}}]}},
    ]
    # One question instead of two, which are most of what it costs.
    with at_one_moment() as session:
        found = list(collection(FILLS).aggregate(marks, session=session, hint="not_plain", maxTimeMS=DEADLINE_MS))
    return that_count(found)


def that_count(found: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The hours that count among marks, which there are of all that are not plain, and hours."""
    counting = fills_in(found)
    return (one for one in found if "sums" in one and one["fill"] in counting.get(one["hour"], _FIRST))


@reachable()
def by_channel(
    tenant_id: int,
    since: datetime,
    until: datetime,
    *,
    pipeline: str | None = None,
    without: Collection[datetime] = (),
) -> list[tuple[str, Totals]]:
    """What each channel did in all of the hours but those left out."""
    wanted = {**_between(tenant_id, since, until), "channel_id": {"$ne": ""}, **only(pipeline)}
    sums: dict[str, RunningSum] = {}
    with at_one_moment() as session:
        counting = fills_of(tenant_id, since, until, session)
        for one in _documents(wanted, session):
            if one["hour"] not in without and one["fill"] in counting.get(one["hour"], _FIRST):
                sums.setdefault(one["channel_id"], RunningSum()).add(one["sums"])
    return [(channel_id, several.totals()) for channel_id, several in sorted(sums.items())]


@reachable()
def by_user(
    tenant_id: int,
    since: datetime,
    until: datetime,
    *,
    pipeline: str | None = None,
    without: Collection[datetime] = (),
) -> list[tuple[str, Totals]]:
    """What each user did in all of the hours but those left out, most segments first, at most MOST_NAMES.

    Numbers only, no stages, languages or latency.
    """
    wanted = {**_rows_between(tenant_id, since, until), "metadata.user_id": {"$ne": ""}}
    if pipeline is not None:
        wanted["metadata.pipeline"] = pipeline
    with at_one_moment() as session:
        counting = fills_of(tenant_id, since, until, session)
        stages = [
            {"$match": {**wanted, **counted_alone(counting, without, of="timestamp")}},
            *numbers_by("$metadata.user_id"),
        ]
        return named(collection(ROWS).aggregate(stages, session=session, maxTimeMS=DEADLINE_MS))


def numbers_by(name: str) -> list[dict[str, Any]]:
    """The stages that add up numbers by name, most segments first."""
    return [{"$group": {"_id": name, **_SUMS}}, {"$sort": {"n": -1, "_id": 1}}, {"$limit": MOST_NAMES}]


def named(found: Iterable[Mapping[str, Any]]) -> list[tuple[str, Totals]]:
    """What `numbers_by` makes, in its order."""
    return [(one["_id"], Totals.from_counts({name: one[name] for name in _NUMBERS})) for one in found]


@reachable()
def sum_of_user(
    tenant_id: int, user_id: str, since: datetime, until: datetime, *, without: Collection[datetime] = ()
) -> Totals:
    """All that a user did in the hours but those left out: numbers only, as `by_user`."""
    wanted = {**_rows_between(tenant_id, since, until), "metadata.user_id": user_id}
    with at_one_moment() as session:
        counting = fills_of(tenant_id, since, until, session)
        stages = [
            {"$match": {**wanted, **counted_alone(counting, without, of="timestamp")}},
            {"$group": {"_id": None, **_SUMS}},
        ]
        found = list(collection(ROWS).aggregate(stages, session=session, hint="tenant_user", maxTimeMS=DEADLINE_MS))
    return Totals.from_counts({name: one[name] for one in found for name in _NUMBERS})


@reachable()
def of_user(tenant_id: int, user_id: str, since: datetime, until: datetime) -> list[HourRow]:
    """The user's hours by group, in order of start; of one group and hour there may be several, which add up."""
    wanted = {**_rows_between(tenant_id, since, until), "metadata.user_id": user_id}
    with at_one_moment() as session:
        counting = fills_of(tenant_id, since, until, session)
        return sorted(_rows(wanted, counting, session), key=lambda row: (row.start, row.group))


def rows_of_day(tenant_id: int, day: date) -> Iterator[HourRow]:
    """The rows of all hours of the day, in no order; of one group and hour there may be several, which add up.

    They are read as the iterator goes on, which is to take minutes at most. Raises RetryableMetricsError.
    """
    since, until = bounds_of(day)
    with reachable(), at_one_moment() as session:
        counting = fills_of(tenant_id, since, until, session)
        yield from _rows(_rows_between(tenant_id, since, until), counting, session)


@reachable()
def tenants_of_day(day: date) -> list[int]:
    """Those that have a filled hour that day."""
    since, until = bounds_of(day)
    wanted = {"hour": {"$gte": since, "$lt": until}, "counted": {"$ne": []}}
    return sorted(collection(FILLS).distinct("tenant_id", wanted, maxTimeMS=DEADLINE_MS))


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """When the day begins and ends, in UTC."""
    start = datetime.combine(day, time_of_day(), UTC)
    return start, start + _DAY


@contextmanager
def at_one_moment() -> Iterator[ClientSession]:
    """What is read in the session, is read as of one moment, which stays readable for some minutes."""
    with mongo_clients.client().start_session(snapshot=True) as session:
        yield session


def fills_of(
    tenant_id: int, since: datetime, until: datetime, session: ClientSession
) -> Mapping[datetime, Collection[int]]:
    """Which fills count, for the few hours of which it is not the first alone."""
    found = collection(FILLS).find(
        {**_between(tenant_id, since, until), "is_plain": False},
        {"hour": 1, "counted.fill": 1},
        session=session,
        hint="not_plain",
        max_time_ms=DEADLINE_MS,
    )
    return fills_in(found)


def fills_in(found: Iterable[Mapping[str, Any]]) -> dict[datetime, frozenset[int]]:
    """By hour, the fills that count by the marks among what was found."""
    return {one["hour"]: frozenset(fill["fill"] for fill in one["counted"]) for one in found if "counted" in one}


def _documents(wanted: Mapping[str, Any], session: ClientSession) -> Iterator[dict[str, Any]]:
    yield from collection(HOURS).find(wanted, {"_id": 0, "tenant_id": 0}, session=session, max_time_ms=DEADLINE_MS)


def _rows(
    wanted: Mapping[str, Any], counting: Mapping[datetime, Collection[int]], session: ClientSession
) -> Iterator[HourRow]:
    fields = {"_id": 0, "timestamp": 1, "metadata": 1, "fill": 1, "sums": 1}
    for row in collection(ROWS).find(wanted, fields, session=session, batch_size=_ROWS_AT_ONCE):
        if row["fill"] in counting.get(row["timestamp"], _FIRST):
            yield hour_row_of(row)


def counted_alone(
    counting: Mapping[datetime, Collection[int]], without: Collection[datetime], *, of: str
) -> dict[str, Any]:
    """The condition for the server, which has to add up what it does not send; `of` names the hour's field."""
    special = [*counting, *without]
    told = [{of: start, "fill": {"$in": sorted(fills)}} for start, fills in counting.items() if start not in without]
    return {"$or": [{of: {"$nin": special}, "fill": 1}, *told]}


def only(pipeline: str | None) -> dict[str, Any]:
    return {} if pipeline is None else {"pipeline": pipeline}


def _between(tenant_id: int, since: datetime, until: datetime) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "hour": {"$gte": since, "$lt": until}}


def _rows_between(tenant_id: int, since: datetime, until: datetime) -> dict[str, Any]:
    return {"metadata.tenant_id": tenant_id, "timestamp": {"$gte": since, "$lt": until}}
