"""Pieces of aggregation pipelines that several updates are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]


def literal(value: Any) -> Document:
    """A value as it is: what people say may begin with a dollar sign."""
    return {"$literal": value}


def sorted_by_time(array: Any, identity: str) -> Document:
    return {"$sortArray": {"input": array, "sortBy": {"start_time": 1, identity: 1}}}


def of_other_parts(array: str, parts: Sequence[str], *, identity: str = "segment_id") -> Document:
    """What of an array does not belong to any of the parts, by the second word of its id."""
    part = {"$arrayElemAt": [{"$split": [f"$$this.{identity}", ":"]}, 1]}
    return {
        "$filter": {
            "input": {"$ifNull": [array, []]},
            "cond": {"$not": {"$in": [{"$ifNull": [part, ""]}, literal(list(parts))]}},
        }
    }


def of_other_ids(array: str, identities: Sequence[str]) -> Document:
    """What of an array has another segment's id."""
    return {
        "$filter": {
            "input": {"$ifNull": [array, []]},
            "cond": {"$not": {"$in": ["$$this.segment_id", literal(list(identities))]}},
        }
    }


def of_one(tenant_id: int, call_id: str) -> Document:
    """The filter of one call that is not deleted."""
    return {"tenant_id": tenant_id, "call_id": call_id, "deleted": 0}


def stages(*steps: Mapping[str, Any]) -> list[Document]:
    """An update by a pipeline of what is set, step after step, which also says when it was."""
    return [*({"$set": dict(step)} for step in steps if step), {"$set": {"updated_at": "$$NOW"}}]


SEGMENT_IDS = {"$ifNull": ["$conversation.segment_id", []]}
_SPILLED = {"$ifNull": ["$spilled.emotions", []]}
_ESTIMATES = {"$ifNull": ["$emotions", []]}
_REASONS = {"$ifNull": ["$suspicion.reasons", []]}
_OF_EMOTION = {"$filter": {"input": _ESTIMATES, "cond": {"$ne": ["$$this.emotion", "unknown"]}}}
_LENGTH = {"$subtract": ["$$this.end_time", "$$this.start_time"]}
_KNOWN_SECONDS = {"$sum": {"$map": {"input": "$$known", "in": _LENGTH}}}


def _seconds_of(emotion: str) -> Document:
    of_it = {"$filter": {"input": "$$known", "cond": {"$eq": ["$$this.emotion", emotion]}}}
    return {"$sum": {"$map": {"input": of_it, "in": _LENGTH}}}


def _shares() -> Document:
    share = {"$round": [{"$divide": [_seconds_of("$$emotion"), {"$max": [_KNOWN_SECONDS, 0.001]}]}, 3]}
    by_emotion = {
        "$map": {
            "input": {"$setUnion": ["$$known.emotion", []]},
            "as": "emotion",
            "in": {"k": "$$emotion", "v": share},
        }
    }
    known = {"$concatArrays": [_OF_EMOTION, _SPILLED]}
    return {"$let": {"vars": {"known": known}, "in": {"$arrayToObject": by_emotion}}}


def _unless_empty(arrays: Sequence[Document], worked_out: Document, *, otherwise: Any) -> Document:
    is_empty = {"$and": [{"$eq": [array, []]} for array in arrays]}
    return {"$cond": [is_empty, literal(otherwise), worked_out]}


def _wrong() -> Document:
    called_wrong = {
        "$filter": {
            "input": {"$ifNull": ["$suspicion.reviews", []]},
            "cond": {"$eq": ["$$this.verdict", "wrong"]},
        }
    }
    return {"$map": {"input": called_wrong, "in": "$$this.flag_id"}}


def _score() -> Document:
    counting = {
        "$filter": {
            "input": _REASONS,
            "cond": {"$not": {"$in": ["$$this.flag_id", "$$wrong"]}},
        }
    }
    none_is_right = {
        "$reduce": {
            "input": counting,
            "initialValue": 1,
            "in": {"$multiply": ["$$value", {"$subtract": [1, "$$this.weight"]}]},
        }
    }
    return {"$round": [{"$subtract": [1, none_is_right]}, 3]}


# What follows from the estimates and flags of a call, worked out by the server in the same update: the share that each
# emotion has of the time whose emotion is known, and the score, which leaves out what a reviewer called wrong.
# Most calls have neither: then there is nothing to work out, which would take as long as storing what is said.
CONCLUSIONS: Mapping[str, Any] = {
    "final_emotions": _unless_empty([_ESTIMATES, _SPILLED], _shares(), otherwise={}),
    "suspicion.reviews": {"$ifNull": ["$suspicion.reviews", []]},
    "suspicion.score": _unless_empty(
        [_REASONS], {"$let": {"vars": {"wrong": _wrong()}, "in": _score()}}, otherwise=0.0
    ),
}
