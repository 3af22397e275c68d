"""What older installations left in the same database: two collections of segments, one of users, one of statuses.

`call_segments_agent` and `call_segments_client` are read through until their rows are in the conversations; nothing is
written to them here. Of `users` and `call_status` the desk makes its own once.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import OperationFailure

from calls.documents import Segment
from calls.old_segments import Row, Side, rows_in
from calls.store.client import BUCKETS, CALLS, calls, collection, patient, reachable
from calls.store.expressions import Document
from calls.store.segments import upsert_into_many, upsert_segments
from metrics.mongo_clients import DEADLINE_MS

SEGMENTS: Mapping[Side, str] = {"agent": "call_segments_agent", "client": "call_segments_client"}
USERS = "users"
STATUSES = "call_status"

# How long it is believed that an installation has old collections, or has none.
THERE_SECONDS = 60
ABSENT_SECONDS = 5
# What a read takes of one call's rows; more were never one call's.
MOST_ROWS = 100_000

_MIGRATED = {"migrated": True}
_AGENT, _CLIENT = SEGMENTS["agent"], SEGMENTS["client"]
_INDEX = [("call_id", ASCENDING)]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_READABLE = ["string", "int", "long", "double", "objectId"]
_looked: dict[str, tuple[float, bool]] = {}


@dataclass(frozen=True, slots=True)
class Size:
    """What a collection takes: documents, bytes of them unpacked, bytes on disk, bytes of its indexes and how many."""

    name: str
    documents: int = 0
    data: int = 0
    disk: int = 0
    index: int = 0
    indexes: int = 0


@reachable()
def is_there() -> bool:
    """Whether there is one of the old collections of segments; asked anew every few seconds."""
    database = calls().database
    at, there = _looked.get(database.name, (0.0, False))
    if not at or time.monotonic() - at > (THERE_SECONDS if there else ABSENT_SECONDS):
        there = bool(_names(database))
        _looked[database.name] = (time.monotonic(), there)
    return there


def look_again() -> None:
    """Forget whether there are old collections."""
    _looked.clear()


@reachable()
def rows_of(call_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Call id → all rows of that id on both sides, whichever company's; in no order. One query."""
    wanted = {"call_id": {"$in": [form for call_id in call_ids for form in forms(call_id)]}}
    pipeline: list[Document] = [
        {"$match": wanted},
        {"$unionWith": {"coll": _CLIENT, "pipeline": [{"$match": wanted}, {"$set": {"_side": "client"}}]}},
        {"$limit": MOST_ROWS * len(call_ids)},
    ]
    found: dict[str, list[Row]] = {call_id: [] for call_id in call_ids}
    for document in collection(_AGENT).aggregate(pipeline, maxTimeMS=DEADLINE_MS):
        side: Side = "client" if document.pop("_side", "") == "client" else "agent"
        place = f"{SEGMENTS[side]}/{document['_id']}"
        found[text_of(document["call_id"])] += rows_in(document, side, place, written_at=written_at(document))
    return found


@reachable()
def made(call_ids: Sequence[str]) -> dict[str, dict[int, datetime]]:
    """Call id → the companies that have a call of it, deleted ones too, and when each came into being."""
    found: dict[str, dict[int, datetime]] = {call_id: {} for call_id in call_ids}
    # Asked for by company, because that is how the index begins.
    wanted = {"tenant_id": {"$in": calls().distinct("tenant_id")}, "call_id": {"$in": list(call_ids)}}
    fields = {"tenant_id": True, "call_id": True, "created_at": True, "_id": False}
    for one in calls().find(wanted, fields, max_time_ms=DEADLINE_MS):
        found[one["call_id"]][one["tenant_id"]] = one.get("created_at") or _LONG_AGO
    return found


@reachable()
def companies_of(call_id: str) -> list[int]:
    """The companies that have a call of this id, deleted ones left out."""
    wanted = {"tenant_id": {"$in": calls().distinct("tenant_id")}, "call_id": call_id, "deleted": 0}
    found = calls().find(wanted, {"tenant_id": True, "_id": False}, max_time_ms=DEADLINE_MS)
    return sorted(one["tenant_id"] for one in found)


@reachable()
def heads(keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Document]:
    """Company and call id → the call with what tells its segments apart, without its buckets; not those deleted."""
    by_company: dict[int, list[str]] = {}
    for tenant_id, call_id in keys:
        by_company.setdefault(tenant_id, []).append(call_id)
    if not by_company:
        return {}
    wanted = {"$or": [{"tenant_id": company, "call_id": {"$in": ids}} for company, ids in by_company.items()]}
    fields = dict.fromkeys(
        [
            "tenant_id",
            "call_id",
            "language",
            "user_id",
            "contact_id",
            "platform",
            "external_user_id",
            "migrated",
            "spilled",
            *(f"conversation.{name}" for name in ("segment_id", "speaker", "text", "start_time", "end_time")),
        ],
        True,
    )
    found = calls().find({**wanted, "deleted": 0}, {**fields, "_id": False}, max_time_ms=DEADLINE_MS)
    return {(one["tenant_id"], one["call_id"]): one for one in found}


