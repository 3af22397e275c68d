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


class Redaction(TypedDict):
    """One mask in a segment's text: what it hides, and when that was said.

    `start` and `end` are offsets of the mask in the masked text, in characters; times in seconds, None where the words
    have none. What it hides is for those alone who may read originals, and is not there where a company keeps none.
    """

    kind: str
    start: int
    end: int
    original: NotRequired[str]
    start_time: float | None
    end_time: float | None


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
    redactions: NotRequired[list[Redaction]]
    # A person has said so, by this correction; whatever a source says afterwards does not change it.
    corrected: NotRequired[bool]
    correction_id: NotRequired[str]


class Original(TypedDict):
    """A segment of which something is masked, as it was said."""

    segment_id: str
    speaker: str
    start_time: float
    end_time: float
    text: str
    masked: str


class Correction(TypedDict):
    """What a person says is right at one place of a call, in place of what the source says there.

    The place is that of the segment it was made to: who the source said it was, from when to when. Either of `text` and
    `speaker` may be absent: that is as the source has it.
    """

    correction_id: str
    segment_id: str
    start_time: float
    end_time: float
    heard_as: str
    text: NotRequired[str]
    redactions: NotRequired[list[Redaction]]
    speaker: NotRequired[str]
    # None: somebody who has been erased.
    by: int | None
    at: datetime


class Note(TypedDict):
    note_id: str
    text: str
    # As of a correction.
    by: int | None
    at: datetime


Act = Literal[
    "opened",
    "changed",
    "moved",
    "text_corrected",
    "speaker_corrected",
    "speaker_renamed",
    "speakers_merged",
    "flag_judged",
    "noted",
    "merged",
    "deleted",
]


class HistoryEntry(TypedDict):
    """One thing that a person did to a call: of what, what it was before and is now."""

    act: Act
    by: int | None
    at: datetime
    about: NotRequired[str]
    before: NotRequired[Any]
    after: NotRequired[Any]


class EmotionSeconds(TypedDict):
    """How long an emotion lasts in all, shaped as an estimate that begins at 0."""

    emotion: str
    start_time: float
    end_time: float


class Spilled(TypedDict):
    """Of a call too long for one document: all that is said at places before `until` is in buckets."""

    until: int
    segments: int
    emotions: list[EmotionSeconds]


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


# By what one knows whose a call is; `several`: the phone is shared, so one does not.
ContactMatch = Literal["external_id", "phone", "person", "several"]


FlagVerdict = Literal["right", "wrong"]


class ReviewedFlag(Flag):
    """A flag with what was last said of it."""

    verdict: FlagVerdict | None


class FlagReview(TypedDict):
    """What a person who looked said of a flag. Outlives the flag: one that is found again finds it."""

    flag_id: str
    verdict: FlagVerdict
    by: int | None
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
    # The customer's, as it was given, and as phones are compared.
    phone: NotRequired[str | None]
    phone_key: NotRequired[str | None]
    contact_match: NotRequired[ContactMatch | None]
    # Its contact is to be looked for.
    contact_sought: NotRequired[bool]
    # The conversation's times are guessed from the length of what is written: its source has none.
    times_estimated: NotRequired[bool]
    corrections: NotRequired[list[Correction]]
    # Speaker → speaker: whom people say that a source means by a name.
    renamed: NotRequired[dict[str, str]]
    notes: NotRequired[list[Note]]
    history: NotRequired[list[HistoryEntry]]
    spilled: NotRequired[Spilled]
    # What older programs kept of it elsewhere is in the conversation now (`old_segments.py`).
    migrated: NotRequired[bool]
    # Whose part of it has been erased; nothing that this side says is taken in any more.
    erased_side: NotRequired[Literal["agent", "client"]]
    version: int
    created_at: datetime
    updated_at: datetime


class People(TypedDict):
    """Whom a call is about."""

    user_id: int | None
    contact_id: int | None
    platform: str
    external_user_id: str | None


class About(People):
    """What has to be known of a call to take something in."""

    language: str
    corrections: NotRequired[list[Correction]]
    renamed: NotRequired[dict[str, str]]
    spilled: NotRequired[Spilled]
    erased_side: NotRequired[Literal["agent", "client"]]


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


_WHOLE = {"bsonType": ["int", "long"]}
# Who it was may have been erased.
_SOMEBODY = {"bsonType": ["int", "long", "null"]}
_NUMBER = {"bsonType": ["int", "long", "double"], "minimum": 0}
_TEXT = {"bsonType": "string"}
_MOMENT = {"bsonType": "date"}


def _list_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"bsonType": "array", "items": dict(item)}


def _object(properties: Mapping[str, Any], *, optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    every = {**properties, **(optional or {})}
    return {"bsonType": "object", "required": list(properties), "properties": every}


_CONVERSATION = _list_of(
    _object(
        {"segment_id": _TEXT, "speaker": _TEXT, "text": _TEXT, "start_time": _NUMBER, "end_time": _NUMBER},
        optional={"confidence": _NUMBER, "words": {"bsonType": "array"}, "chunk_index": _WHOLE},
    )
)
_EMOTIONS = _list_of(_object({"segment_id": _TEXT, "emotion": _TEXT, "start_time": _NUMBER, "end_time": _NUMBER}))
VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": _object(
        {
            "call_id": _TEXT,
            "id": _WHOLE,
            "tenant_id": _WHOLE,
            "status": {"enum": ["in_progress", "completed", "failed"]},
            "deleted": {"enum": [0, 1]},
            "conversation": _CONVERSATION,
            "version": _WHOLE,
            "start_time": _MOMENT,
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
        },
        optional={
            # Of calls that older programs wrote, some have a number.
            "status_id": {"bsonType": ["string", "int", "long", "null"]},
            "user_id": _SOMEBODY,
            "duration": _NUMBER,
            "metadata": {"bsonType": "object"},
            "emotions": _EMOTIONS,
            "corrections": _list_of(
                _object(
                    {"correction_id": _TEXT, "start_time": _NUMBER, "end_time": _NUMBER, "by": _SOMEBODY, "at": _MOMENT}
                )
            ),
            "notes": _list_of(_object({"note_id": _TEXT, "text": _TEXT, "by": _SOMEBODY, "at": _MOMENT})),
            "history": _list_of(_object({"act": _TEXT, "at": _MOMENT})),
        },
    )
}
BUCKET_VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": _object(
        {
            "tenant_id": _WHOLE,
            "call_id": _TEXT,
            "first": _WHOLE,
            "until": _WHOLE,
            "conversation": _CONVERSATION,
            "emotions": _EMOTIONS,
        }
    )
}
COUNTER_VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": _object(
        {
            "tenant_id": _WHOLE,
            "status_id": {"bsonType": ["string", "null"]},
            "slot": _WHOLE,
            "count": {"bsonType": ["int", "long"]},
        }
    )
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


def by_time(one: Segment | Emotion) -> tuple[float, str]:
    """The order of a conversation, and of what is estimated of it: by when it begins, then by id."""
    return one["start_time"], one["segment_id"]


# Seconds that what belongs to no part of a recording has in common with what is said at the same place.
PLACE_SECONDS = 30


def place_of_part(part: str) -> int | None:
    """The chunk's number that a part's name begins with; None for one that lies at no place, as the whole does."""
    number = part[: len(part) - len(part.lstrip("0123456789"))]
    return int(number) if number else None


def place_of(segment: Segment) -> int:
    """Where in a long call a segment is kept: what has one place stays together, and places follow time."""
    place = place_of_part(part_of(segment["segment_id"]))
    return int(segment["start_time"] // PLACE_SECONDS) if place is None else place
