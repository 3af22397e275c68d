"""Reading: a usual call is one query; a long one is read with its buckets, all as of one moment.

Where an older installation left segments of their own, one more, until they have been moved (`folding.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pymongo.client_session import ClientSession

from calls.documents import About, Call, Segment, by_time
from calls.store.client import BUCKETS, at_one_moment, calls, reachable
from calls.store.expressions import Document, of_one
from calls.store.folding import folded
from metrics.mongo_clients import DEADLINE_MS


@reachable()
def find(filters: Mapping[str, Any]) -> Call | None:
    """One call with its whole conversation; not those deleted. The filters name the company and the call."""
    found = calls().find_one({**filters, "deleted": 0}, {"_id": False}, max_time_ms=DEADLINE_MS)
    return whole(found) if found is not None else None


@reachable()
def find_kept(tenant_id: int, call_id: str) -> Call | None:
    """As `find`, also one that was deleted, which is kept all the same."""
    wanted = {"tenant_id": tenant_id, "call_id": call_id}
    found = calls().find_one(wanted, {"_id": False}, max_time_ms=DEADLINE_MS)
    return whole(found) if found is not None else None


@reachable()
def find_all(filters: Mapping[str, Any]) -> list[Call]:
    """Calls with their whole conversations; not those deleted."""
    found = calls().find({**filters, "deleted": 0}, {"_id": False}, max_time_ms=DEADLINE_MS)
    return [call for one in found if (call := whole(one)) is not None]


def whole(found: Document) -> Call | None:
    """The call of a document, with what is in its buckets and in old collections; None when it is gone by now."""
    call = _with_its_buckets(found) if "spilled" in found else cast("Call", found)
    return folded(call) if call is not None else None


def _with_its_buckets(found: Document) -> Call | None:
    tenant_id, call_id = found["tenant_id"], found["call_id"]

    # One that was deleted is whole all the same, for whoever has found it.
    pipeline = _with_buckets(tenant_id, call_id, {"_id": False}, deleted=found.get("deleted", 0))

    def read(session: ClientSession) -> list[Document]:
        return list(calls().aggregate(pipeline, session=session, maxTimeMS=DEADLINE_MS))

    documents = at_one_moment(read)
    head = next((one for one in documents if "version" in one), None)
    if head is None:
        return None
    head["conversation"] = sorted(
        (segment for one in documents for segment in one["conversation"]),
        key=by_time,
    )
    estimates = [estimate for one in documents for estimate in one.get("emotions", [])]
    if estimates:
        head["emotions"] = sorted(estimates, key=by_time)
    return cast("Call", head)


def _with_buckets(tenant_id: int, call_id: str, fields: Document, *, deleted: int = 0) -> list[Document]:
    """The call's document and those of its buckets, in one query."""
    of_call = {"tenant_id": tenant_id, "call_id": call_id}
    return [
        {"$match": {**of_one(tenant_id, call_id), "deleted": deleted}},
        {"$unionWith": {"coll": BUCKETS, "pipeline": [{"$match": of_call}]}},
        {"$project": fields},
    ]


@reachable()
def segments_of_chunks(*, tenant_id: int, call_id: str, indexes: Sequence[int]) -> list[Segment] | None:
    """Those segments of a call that begin in some chunks, in order of time; None when there is no such call."""
    wanted = {"$filter": {"input": "$conversation", "cond": {"$in": ["$$this.chunk_index", list(indexes)]}}}
    fields = {"said": wanted, "spilled.until": True, "_id": False}
    found = calls().find_one(of_one(tenant_id, call_id), fields, max_time_ms=DEADLINE_MS)
    if found is None:
        return None
    # A chunk's last words may be of the part across its end, whose place is the next chunk's.
    if "spilled" not in found or min(indexes, default=0) >= found["spilled"]["until"]:
        return cast("list[Segment]", found["said"])

    return _said_by_all(tenant_id, call_id, wanted)


