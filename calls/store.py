"""The one door to the collection `calls`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from bson.codec_options import CodecOptions
from django.conf import settings
from pymongo import ASCENDING, IndexModel, MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import (
    CollectionInvalid,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    WTimeoutError,
)

from calls.documents import VALIDATOR, Call, People, Segment
from calls.errors import RetryableCallError

DEADLINE_MS = 5000
COLLECTION = "calls"
INDEXES = [
    IndexModel([("tenant_id", ASCENDING), ("call_id", ASCENDING)], name="tenant_call_id", unique=True),
    IndexModel([("tenant_id", ASCENDING), ("id", ASCENDING)], name="tenant_number", unique=True),
]


@contextmanager
def _reachable() -> Iterator[None]:
    """The driver's connection troubles as the app's own error."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WTimeoutError) as error:
        raise RetryableCallError("The calls are out of reach for a moment. Try again.") from error


def create() -> None:
    """Make the collection with its validator and indexes; again is the same as once."""
    calls = _calls()
    try:
        calls.database.create_collection(COLLECTION, validator=VALIDATOR)
    except CollectionInvalid:
        calls.database.command("collMod", COLLECTION, validator=VALIDATOR)
    calls.create_indexes(INDEXES)


def check() -> list[str]:
    """What is missing of what `create` makes, and of the server for it; empty when it is all there."""
    calls = _calls()
    missing = [] if "setName" in _client(os.getpid()).admin.command("hello") else ["replica set, for transactions"]
    found = next(iter(calls.database.list_collections(filter={"name": COLLECTION})), None)
    if found is None:
        return [*missing, f"collection {COLLECTION}"]
    if found["options"].get("validator") != VALIDATOR:
        missing.append(f"validator of {COLLECTION}")
    there = calls.index_information()
    for index in INDEXES:
        wanted = index.document
        kept = there.get(wanted["name"], {})
        if kept.get("key") != list(wanted["key"].items()) or kept.get("unique") != wanted.get("unique"):
            missing.append(f"index {wanted['name']} of {COLLECTION}")
    return missing


def version() -> str:
    return str(_client(os.getpid()).server_info()["version"])


def clock() -> datetime:
    """What time it is there."""
    hello = _client(os.getpid()).admin.command("hello")
    return cast("datetime", hello["localTime"]).replace(tzinfo=UTC)


def ping() -> None:
    """Raises when no primary answers."""
    _client(os.getpid()).admin.command("ping", maxTimeMS=1000)


def close() -> None:
    """Let this process's connections go; the next call makes new ones."""
    _client(os.getpid()).close()
    _client.cache_clear()


@_reachable()
def insert(call: Call) -> bool:
    """Whether it was new: one with its tenant and call_id may be there already."""
    try:
        _calls().insert_one({**call})
    except DuplicateKeyError:
        return False
    return True


@_reachable()
def find(filters: Mapping[str, Any]) -> Call | None:
    """One call with its whole conversation, in one query; not those deleted."""
    found = _calls().find_one({**filters, "deleted": 0}, {"_id": False}, max_time_ms=DEADLINE_MS)
    return cast("Call | None", found)


@_reachable()
def people_of(*, tenant_id: int, call_id: str) -> People | None:
    """Whom the call is about, without its conversation; None when there is no such call."""
    fields = dict.fromkeys(People.__annotations__, True)
    found = _calls().find_one(_one(tenant_id, call_id), {**fields, "_id": False}, max_time_ms=DEADLINE_MS)
    return cast("People | None", found)


@_reachable()
def speaker_changes(*, tenant_id: int, call_id: str) -> int | None:
    """How many segments follow one of another speaker, counted by the server; None when there is no such call."""
    counted = {
        "$reduce": {
            "input": "$conversation.speaker",
            "initialValue": {"last": None, "changes": -1},
            "in": {
                "last": "$$this",
                "changes": {
                    "$add": ["$$value.changes", {"$cond": [{"$eq": ["$$this", "$$value.last"]}, 0, 1]}],
                },
            },
        }
    }
    pipeline = [{"$match": _one(tenant_id, call_id)}, {"$project": {"_id": False, "counted": counted}}]
    found = next(iter(_calls().aggregate(pipeline, maxTimeMS=DEADLINE_MS)), None)
    return None if found is None else max(int(found["counted"]["changes"]), 0)


@_reachable()
def attach_session(*, tenant_id: int, call_id: str, session_id: str) -> bool:
    """Give the call its recording. False when it has another one already, or is not there."""
    update = {"$set": {"session_id": session_id}}
    free_or_ours = {**_one(tenant_id, call_id), "session_id": {"$in": [None, session_id]}}
    return _calls().update_one(free_or_ours, update).matched_count == 1


@_reachable()
def replace_chunk_segments(
    *, tenant_id: int, call_id: str, chunk_index: int, segments: Sequence[Segment], duration: float
) -> bool:
    """Put a chunk's segments in the place of what the same chunk said before, in time order.

    One update by aggregation pipeline: readers see all of it or nothing, and the same segments again leave the
    call as it was but for `version` and `updated_at`. False when there is no such call.
    """
    of_other_chunks = {"$filter": {"input": "$conversation", "cond": {"$ne": ["$$this.chunk_index", chunk_index]}}}
    in_time_order = {
        "$sortArray": {
            # $literal: what people say may begin with a dollar sign.
            "input": {"$concatArrays": [of_other_chunks, {"$literal": list(segments)}]},
            "sortBy": {"start_time": 1, "segment_id": 1},
        }
    }
    update = [
        {
            "$set": {
                "conversation": in_time_order,
                "duration": {"$max": ["$duration", duration]},
                "version": {"$add": ["$version", 1]},
                "updated_at": "$$NOW",
            }
        }
    ]
    return _calls().update_one(_one(tenant_id, call_id), update).matched_count == 1


@_reachable()
def change(*, tenant_id: int, call_id: str, values: Mapping[str, Any]) -> bool:
    """Set fields of one call. False when there is no such call."""
    update = {"$set": {**values}, "$inc": {"version": 1}, "$currentDate": {"updated_at": True}}
    return _calls().update_one(_one(tenant_id, call_id), update).matched_count == 1


def _one(tenant_id: int, call_id: str) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "call_id": call_id, "deleted": 0}


def _calls() -> Collection[dict[str, Any]]:
    database = _client(os.getpid()).get_default_database("earshot")
    return database.get_collection(
        COLLECTION,
        codec_options=CodecOptions(tz_aware=True),
        write_concern=WriteConcern(w="majority", j=True, wtimeout=DEADLINE_MS),
    )


@cache
def _client(process_id: int) -> MongoClient[dict[str, Any]]:
    """A client of this very process: PyMongo's may not cross a fork."""
    return MongoClient(
        settings.EARSHOT_MONGODB_URL,
        serverSelectionTimeoutMS=DEADLINE_MS,
        socketTimeoutMS=2 * DEADLINE_MS,
        connectTimeoutMS=2000,
        appname="earshot",
    )
