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

from calls.documents import VALIDATOR, Call, Emotion, Flag, FlagReview, People, Segment, Speaker
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
def find_all(filters: Mapping[str, Any]) -> list[Call]:
    """Calls with their whole conversations; not those deleted."""
    found = _calls().find({**filters, "deleted": 0}, {"_id": False}, max_time_ms=DEADLINE_MS)
    return cast("list[Call]", list(found))


@_reachable()
def segments_of_chunks(*, tenant_id: int, call_id: str, indexes: Sequence[int]) -> list[Segment] | None:
    """Those segments of a call that begin in some chunks, in order of time; None when there is no such call."""
    wanted = {"$filter": {"input": "$conversation", "cond": {"$in": ["$$this.chunk_index", list(indexes)]}}}
    found = _calls().find_one(_one(tenant_id, call_id), {"said": wanted, "_id": False}, max_time_ms=DEADLINE_MS)
    return cast("list[Segment]", found["said"]) if found else None


@_reachable()
def language_of(*, tenant_id: int, call_id: str) -> str | None:
    found = _calls().find_one(_one(tenant_id, call_id), {"language": True, "_id": False}, max_time_ms=DEADLINE_MS)
    return str(found.get("language") or "en") if found else None


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
def words_by_speaker(*, tenant_id: int, call_id: str) -> dict[str, int]:
    """Speaker → how many words of theirs have a time, counted by the server."""
    pipeline: list[dict[str, Any]] = [
        {"$match": _one(tenant_id, call_id)},
        {"$unwind": "$conversation"},
        {
            "$group": {
                "_id": "$conversation.speaker",
                "words": {"$sum": {"$size": {"$ifNull": ["$conversation.words", []]}}},
            }
        },
    ]
    found = _calls().aggregate(pipeline, maxTimeMS=DEADLINE_MS)
    return {str(one["_id"]): int(one["words"]) for one in found}


@_reachable()
def attach_session(*, tenant_id: int, call_id: str, session_id: str) -> bool:
    """Give the call its recording. False when it has another one already, or is not there."""
    update = {"$set": {"session_id": session_id}}
    free_or_ours = {**_one(tenant_id, call_id), "session_id": {"$in": [None, session_id]}}
    return _calls().update_one(free_or_ours, update).matched_count == 1


@_reachable()
def replace_segments(
    *, tenant_id: int, call_id: str, parts: Sequence[str], segments: Sequence[Segment], duration: float
) -> bool:
    """Put segments in the place of all that the same parts of the recording said before, in time order.

    What was estimated and flagged of those parts goes with what they said. One update by aggregation pipeline: readers
    see all of it or nothing, and the same segments again leave the call as it was but for `version`, `updated_at` and
    what was estimated. False when there is no such call.
    """
    in_time_order = {
        "$sortArray": {
            # $literal: what people say may begin with a dollar sign.
            "input": {"$concatArrays": [_of_other_parts("$conversation", parts), {"$literal": list(segments)}]},
            "sortBy": {"start_time": 1, "segment_id": 1},
        }
    }
    return _update(
        _one(tenant_id, call_id),
        {
            "conversation": in_time_order,
            "duration": {"$max": ["$duration", duration]},
            "emotions": _of_other_parts("$emotions", parts),
            "suspicion.reasons": _of_other_parts("$suspicion.reasons", parts, identity="flag_id"),
        },
        _CONCLUSIONS,
    )


@_reachable()
def replace_estimates(
    *,
    tenant_id: int,
    call_id: str,
    parts: Sequence[str],
    emotions: Sequence[Emotion] | None,
    flags: Sequence[Flag] | None,
) -> bool:
    """Put what is estimated and flagged of parts in the place of what was before; None leaves it as it is.

    Emotions of segments that are not there any more are left out. False when there is no such call.
    """
    values: dict[str, Any] = {}
    if emotions is not None:
        known = {"$filter": {"input": {"$literal": list(emotions)}, "cond": {"$in": ["$$this.segment_id", _IDS]}}}
        values["emotions"] = {
            "$sortArray": {
                "input": {"$concatArrays": [_of_other_parts("$emotions", parts), known]},
                "sortBy": {"start_time": 1, "segment_id": 1},
            }
        }
    if flags is not None:
        others = _of_other_parts("$suspicion.reasons", parts, identity="flag_id")
        values["suspicion.reasons"] = {
            "$sortArray": {
                "input": {"$concatArrays": [others, {"$literal": list(flags)}]},
                "sortBy": {"start_time": 1, "flag_id": 1},
            }
        }
    return _update(_one(tenant_id, call_id), values, _CONCLUSIONS)


@_reachable()
def review_flag(filters: Mapping[str, Any], review: FlagReview) -> bool:
    """Keep what somebody said of a flag, in place of what was said of it before. False when there is no such flag."""
    others = {
        "$filter": {
            "input": {"$ifNull": ["$suspicion.reviews", []]},
            "cond": {"$ne": ["$$this.flag_id", {"$literal": review["flag_id"]}]},
        }
    }
    wanted = {**filters, "deleted": 0, "suspicion.reasons.flag_id": review["flag_id"]}
    return _update(
        wanted, {"suspicion.reviews": {"$concatArrays": [others, [{"$literal": dict(review)}]]}}, _CONCLUSIONS
    )


