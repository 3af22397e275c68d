"""The shape of a call, as it lies in MongoDB: types for us, a validator for the server."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from metrics import person_keys

CallState = Literal["in_progress", "completed", "failed"]


class Word(TypedDict):
    """Times in seconds on the recording's own line, confidence 0-1."""

    text: str
    start_time: float
    end_time: float
    confidence: float


class Segment(TypedDict):
    """Something one speaker said without a longer pause."""

    segment_id: str
    speaker: str
    text: str
    start_time: float
    end_time: float
    confidence: float
    words: NotRequired[list[Word]]
    chunk_index: NotRequired[int]
    engine: NotRequired[str]
    # What comes next may change it: the recording goes on in mid-sentence.
    provisional: NotRequired[bool]


class Emotion(TypedDict):
    """An estimate of how one segment was said; `emotion` is `unknown` where nothing could be told. `score` 0-1."""

    segment_id: str
    start_time: float
    end_time: float
    emotion: str
    score: float
    method: str
    engine: str
    model: str
    version: str


class Flag(TypedDict):
    """Something that deserves a second look, and why. Times in seconds on the recording's own line, `weight` 0-1."""

    flag_id: str
    rule: str
    kind: str
    start_time: float
    end_time: float
    weight: float
    evidence: str


FlagVerdict = Literal["right", "wrong"]


class ReviewedFlag(Flag):
    """A flag with what was last said of it."""

    verdict: FlagVerdict | None


class FlagReview(TypedDict):
    """What a person who looked said of a flag. Outlives the flag: one that is found again finds it."""

    flag_id: str
    verdict: FlagVerdict
    by: int
    at: datetime


class Suspicion(TypedDict):
    """`score` 0-1: how probable, by the weights of its reasons, that one is right; those that are wrong left out."""

    score: float
    reasons: list[Flag]
    reviews: list[FlagReview]


class Speaker(TypedDict):
    """One person of the call, in order of appearance, and how many seconds they speak."""

    speaker: str
    seconds: float


class Call(TypedDict):
    call_id: str
    id: int
    tenant_id: int
    session_id: str | None
    subject: str
    type: str
    direction: str
    platform: str
    language: str
    status_id: str | None
    start_time: datetime
    end_time: datetime | None
    duration: float
    owner_id: int | None
    user_id: int | None
    assigned_to_id: int | None
    contact_id: int | None
    external_user_id: str | None
    deleted: int
    status: CallState
    summary: str
    metadata: dict[str, Any]
    conversation: list[Segment]
    emotions: NotRequired[list[Emotion]]
    final_emotions: NotRequired[dict[str, float]]
    suspicion: NotRequired[Suspicion]
    speakers: NotRequired[list[Speaker]]
    verdict: NotRequired[dict[str, Any] | None]
    version: int
    created_at: datetime
    updated_at: datetime


class People(TypedDict):
    """Whom a call is about."""

    user_id: int | None
    contact_id: int | None
    platform: str
    external_user_id: str | None


def people_by_side(people: People) -> dict[str, set[str]]:
    """Speaker → the person keys of whom that is, where one knows who speaks."""
    user_id, contact_id, external_user_id = people["user_id"], people["contact_id"], people["external_user_id"]
    clients = set()
    if contact_id is not None:
        clients.add(person_keys.of_contact(contact_id))
    if external_user_id:
        clients.add(person_keys.of_external(people["platform"], external_user_id))
    return {"agent": set() if user_id is None else {person_keys.of_user(user_id)}, "client": clients}


def reviewed_flags(call: Call) -> list[ReviewedFlag]:
    """What deserves a second look in a call, each with its reviewer's verdict."""
    suspicion = call.get("suspicion")
    if suspicion is None:
        return []
    verdicts = {review["flag_id"]: review["verdict"] for review in suspicion["reviews"]}
    return [ReviewedFlag(**flag, verdict=verdicts.get(flag["flag_id"])) for flag in suspicion.get("reasons", [])]


_NUMBER = {"bsonType": ["int", "long", "double"]}
_SEGMENT_SCHEMA: Mapping[str, Any] = {
    "bsonType": "object",
    "required": ["segment_id", "speaker", "text", "start_time", "end_time"],
    "properties": {
        "segment_id": {"bsonType": "string"},
        "speaker": {"bsonType": "string"},
        "text": {"bsonType": "string"},
        "start_time": _NUMBER,
        "end_time": _NUMBER,
    },
}
VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": [
            "call_id",
            "id",
            "tenant_id",
            "status",
            "deleted",
            "conversation",
            "version",
            "start_time",
        ],
        "properties": {
            "call_id": {"bsonType": "string"},
            "id": {"bsonType": ["int", "long"]},
            "tenant_id": {"bsonType": ["int", "long"]},
            "deleted": {"enum": [0, 1]},
            "status": {"enum": ["in_progress", "completed", "failed"]},
            "start_time": {"bsonType": "date"},
            "version": {"bsonType": ["int", "long"]},
            "conversation": {"bsonType": "array", "items": _SEGMENT_SCHEMA},
        },
    }
}


def segment_id_of(source_id: str, part: str, position: int) -> str:
    """Stable for one place in one recording, so that hearing it again names its segments alike.

    A recording is heard in parts, each of which is replaced as a whole; the name tells which one it is of.
    """
    return f"{source_id}:{part}:{position:03d}"


def flag_id_of(source_id: str, part: str, kind: str, start_time: float) -> str:
    """As `segment_id_of`: what is found again at the same tenth of a second is the same flag."""
    return f"{source_id}:{part}:{kind}-{round(start_time * 10)}"


def part_of(identity: str) -> str:
    """The part of a recording that a segment's or a flag's id names; empty for what was heard otherwise."""
    words = identity.split(":")
    return words[1] if len(words) > 2 else ""
