"""Takes calls away for good, and changes what somebody was in others: batch by batch, each counted with its calls."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pymongo import ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession

from calls.store import counters
from calls.store.client import BUCKETS, calls, collection, in_transaction, reachable
from calls.store.edits import status_of
from calls.store.expressions import CONCLUSIONS, Document, literal, stages
from calls.store.indexes import by_call_id
from metrics.mongo_clients import DEADLINE_MS

# A call and its buckets → what they become: the same objects where nothing changes, None where the call goes.
Change = Callable[[Document, Sequence[Document]], tuple[Document, Sequence[Document]] | None]


@reachable()
def count(tenant_id: int, call_ids: Sequence[str]) -> int:
    """How many of these calls there are, deleted ones too."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}
    return _count(wanted)


@reachable()
def remove_for_good(tenant_id: int, call_ids: Sequence[str]) -> int:
    """Take calls away with their buckets, all or none, and count them out. How many there were."""
    wanted, hint = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}, by_call_id()

    def work(session: ClientSession) -> int:
        there = list(calls().find(wanted, {"status_id": True, "deleted": True}, session=session, hint=hint))
        calls().delete_many({"_id": {"$in": [one["_id"] for one in there]}, **wanted}, session=session)
        collection(BUCKETS).delete_many(wanted, session=session)
        _count_out(session, tenant_id, there)
        return len(there)

    return in_transaction(work)


@reachable()
def spilled_among(tenant_id: int, call_ids: Sequence[str]) -> set[str]:
    """Those of some calls that have buckets."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}, "spilled": {"$exists": True}}
    return _ids(wanted)


@reachable()
def read(tenant_id: int, call_ids: Sequence[str]) -> list[tuple[Document, list[Document]]]:
    """Some calls as they lie in the store, deleted ones too, each with its buckets in order."""
    return _read(tenant_id, call_ids, None, by_call_id())


@reachable()
def change_each(tenant_id: int, call_ids: Sequence[str], change: Change) -> list[str]:
    """Change calls, deleted ones too, all of them or none. The ids of those that were changed or went.

    What follows from their estimates and flags is worked out anew, and their versions rise. They need not be as the
    collection asks for: what an older program wrote wrongly can be erased as well.
    """

    hint = by_call_id()

    def work(session: ClientSession) -> list[str]:
        changed: list[Document] = []
        gone: list[Document] = []
        heads: list[UpdateOne] = []
        others: list[ReplaceOne[Document]] = []
        for head, own in _read(tenant_id, call_ids, session, hint):
            after = change(head, own)
            if after is None:
                gone.append(head)
                continue
            new, buckets = after
            moved = [ReplaceOne({"_id": one["_id"]}, one) for was, one in zip(own, buckets, strict=True) if was != one]
            if new != head or moved:
                others += moved
                anew = {"$replaceWith": literal({**new, "version": int(head.get("version", 0)) + 1})}
                heads.append(UpdateOne({"_id": head["_id"]}, [anew, *stages(CONCLUSIONS)]))
                changed.append(head)
        if gone:
            going = {"tenant_id": tenant_id, "call_id": {"$in": [one["call_id"] for one in gone]}}
            calls().delete_many({"_id": {"$in": [one["_id"] for one in gone]}, **going}, session=session)
            collection(BUCKETS).delete_many(going, session=session)
            _count_out(session, tenant_id, gone)
        if others:
            collection(BUCKETS).bulk_write(others, session=session, bypass_document_validation=True)
        if heads:
            calls().bulk_write(heads, session=session, bypass_document_validation=True)
        return [one["call_id"] for one in (*changed, *gone)]

    return in_transaction(work)


@reachable()
def count_not_without(tenant_id: int, call_ids: Sequence[str], side: str, people: Mapping[str, Any]) -> int:
    """How many of some calls have not lost a side yet, or have something of it again.

    `people`: by which fields a call says who that side was, and with which values.
    """
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}
    either = [
        {"erased_side": {"$ne": side}},
        {"conversation.speaker": side},
        {"corrections.heard_as": side},
        *({name: value} for name, value in people.items()),
    ]
    return _count({**wanted, "$or": either})


@reachable()
def names_of_side(tenant_id: int, call_ids: Sequence[str], side: str) -> list[tuple[str, str]]:
    """What a side is called in some calls, by its source and by people: call_id and name."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}
    fields = dict.fromkeys(["call_id", f"renamed.{side}", "corrections.heard_as", "corrections.speaker"], True)
    names: list[tuple[str, str]] = []
    for one in calls().find(wanted, {**fields, "_id": False}, max_time_ms=DEADLINE_MS, hint=by_call_id()):
        call_id = one["call_id"]
        names += [(call_id, side), (call_id, one.get("renamed", {}).get(side, side))]
        own = (correction for correction in one.get("corrections", []) if correction["heard_as"] == side)
        names += [(call_id, correction["speaker"]) for correction in own if "speaker" in correction]
    return names