@_reachable()
def correct_speakers(
    *, tenant_id: int, call_id: str, corrections: Mapping[str, Sequence[str]], speakers: Sequence[Speaker]
) -> bool:
    """Give segments other speakers: speaker → ids of the segments. False when there is no such call."""
    branches = [
        {"case": {"$in": ["$$this.segment_id", {"$literal": list(ids)}]}, "then": {"$literal": speaker}}
        for speaker, ids in corrections.items()
    ]
    values: dict[str, Any] = {"speakers": {"$literal": list(speakers)}}
    if branches:
        corrected = {"$switch": {"branches": branches, "default": "$$this.speaker"}}
        values["conversation"] = {
            "$map": {"input": "$conversation", "in": {"$mergeObjects": ["$$this", {"speaker": corrected}]}}
        }
    return _update(_one(tenant_id, call_id), values)


@_reachable()
def finish(*, tenant_id: int, call_id: str, values: Mapping[str, Any]) -> bool:
    """Set fields of one call, of which nothing is provisional any more. False when there is no such call."""
    literals = {name: {"$literal": value} for name, value in values.items()}
    update = [*_stages(literals), {"$unset": "conversation.provisional"}]
    return _calls().update_one(_one(tenant_id, call_id), update).matched_count == 1


_IDS = {"$ifNull": ["$conversation.segment_id", []]}
_EMOTIONS = {
    "$filter": {"input": {"$ifNull": ["$emotions", []]}, "cond": {"$ne": ["$$this.emotion", "unknown"]}},
}
_KNOWN_SECONDS = {"$sum": {"$map": {"input": "$$known", "in": {"$subtract": ["$$this.end_time", "$$this.start_time"]}}}}


def _seconds_of(emotion: str) -> dict[str, Any]:
    of_it = {"$filter": {"input": "$$known", "cond": {"$eq": ["$$this.emotion", emotion]}}}
    return {"$sum": {"$map": {"input": of_it, "in": {"$subtract": ["$$this.end_time", "$$this.start_time"]}}}}


# What follows from the estimates and flags of a call, worked out by the server in the same update: the share that each
# emotion has of the time whose emotion is known, and the score, which leaves out what a reviewer called wrong.
_CONCLUSIONS: Mapping[str, Any] = {
    "final_emotions": {
        "$let": {
            "vars": {"known": _EMOTIONS},
            "in": {
                "$arrayToObject": {
                    "$map": {
                        "input": {"$setUnion": ["$$known.emotion", []]},
                        "as": "emotion",
                        "in": {
                            "k": "$$emotion",
                            "v": {
                                "$round": [
                                    {
                                        "$divide": [
                                            _seconds_of("$$emotion"),
                                            {"$max": [_KNOWN_SECONDS, 0.001]},
                                        ]
                                    },
                                    3,
                                ]
                            },
                        },
                    }
                }
            },
        }
    },
    "suspicion.reviews": {"$ifNull": ["$suspicion.reviews", []]},
    "suspicion.score": {
        "$let": {
            "vars": {
                "wrong": {
                    "$map": {
                        "input": {
                            "$filter": {
                                "input": {"$ifNull": ["$suspicion.reviews", []]},
                                "cond": {"$eq": ["$$this.verdict", "wrong"]},
                            }
                        },
                        "in": "$$this.flag_id",
                    }
                }
            },
            "in": {
                "$round": [
                    {
                        "$subtract": [
                            1,
                            {
                                "$reduce": {
                                    "input": {
                                        "$filter": {
                                            "input": {"$ifNull": ["$suspicion.reasons", []]},
                                            "cond": {"$not": {"$in": ["$$this.flag_id", "$$wrong"]}},
                                        }
                                    },
                                    "initialValue": 1,
                                    "in": {"$multiply": ["$$value", {"$subtract": [1, "$$this.weight"]}]},
                                }
                            },
                        ]
                    },
                    3,
                ]
            },
        }
    },
}


def _of_other_parts(array: str, parts: Sequence[str], *, identity: str = "segment_id") -> dict[str, Any]:
    """What of an array does not belong to any of the parts, by the second word of its id."""
    part = {"$arrayElemAt": [{"$split": [f"$$this.{identity}", ":"]}, 1]}
    return {
        "$filter": {
            "input": {"$ifNull": [array, []]},
            "cond": {"$not": {"$in": [{"$ifNull": [part, ""]}, {"$literal": list(parts)}]}},
        }
    }


def _update(wanted: Mapping[str, Any], *stages: Mapping[str, Any]) -> bool:
    """One update by a pipeline of what is set, stage after stage. Whether there was such a call."""
    return _calls().update_one(dict(wanted), _stages(*stages)).matched_count == 1


def _stages(*stages: Mapping[str, Any]) -> list[dict[str, Any]]:
    changed = {"version": {"$add": ["$version", 1]}, "updated_at": "$$NOW"}
    return [*({"$set": dict(stage)} for stage in stages if stage), {"$set": changed}]


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
