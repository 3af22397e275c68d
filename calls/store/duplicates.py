"""Calls of which a company has several: found, read together, and made one.

A unique index forbids them; they are only where that has been missing.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, cast

import bson
from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from calls.documents import Call
from calls.merging import Group, Head, Merged
from calls.store import buckets, counters
from calls.store.client import BUCKETS, CALLS, calls, collection, in_transaction, patient, reachable
from calls.store.edits import MOST_CORRECTIONS, MOST_HISTORY, MOST_NOTES, status_of
from calls.store.expressions import CONCLUSIONS, Document, stages
from calls.store.indexes import indexes
from metrics.mongo_clients import DEADLINE_MS

# What may be the same of several calls → what has to be there to be compared.
_SHARED = {"call_id": "string", "id": "number"}
_HEAD: Document = {
    "tenant_id": True,
    "call_id": True,
    "id": True,
    "start_time": True,
    "created_at": True,
    "deleted": True,
    "segments": {
        "$add": [{"$size": {"$ifNull": ["$conversation", []]}}, {"$ifNull": ["$spilled.segments", 0]}],
    },
}

Merge = Callable[[Call, Sequence[Call]], Merged]


def sharing(tenant_id: int | None = None) -> Iterator[tuple[str, list[Any]]]:
    """Every `id` and `call_id` that several calls of one company have: which of the two, and the calls' keys.

    As long as it takes. What a unique index forbids is not looked for.
    """
    forbidden = {
        name
        for index in _standing()
        for name in _SHARED
        if index.standing == "there" and index.is_unique and set(index.keys) == {"tenant_id", name}
    }
    with reachable(), patient() as database:
        for name, kind in _SHARED.items():
            if name in forbidden:
                continue
            whose: Document = {} if tenant_id is None else {"tenant_id": tenant_id}
            pipeline: list[Document] = [
                {"$match": {**whose, name: {"$type": kind}}},
                {"$group": {"_id": {"company": "$tenant_id", "value": f"${name}"}, "keys": {"$push": "$_id"}}},
                {"$match": {"keys.1": {"$exists": True}}},
            ]
            for one in database[CALLS].aggregate(pipeline, allowDiskUse=True, batchSize=1000):
                yield name, one["keys"]


@reachable()
def _standing() -> list[Any]:
    return [index for index in indexes() if index.collection == CALLS]


@reachable()
def heads(keys: Collection[Any]) -> list[Head]:
    """Those of some calls that there are, without their words."""
    found = calls().find({"_id": {"$in": list(keys)}}, _HEAD, max_time_ms=DEADLINE_MS)
    return [
        Head(
            key=one["_id"],
            tenant_id=one["tenant_id"],
            call_id=one["call_id"],
            number=int(one["id"]),
            segments=one["segments"],
            start_time=one["start_time"],
            created_at=one.get("created_at") or one["start_time"],
            is_deleted=bool(one.get("deleted")),
        )
        for one in found
    ]


@reachable()
def look_at(groups: Sequence[Group], merge: Merge) -> list[Merged | None]:
    """What would become of some groups, and change nothing; None for one whose calls are not there any more."""
    read = [_read(group, None) for group in groups]
    return [merge(*found) if found is not None else None for found in read]


@reachable()
def merge_all(groups: Sequence[Group], merge: Merge, numbers: Sequence[int | None]) -> list[Merged | None]:
    """Make each group one call, all of them or none, and count anew what each status has.

    `numbers` are what the calls are to have for one; None leaves theirs. None as in `look_at`.
    """

    def work(session: ClientSession) -> list[Merged | None]:
        done = []
        for group, number in zip(groups, numbers, strict=True):
            found = _read(group, session)
            done.append(_written(group, *found, merge=merge, number=number, session=session) if found else None)
        return done

    return in_transaction(work)


def _read(group: Group, session: ClientSession | None) -> tuple[Call, list[Call]] | None:
    """The calls of a group with all their words; None when one of them is not there, or is not the same any more."""
    ids = {head.key: head.call_id for head in (group.kept, *group.removed)}
    found = {one["_id"]: one for one in calls().find({"_id": {"$in": list(ids)}}, session=session)}
    if any(key not in found or found[key]["call_id"] != call_id for key, call_id in ids.items()):
        return None
    wanted = {"tenant_id": group.kept.tenant_id, "call_id": {"$in": sorted(set(ids.values()))}}
    outside: dict[str, list[Document]] = {}
    for one in collection(BUCKETS).find(wanted, session=session):
        outside.setdefault(one["call_id"], []).append(one)
    in_order = [found[head.key] for head in (group.kept, *group.removed)]
    for call in in_order:
        # Calls of one call_id have their buckets together: the first of them takes what is there.
        for bucket in outside.pop(call["call_id"], []):
            call["conversation"] = [*bucket["conversation"], *call.get("conversation", [])]
            call["emotions"] = [*bucket.get("emotions", []), *call.get("emotions", [])]
        call.pop("spilled", None)
    return cast("Call", in_order[0]), cast("list[Call]", in_order[1:])


def _written(
    group: Group, kept: Call, others: Sequence[Call], *, merge: Merge, number: int | None, session: ClientSession
) -> Merged:
    merged = merge(kept, others)
    call, tenant_id = merged.call, group.kept.tenant_id
    call["corrections"] = call.get("corrections", [])[:MOST_CORRECTIONS]
    call["notes"] = call.get("notes", [])[:MOST_NOTES]
    call["history"] = call.get("history", [])[-MOST_HISTORY:]
    if number is not None:
        call["id"] = number
    changes: Counter[str | None] = Counter()
    for one in (kept, *others):
        changes[status_of(one)] -= not one.get("deleted")
    changes[status_of(call)] += not call.get("deleted")
    call_ids = sorted({one["call_id"] for one in (kept, *others)})
    collection(BUCKETS).delete_many({"tenant_id": tenant_id, "call_id": {"$in": call_ids}}, session=session)
    calls().delete_many({"_id": {"$in": [head.key for head in group.removed]}}, session=session)
    head = buckets.laid_out(session, call, size=len(bson.encode(call)))
    calls().replace_one({"_id": group.kept.key}, head, session=session)
    calls().bulk_write([UpdateOne({"_id": group.kept.key}, stages(CONCLUSIONS))], session=session)
    counters.add(session, tenant_id, changes)
    return merged