def _said_by_all(tenant_id: int, call_id: str, wanted: Document) -> list[Segment]:
    """What an expression takes of the conversations of a call and all its buckets, in order of time."""

    def read(session: ClientSession) -> list[Document]:
        pipeline = _with_buckets(tenant_id, call_id, {"said": wanted, "_id": False})
        return list(calls().aggregate(pipeline, session=session, maxTimeMS=DEADLINE_MS))

    said = [segment for one in at_one_moment(read) for segment in one["said"]]
    return sorted(said, key=by_time)


@reachable()
def is_there(filters: Mapping[str, Any]) -> bool:
    """Whether there is such a call, not deleted."""
    found = calls().find_one({**filters, "deleted": 0}, {"_id": True}, max_time_ms=DEADLINE_MS)
    return found is not None


@reachable()
def segments_between(*, tenant_id: int, call_id: str, start_time: float, end_time: float) -> list[Segment]:
    """What is said between two moments of a call, in order of time."""
    moments = {"$and": [{"$gte": ["$$this.end_time", start_time]}, {"$lte": ["$$this.start_time", end_time]}]}
    wanted = {"$filter": {"input": "$conversation", "cond": moments}}
    found = calls().find_one(
        of_one(tenant_id, call_id),
        {"said": wanted, "spilled.until": True, "first": {"$min": "$conversation.start_time"}, "_id": False},
        max_time_ms=DEADLINE_MS,
    )
    if found is None:
        return []
    if "spilled" not in found or (found["first"] is not None and start_time > found["first"]):
        return cast("list[Segment]", found["said"])
    return _said_by_all(tenant_id, call_id, wanted)


@reachable()
def highest_number() -> int:
    """That any call has, deleted ones among them; 0 when there is none. By the index, a company at a time."""
    pipeline: list[Document] = [
        {"$sort": {"tenant_id": -1, "id": -1}},
        {"$group": {"_id": "$tenant_id", "id": {"$first": "$id"}}},
    ]
    return max((int(one["id"]) for one in calls().aggregate(pipeline)), default=0)


@reachable()
def platform_of(filters: Mapping[str, Any]) -> str | None:
    """None when there is no such call."""
    found = calls().find_one({**filters, "deleted": 0}, {"platform": True, "_id": False}, max_time_ms=DEADLINE_MS)
    return str(found.get("platform", "")) if found else None


@reachable()
def about(*, tenant_id: int, call_id: str) -> About | None:
    """What has to be known to take something in, without the conversation; None when there is no such call."""
    fields = {**dict.fromkeys(About.__annotations__, True), "_id": False}
    found = calls().find_one(of_one(tenant_id, call_id), fields, max_time_ms=DEADLINE_MS)
    return cast("About | None", found)


@reachable()
def speakers_in_order(*, tenant_id: int, call_id: str) -> list[str] | None:
    """Who speaks each segment, in order of time; None when there is no such call."""
    fields = {"conversation.speaker": True, "conversation.start_time": True, "version": True, "_id": False}
    pipeline = _with_buckets(tenant_id, call_id, fields)
    found = at_one_moment(lambda session: list(calls().aggregate(pipeline, session=session, maxTimeMS=DEADLINE_MS)))
    if not any("version" in one for one in found):
        return None
    said = [segment for one in found for segment in one["conversation"]]
    return [segment["speaker"] for segment in sorted(said, key=lambda segment: segment["start_time"])]


@reachable()
def words_by_speaker(*, tenant_id: int, call_id: str) -> dict[str, int]:
    """Speaker → how many words of theirs have a time, counted by the server."""
    pipeline: list[Document] = [
        *_with_buckets(tenant_id, call_id, {"conversation": True}),
        {"$unwind": "$conversation"},
        {
            "$group": {
                "_id": "$conversation.speaker",
                "words": {"$sum": {"$size": {"$ifNull": ["$conversation.words", []]}}},
            }
        },
    ]
    found = at_one_moment(lambda session: list(calls().aggregate(pipeline, session=session, maxTimeMS=DEADLINE_MS)))
    return {str(one["_id"]): int(one["words"]) for one in found}