def put(*, tenant_id: int, call_id: str, segments: Sequence[Segment]) -> bool:
    """Put old segments into a call, which counts as migrated with the last of them. False when there is no such call.

    Raises MalformedCall, CallTooLarge, RetryableCallError.
    """
    duration = max((segment["end_time"] for segment in segments), default=0.0)
    return upsert_segments(tenant_id=tenant_id, call_id=call_id, segments=segments, duration=duration, values=_MIGRATED)


def put_into_many(tenant_id: int, segments: Mapping[str, Sequence[Segment]]) -> bool:
    """The same for many calls at once; as `segments.upsert_into_many`."""
    return upsert_into_many(tenant_id, segments, values=_MIGRATED)


@reachable()
def in_buckets(tenant_id: int, call_id: str) -> list[Segment]:
    """What a long call keeps outside its document."""
    of_call = {"tenant_id": tenant_id, "call_id": call_id}
    found = collection(BUCKETS).find(of_call, {"conversation": True}, max_time_ms=DEADLINE_MS)
    return [segment for one in found for segment in one["conversation"]]


def ids_with_counts() -> Iterator[tuple[str | None, int]]:
    """Every call id in the old collections, once, and how many documents have it; None for what is no id.

    As long as it takes, and in the server's memory or on its disk, not in ours.
    """
    readable = {"$in": [{"$type": "$call_id"}, _READABLE]}
    key = {"$cond": [readable, {"$toString": "$call_id"}, None]}
    only_id = {"$project": {"call_id": True, "_id": False}}
    pipeline: list[Document] = [
        only_id,
        {"$unionWith": {"coll": _CLIENT, "pipeline": [only_id]}},
        {"$group": {"_id": key, "count": {"$sum": 1}}},
    ]
    with reachable(), patient() as database:
        # Few at a time, so that a cursor is never idle for the ten minutes after which a server lets go of it.
        for one in database[_AGENT].aggregate(pipeline, allowDiskUse=True, batchSize=1000):
            yield one["_id"], one["count"]


@reachable()
def count() -> int:
    """How many documents there are by the servers' own books."""
    return sum(collection(name).estimated_document_count() for name in SEGMENTS.values())


def exact_count() -> int:
    """How many there are, counted."""
    with reachable(), patient() as database:
        return sum(database[name].count_documents({}) for name in SEGMENTS.values())


@reachable()
def missing_indexes() -> list[str]:
    """The old collections that are there and cannot be asked for a call's rows."""
    database = calls().database
    return [name for name in _names(database) if not _has_index(database, name)]


def create_indexes() -> list[str]:
    """Make the index on `call_id` where there is none, however long that takes. Where it was made."""
    names = missing_indexes()
    if names:
        with reachable(), patient() as database:
            for name in names:
                database[name].create_index(_INDEX, name="earshot_call_id")
    return names


@reachable()
def sizes() -> list[Size]:
    """What the calls and the old segments take."""
    database = calls().database
    with suppress(OperationFailure):
        # The figures are those of the last checkpoint; not everybody may ask for one.
        database.client.admin.command("fsync")
    there = set(database.list_collection_names())
    names = [CALLS, BUCKETS, *SEGMENTS.values()]
    return [_size(database, name) if name in there else Size(name) for name in names]


@reachable()
def drop() -> None:
    """Drop the old collections of segments."""
    for name in SEGMENTS.values():
        calls().database.drop_collection(name)
    look_again()


def old_users() -> Iterator[Mapping[str, Any]]:
    return _all_of(USERS)


def old_statuses() -> Iterator[Mapping[str, Any]]:
    return _all_of(STATUSES)


def _all_of(name: str) -> Iterator[Mapping[str, Any]]:
    with reachable():
        yield from collection(name).find({}, max_time_ms=DEADLINE_MS, batch_size=500)


def _names(database: Database[dict[str, Any]]) -> list[str]:
    return sorted(database.list_collection_names(filter={"name": {"$in": list(SEGMENTS.values())}}))


def _has_index(database: Database[dict[str, Any]], name: str) -> bool:
    return any(index["key"][0][0] == "call_id" for index in database[name].index_information().values())


def _size(database: Database[dict[str, Any]], name: str) -> Size:
    (told,) = database[name].aggregate([{"$collStats": {"storageStats": {}}}])
    stats = told["storageStats"]
    return Size(
        name=name,
        documents=stats["count"],
        data=stats["size"],
        # What a collection's file holds free is written to before the file grows.
        disk=stats["storageSize"] - stats.get("freeStorageSize", 0),
        index=stats["totalIndexSize"],
        indexes=stats["nindexes"],
    )


def forms(call_id: str) -> list[Any]:
    """All values that older programs may have written for a call's id."""
    forms: list[Any] = [call_id]
    if call_id.isascii() and call_id.isdigit() and str(number := int(call_id)) == call_id and number < 2**63:
        forms.append(number)
    if len(call_id) == 24 and ObjectId.is_valid(call_id):
        forms.append(ObjectId(call_id))
    return forms


def text_of(value: Any) -> str:
    """A call's id, whatever an older program kept it as."""
    return str(int(value)) if isinstance(value, float) else str(value)


def written_at(document: Mapping[str, Any]) -> datetime | None:
    """When it was written: as the server's id says, which no program can have got wrong; else as the document does."""
    if isinstance(document["_id"], ObjectId):
        return document["_id"].generation_time
    told = document.get("created_at")
    return told.astimezone(UTC) if isinstance(told, datetime) else None
