"""Days of one company removed before their age lets them go, on purpose and for good.

1. Before which day that was done is noted, with the days that stay all the same. From then on no hour of a removed day
   is filled, whatever Redis or a backup still has of it.
2. The marks of its hours are emptied: at that moment nothing of the day counts any more, for whoever reads.
3. What channels did by hour and by day goes, and the rows.
4. The marks go, but for those of hours that still have rows.

Before version 7 MongoDB removes rows of a time series by their `metadata` alone, so that there the rows of a session go
when all of them are old. Those of one that went on past the day lie there, counting for nothing, until it has ended and
the next run comes, or their age lets them go. It is done day by day, since a server unpacks all rows that it is asked
about by time.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from metrics import mongo_clients
from metrics.hours.collections import AWAITED, DAYS, FILLS, HOURS, REMOVED, ROLLS, ROWS
from metrics.hours.reading import bounds_of
from metrics.mongo_clients import DEADLINE_MS, collection, reachable

# So many go to the server at a time.
_SESSIONS_AT_ONCE: Final = 200
_DAYS_AT_ONCE: Final = 30
# From this version on rows are removed by their time as well.
_REMOVES_BY_TIME: Final = 7
# A row's metadata, to be kept in sets.
_Told = frozenset[tuple[str, Any]]


@reachable()
def is_removed(tenant_id: int, day: date) -> bool:
    """Whether that day of the company's was removed on purpose."""
    noted = collection(REMOVED).find_one({"tenant_id": tenant_id}, max_time_ms=DEADLINE_MS)
    start = bounds_of(day)[0]
    return noted is not None and start < noted["before"] and start not in noted["kept"]


@reachable()
def days_there(tenant_id: int, before: date) -> set[date]:
    """The company's days before that one of which anything counts, or anything else is left that can be removed."""
    of_tenant: dict[str, Any] = {"tenant_id": tenant_id}
    start = bounds_of(before)[0]
    of_hours = {**of_tenant, "hour": {"$lt": start}}
    of_days = {**of_tenant, "day": {"$lt": start}}
    found: set[date] = set()
    for name, wanted in ((FILLS, {**of_hours, "counted": {"$ne": []}}), (HOURS, of_hours), (AWAITED, of_hours)):
        found |= _distinct_days(name, wanted, "hour")
    for name in (DAYS, ROLLS):
        found |= _distinct_days(name, of_days, "day")
    return found


@reachable()
def oldest(tenant_id: int) -> date | None:
    """The first day of which an hour counts."""
    wanted = {"tenant_id": tenant_id, "counted": {"$ne": []}}
    first = collection(FILLS).find_one(wanted, {"hour": 1}, sort=[("hour", 1)], max_time_ms=DEADLINE_MS)
    return first["hour"].date() if first else None


@reachable()
def days_naming(tenant_id: int, people: Collection[tuple[str, str | None]], before: date) -> set[date]:
    """The days before that one on which one of the people did something, by (id, platform), without one on any."""
    found: set[date] = set()
    for user_id, platform in people:
        person = {"metadata.tenant_id": tenant_id, "metadata.user_id": user_id}
        if platform is not None:
            person["metadata.platform"] = platform
        found |= _distinct_days(ROWS, {**person, "timestamp": {"$lt": bounds_of(before)[0]}}, "timestamp")
    return found


@reachable()
def note(tenant_id: int, before: date, *, kept: Collection[date]) -> None:
    """From now on no hour of a day before that one is filled, but of the days that are kept.

    It never goes back: what was removed once stays so.
    """
    start = bounds_of(before)[0]
    noted = collection(REMOVED).find_one({"tenant_id": tenant_id})
    stay = {bounds_of(day)[0] for day in kept}
    if noted:
        # A company that keeps more now has still lost what it lost before.
        stay |= {day for day in noted["kept"] if day >= start}
        start = max(start, noted["before"])
    changes = {"before": start, "kept": sorted(stay)}
    collection(REMOVED).update_one({"tenant_id": tenant_id}, {"$set": changes}, upsert=True)


