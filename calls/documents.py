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


def segment_id_of(session_id: str, chunk_index: int, position: int) -> str:
    """Stable for one place in one recording, so that hearing a chunk again names its segments alike."""
    return f"{session_id}:{chunk_index:04d}:{position:03d}"
