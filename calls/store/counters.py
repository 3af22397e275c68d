"""How many calls have each status, kept in the transaction of every write that changes it.

A counter is a sum over slots: of sixteen that write at once, two seldom meet in one slot, and do not wait for each
other. What a slot holds means nothing by itself; it may be negative.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure

from calls.errors import RetryableCallError
from calls.store.client import CALLS, COUNTERS, calls, collection, in_transaction, patient, reachable
from calls.store.expressions import Document
from metrics.mongo_clients import DEADLINE_MS

SLOTS = 16
# A million calls take about a second, and ten on a machine that is busy; a moment is kept for five minutes.
RECONCILING_MS = 120_000
# It holds all that is asked for, so that no call is read.
_INDEX = "tenant_status"
# What the server says of a hint at an index that it does not have: BadValue.
_NO_SUCH_INDEX = 2

# Of calls that older programs wrote, some have a number for a status; everywhere else it is a string.
_STATUS = {"$cond": [{"$eq": [{"$type": "$status_id"}, "null"]}, None, {"$toString": "$status_id"}]}


@dataclass(frozen=True, slots=True)
class Drift:
    """A counter that was not what there is."""

    tenant_id: int
    status_id: str | None
    counted: int
    there: int


def add(session: ClientSession, tenant_id: int, changes: Mapping[str | None, int]) -> None:
    """Count calls of a company in or out: status → how many more."""
    by_status = [(status_id, by) for status_id, by in changes.items() if by]
    if by_status:
        slot = secrets.randbelow(SLOTS)
        collection(COUNTERS).bulk_write(
            [
                UpdateOne(
                    {"tenant_id": tenant_id, "status_id": status_id, "slot": slot}, {"$inc": {"count": by}}, upsert=True
                )
                for status_id, by in by_status
            ],
            session=session,
        )


@reachable()
def counts(tenant_id: int) -> dict[str | None, int]:
    """Status → how many calls have it; those that none has are left out."""
    found = collection(COUNTERS).aggregate(summing(tenant_id), maxTimeMS=DEADLINE_MS)
    return {one["_id"]: int(one["count"]) for one in found}


def summing(tenant_id: int) -> list[Document]:
    """The stages that give a company's counters, as `_id`, the status, and `count`."""
    return [
        {"$match": {"tenant_id": tenant_id}},
        {"$group": {"_id": "$status_id", "count": {"$sum": "$count"}}},
        {"$match": {"count": {"$ne": 0}}},
    ]


@reachable()
def largest_company() -> int | None:
    """The company with the most calls by its counters; None while there are no calls."""
    pipeline: list[Document] = [
        {"$group": {"_id": "$tenant_id", "count": {"$sum": "$count"}}},
        {"$sort": {"count": -1, "_id": 1}},
        {"$limit": 1},
    ]
    found = list(collection(COUNTERS).aggregate(pipeline, maxTimeMS=DEADLINE_MS))
    if found and found[0]["count"] > 0:
        return int(found[0]["_id"])
    # Of calls that nobody has counted yet, any company's.
    any_call = calls().find_one({}, {"tenant_id": True}, max_time_ms=DEADLINE_MS)
    return None if any_call is None else int(any_call["tenant_id"])


@reachable()
def reconcile_counters(*, mend: bool = True) -> list[Drift]:
    """The counters that are not what there is, and mend them. Calls may go on moving meanwhile.

    One at a time may mend them: two who find the same would both add what is between.

    Both are read as of one moment, and what is between them is added: a move that comes later adds its own.
    """
    with patient() as database, database.client.start_session(snapshot=True) as session:
        counted, there = _both(database, session)
    drifts = [
        Drift(tenant_id, status_id, counted[tenant_id, status_id], there[tenant_id, status_id])
        for tenant_id, status_id in sorted(counted.keys() | there.keys(), key=str)
        if counted[tenant_id, status_id] != there[tenant_id, status_id]
    ]
    if mend:
        for drift in drifts:
            _mend(drift)
    return drifts


def _mend(drift: Drift) -> None:
    def work(session: ClientSession) -> None:
        add(session, drift.tenant_id, {drift.status_id: drift.there - drift.counted})

    in_transaction(work)


def _both(
    database: Database[Document], session: ClientSession
) -> tuple[Counter[tuple[int, str | None]], Counter[tuple[int, str | None]]]:
    by_status = {"tenant_id": "$tenant_id", "status_id": "$status_id"}
    slots = database[COUNTERS].aggregate([{"$group": {"_id": by_status, "count": {"$sum": "$count"}}}], session=session)
    counted = _counter(slots)
    pipeline = [
        {"$match": {"tenant_id": {"$gte": 0}, "deleted": 0}},
        {"$group": {"_id": {"tenant_id": "$tenant_id", "status_id": _STATUS}, "count": {"$sum": 1}}},
    ]
    try:
        found = database[CALLS].aggregate(pipeline, session=session, hint=_INDEX, maxTimeMS=RECONCILING_MS)
    except OperationFailure as error:
        if error.code != _NO_SUCH_INDEX:
            raise
        raise RetryableCallError(
            f"The calls cannot be counted while their index {_INDEX} is missing or being made. "
            "manage.py create_call_indexes makes it."
        ) from error
    return counted, _counter(found)


def _counter(groups: Iterable[Document]) -> Counter[tuple[int, str | None]]:
    found: Counter[tuple[int, str | None]] = Counter()
    for group in groups:
        found[group["_id"]["tenant_id"], group["_id"].get("status_id")] += int(group["count"])
    return found