@reachable()
def remove(tenant_id: int, days: Collection[date], *, before: date, kept: Collection[date]) -> None:
    """Remove these days, of those before that one, all of which are noted; with rows that earlier runs had to leave.

    Again is the same as once. Raises RetryableMetricsError.
    """
    of_tenant = {"tenant_id": tenant_id}
    for some in _batches(sorted(days), _DAYS_AT_ONCE):
        hours = {**of_tenant, "$or": [{"hour": _within(day)} for day in some]}
        emptied = {"counted": [], "earlier": [], "is_plain": False, "is_rolled": True}
        collection(FILLS).update_many(hours, {"$set": emptied})
        for name in (HOURS, AWAITED):
            collection(name).delete_many(hours)
        for name in (DAYS, ROLLS):
            collection(name).delete_many({**of_tenant, "day": {"$in": [bounds_of(day)[0] for day in some]}})
    # With those of earlier runs of which something had to stay.
    emptied_days = _distinct_days(FILLS, {**of_tenant, "hour": {"$lt": bounds_of(before)[0]}, "counted": []}, "hour")
    going_on: set[_Told] = set()
    for day in sorted(emptied_days - set(kept)):
        _remove_rows(tenant_id, day, before, kept, going_on)
        _remove_marks(tenant_id, day)


def _remove_rows(tenant_id: int, day: date, before: date, kept: Collection[date], going_on: set[_Told]) -> None:
    """The day's, of sessions that have nothing on a later day, nor on one that is kept; all with a newer server.

    `going_on` are those that have, as far as they have been met, and gets those that are met now.
    """
    of_day = {"metadata.tenant_id": tenant_id, "timestamp": _within(day)}
    if int(mongo_clients.client().server_info()["versionArray"][0]) >= _REMOVES_BY_TIME:
        collection(ROWS).delete_many(of_day)
        return
    stay = [{"timestamp": {"$gte": bounds_of(before)[0]}}, *({"timestamp": _within(one)} for one in kept)]
    unmet = (one for one in _sessions(of_day) if _told(one) not in going_on)
    for some in _batches(unmet, _SESSIONS_AT_ONCE):
        going_on |= {_told(one) for one in _sessions({"$and": [{"$or": _named(some)}, {"$or": stay}]})}
        if over := [one for one in some if _told(one) not in going_on]:
            collection(ROWS).delete_many({"$or": _named(over)})


def _remove_marks(tenant_id: int, day: date) -> None:
    """Emptied ones, of hours without rows: a row without a mark would count."""
    of_day = {"metadata.tenant_id": tenant_id, "timestamp": _within(day)}
    left = [one["_id"] for one in collection(ROWS).aggregate([{"$match": of_day}, {"$group": {"_id": "$timestamp"}}])]
    emptied = {"tenant_id": tenant_id, "hour": {**_within(day), "$nin": left}, "counted": []}
    collection(FILLS).delete_many(emptied)


def _sessions(wanted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The metadata of the rows that are wanted, each once."""
    stages: list[dict[str, Any]] = [{"$match": wanted}, {"$group": {"_id": "$metadata"}}]
    return [one["_id"] for one in collection(ROWS).aggregate(stages, allowDiskUse=True)]


def _named(sessions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The conditions by which a time series lets go of them, field by field along its index."""
    return [{f"metadata.{name}": value for name, value in one.items()} for one in sessions]


def _told(metadata: Mapping[str, Any]) -> _Told:
    return frozenset(metadata.items())


def _distinct_days(name: str, wanted: Mapping[str, Any], moment: str) -> set[date]:
    day = {"$dateTrunc": {"date": f"${moment}", "unit": "day"}}
    found = collection(name).aggregate([{"$match": wanted}, {"$group": {"_id": day}}], maxTimeMS=DEADLINE_MS)
    return {one["_id"].date() for one in found}


def _within(day: date) -> dict[str, datetime]:
    since, until = bounds_of(day)
    return {"$gte": since, "$lt": until}


def _batches(things: Iterable[Any], most: int) -> Iterator[Sequence[Any]]:
    remaining = iter(things)
    while some := list(islice(remaining, most)):
        yield some