@reachable()
def count_with_side(tenant_id: int, call_ids: Sequence[str], side: str) -> int:
    """How many of some calls have words of a side, or corrections of them, in themselves or in their buckets."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}
    either = [{"conversation": {"$elemMatch": {"speaker": side}}}, {"corrections": {"$elemMatch": {"heard_as": side}}}]
    found = _ids({**wanted, "$or": either})
    in_buckets = {**wanted, "conversation": {"$elemMatch": {"speaker": side}}}
    found |= set(collection(BUCKETS).distinct("call_id", in_buckets, maxTimeMS=DEADLINE_MS))
    return len(found)


@reachable()
def count_with_text(tenant_id: int, call_ids: Sequence[str], pattern: str) -> int:
    """How many of some calls say or are told something in which a regular expression finds something."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}
    found = {"$regex": pattern, "$options": "i"}
    said = ["conversation.text", "conversation.words.text", "conversation.redactions.original"]
    told = ["subject", "summary", "corrections.text", "notes.text"]
    in_calls = {**wanted, "$or": [{name: found} for name in (*said, *told)]}
    ids = _ids(in_calls)
    in_buckets = {**wanted, "$or": [{name: found} for name in said]}
    ids |= set(collection(BUCKETS).distinct("call_id", in_buckets, maxTimeMS=DEADLINE_MS))
    return len(ids)


@reachable()
def count_of_sessions(tenant_id: int, session_ids: Collection[str]) -> int:
    """How many calls are of some recordings, by the recordings' ids."""
    wanted = {"tenant_id": tenant_id, "session_id": {"$in": sorted(session_ids)}}
    return calls().count_documents(wanted, maxTimeMS=DEADLINE_MS)


@reachable()
def count_buckets(tenant_id: int, call_ids: Sequence[str]) -> int:
    """How many buckets of some calls there are, whether the calls are there or not."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}
    return collection(BUCKETS).count_documents(wanted, maxTimeMS=DEADLINE_MS)


def _count(wanted: Document) -> int:
    """Of some calls, by their ids."""
    hint = by_call_id()
    how: dict[str, Any] = {"maxTimeMS": DEADLINE_MS} | ({"hint": hint} if hint else {})
    return calls().count_documents(wanted, **how)


def _ids(wanted: Document) -> set[str]:
    """The same, which they are."""
    found = calls().find(wanted, {"call_id": True, "_id": False}, max_time_ms=DEADLINE_MS, hint=by_call_id())
    return {one["call_id"] for one in found}


def _read(
    tenant_id: int, call_ids: Sequence[str], session: ClientSession | None, hint: str | None
) -> list[tuple[Document, list[Document]]]:
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}}
    heads = list(calls().find(wanted, session=session, max_time_ms=DEADLINE_MS, hint=hint))
    spilled = [one["call_id"] for one in heads if "spilled" in one]
    own: dict[str, list[Document]] = {}
    if spilled:
        found = collection(BUCKETS).find({**wanted, "call_id": {"$in": spilled}}, session=session).sort("first")
        for bucket in found:
            own.setdefault(bucket["call_id"], []).append(bucket)
    return [(head, own.get(head["call_id"], [])) for head in heads]


def _count_out(session: ClientSession, tenant_id: int, going: Sequence[Any]) -> None:
    changes: Counter[str | None] = Counter()
    for one in going:
        if not one.get("deleted"):
            changes[status_of(one)] -= 1
    counters.add(session, tenant_id, changes)
