"""Live-dubbing sessions, and the one door to their collection.

A session is active from its start until somebody ends it, or until nothing was heard of it for IDLE; it is forgotten
LIFE_AFTER_END after that. Its id is the caller's own and unique within a company: two companies with the same id never
meet. People are strings of the caller's, on a platform.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypedDict, cast

import structlog
from django.db import transaction
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import CollectionInvalid, DuplicateKeyError

from metrics import forgotten, mongo_clients
from metrics.errors import (
    DubbingPersonForgotten,
    DubbingSessionConflict,
    DubbingSessionEnded,
    UnknownDubbingSession,
)
from metrics.mongo_clients import DEADLINE_MS, reachable
from metrics.segments import person_key_of

log = structlog.get_logger("earshot.dubbing")

SESSIONS: Final = "live_dubbing_sessions"
IDLE: Final = timedelta(minutes=15)
LIFE_AFTER_END: Final = timedelta(days=30)
USUAL_SYNC_DELAY_MS: Final = 600


class DubbingStatus(StrEnum):
    ACTIVE = "active"
    ENDED = "ended"
    # Nothing was heard of it any more.
    TIMED_OUT = "timed_out"


# Which may follow which. What is over stays as it is: who goes on begins a new session.
MOVES: Mapping[DubbingStatus, frozenset[DubbingStatus]] = {
    DubbingStatus.ACTIVE: frozenset({DubbingStatus.ACTIVE, DubbingStatus.ENDED, DubbingStatus.TIMED_OUT}),
    DubbingStatus.ENDED: frozenset(),
    DubbingStatus.TIMED_OUT: frozenset(),
}


class NewDubbingSession(TypedDict):
    """What a caller says when one begins."""

    session_id: str
    user_id: str
    platform: str
    channel_id: str
    source_language: str
    target_language: str
    voice_id: str
    sync_delay_ms: int


class DubbingSession(NewDubbingSession):
    """A document of the collection. `metrics` and `last_error` are those of the last heartbeat that named some.

    `ended_at` is when it was ended, or when it was last heard of, where nobody did.
    """

    tenant_id: int
    status: str
    started_at: datetime
    ended_at: datetime | None
    last_activity_at: datetime
    metrics: dict[str, float]
    last_error: str


class Heartbeat(TypedDict, total=False):
    """What of a session is new; what is not named stays."""

    metrics: dict[str, float]
    sync_delay_ms: int
    last_error: str


class Position(NamedTuple):
    """Where a session stands among the newest."""

    started_at: datetime
    session_id: str


class Page(NamedTuple):
    """Sessions, newest first, and whether there are more on either side."""

    sessions: list[DubbingSession]
    has_older: bool
    has_newer: bool


_NEWEST = [("started_at", DESCENDING), ("session_id", DESCENDING)]
_INDEXES: Final = [
    IndexModel([("tenant_id", ASCENDING), ("session_id", ASCENDING)], name="tenant_session", unique=True),
    IndexModel([("tenant_id", ASCENDING), *_NEWEST], name="tenant_newest"),
    IndexModel(
        [("tenant_id", ASCENDING), ("user_id", ASCENDING), ("status", ASCENDING), *_NEWEST], name="tenant_user_status"
    ),
    IndexModel(
        [("tenant_id", ASCENDING), ("channel_id", ASCENDING), ("status", ASCENDING), *_NEWEST],
        name="tenant_channel_status",
    ),
    IndexModel([("status", ASCENDING), ("last_activity_at", ASCENDING)], name="status_activity"),
    # One that has not ended has no time there, and stays.
    IndexModel(
        [("ended_at", ASCENDING)], name="life_after_end", expireAfterSeconds=int(LIFE_AFTER_END.total_seconds())
    ),
]
_TEXT = {"bsonType": "string"}
_MOMENT = {"bsonType": "date"}
_FIELDS: Mapping[str, Any] = {
    "tenant_id": {"bsonType": ["int", "long"]},
    "session_id": _TEXT,
    "user_id": _TEXT,
    "platform": _TEXT,
    "channel_id": _TEXT,
    "status": {"enum": [str(status) for status in DubbingStatus]},
    "started_at": _MOMENT,
    "ended_at": {"bsonType": ["date", "null"]},
    "last_activity_at": _MOMENT,
}
_VALIDATOR: Final = {"$jsonSchema": {"bsonType": "object", "required": list(_FIELDS), "properties": _FIELDS}}


@reachable()
def start(tenant_id: int, given: NewDubbingSession) -> tuple[DubbingSession, bool]:
    """Begin a session, and whether it is new; the same person's again is the one that there is, which was heard of.

    Raises DubbingSessionConflict for an id that another person has, DubbingSessionEnded for one that is over, and
    DubbingPersonForgotten.
    """
    now = _now()
    session = DubbingSession(
        **given,
        tenant_id=tenant_id,
        status=DubbingStatus.ACTIVE,
        started_at=now,
        ended_at=None,
        last_activity_at=now,
        metrics={},
        last_error="",
    )
    # Until this transaction ends nobody is forgotten, so that an erasure which follows finds what is written here.
    with transaction.atomic():
        if forgotten.is_forgotten(tenant_id, person_key_of(given["platform"], given["user_id"])):
            raise DubbingPersonForgotten(f"There is no dubbing session {given['session_id']}.")
        try:
            # A copy: the driver puts its own key into what it is given.
            _sessions().insert_one({**session})
        except DuplicateKeyError:
            return _same_again(tenant_id, given, now), False
    log.info("dubbing_session_started", tenant_id=tenant_id)
    return session, True


def _same_again(tenant_id: int, given: NewDubbingSession, now: datetime) -> DubbingSession:
    known = find(tenant_id, given["session_id"])
    if (known["platform"], known["user_id"]) != (given["platform"], given["user_id"]):
        raise DubbingSessionConflict(f"Dubbing session {given['session_id']} is another person's. Take another id.")
    return _moved(tenant_id, given["session_id"], DubbingStatus.ACTIVE, {"last_activity_at": now})


@reachable()
def heartbeat(tenant_id: int, session_id: str, told: Heartbeat) -> DubbingSession:
    """The session is still there, and what is new about it.

    Raises UnknownDubbingSession, DubbingSessionEnded.
    """
    return _moved(tenant_id, session_id, DubbingStatus.ACTIVE, {**told, "last_activity_at": _now()})


@reachable()
def end(tenant_id: int, session_id: str) -> DubbingSession:
    """End the session; one that is over already stays as it is. Raises UnknownDubbingSession."""
    now = _now()
    try:
        return _moved(tenant_id, session_id, DubbingStatus.ENDED, {"ended_at": now, "last_activity_at": now})
    except DubbingSessionEnded:
        return find(tenant_id, session_id)


def _moved(tenant_id: int, session_id: str, target: DubbingStatus, values: Mapping[str, Any]) -> DubbingSession:
    """The session after its move along the table. Raises UnknownDubbingSession, DubbingSessionEnded."""
    about = {"tenant_id": tenant_id, "session_id": session_id}
    found = _sessions().find_one_and_update(
        {**about, "status": {"$in": _sources(target)}},
        {"$set": {**values, "status": target}},
        {"_id": False},
        return_document=ReturnDocument.AFTER,
        maxTimeMS=DEADLINE_MS,
    )
    if found is not None:
        return cast("DubbingSession", found)
    known = find(tenant_id, session_id)
    said = "has ended" if known["status"] == DubbingStatus.ENDED else "was not heard of for too long, and is over"
    raise DubbingSessionEnded(f"Dubbing session {session_id} {said}. Start a new one, with another id.")


@reachable()
def end_idle(now: datetime | None = None) -> int:
    """End every company's sessions of which nothing was heard for IDLE. How many."""
    since = (now or _now()) - IDLE
    idle = {"status": {"$in": _sources(DubbingStatus.TIMED_OUT)}, "last_activity_at": {"$lte": since}}
    over = [{"$set": {"status": DubbingStatus.TIMED_OUT, "ended_at": "$last_activity_at"}}]
    ended = _sessions().update_many(idle, over).modified_count
    if ended:
        log.info("dubbing_sessions_timed_out", sessions=ended)
    return ended


@reachable()
def find(tenant_id: int, session_id: str) -> DubbingSession:
    """Raises UnknownDubbingSession."""
    about = {"tenant_id": tenant_id, "session_id": session_id}
    found = _sessions().find_one(about, {"_id": False}, max_time_ms=DEADLINE_MS)
    if found is None:
        raise UnknownDubbingSession(f"There is no dubbing session {session_id}.")
    return cast("DubbingSession", found)


@reachable()
def page_of(
    tenant_id: int,
    *,
    user_id: str | None = None,
    channel_id: str | None = None,
    status: str | None = None,
    limit: int,
    before: Position | None = None,
    after: Position | None = None,
) -> Page:
    """The `limit` newest sessions that are older than `before`, or the oldest ones newer than `after`."""
    asked = {"user_id": user_id, "channel_id": channel_id, "status": status}
    wanted: dict[str, Any] = {"tenant_id": tenant_id, **{name: one for name, one in asked.items() if one is not None}}
    forwards = after is None
    position = before or after
    if position is not None:
        moment, session_id = position
        further = "$lt" if forwards else "$gt"
        # By itself the choice would be made for every session from the end of the index on.
        wanted["started_at"] = {f"{further}e": moment}
        wanted["$or"] = [
            {"started_at": {further: moment}},
            {"started_at": moment, "session_id": {further: session_id}},
        ]
    order = DESCENDING if forwards else ASCENDING
    there = _sessions().find(wanted, {"_id": False}, max_time_ms=DEADLINE_MS)
    in_order = there.sort([("started_at", order), ("session_id", order)]).limit(limit + 1)
    found = cast("list[DubbingSession]", list(in_order))
    there_are_more, page = len(found) > limit, found[:limit]
    if forwards:
        return Page(page, has_older=there_are_more, has_newer=before is not None)
    return Page(page[::-1], has_older=True, has_newer=there_are_more)


@reachable()
def erase_user(tenant_id: int, user_id: str, *, platform: str | None = None) -> int:
    """Remove a person's sessions, on one platform or on all. How many."""
    return _sessions().delete_many(_of_user(tenant_id, user_id, platform)).deleted_count


@reachable()
def count_user(tenant_id: int, user_id: str, *, platform: str | None = None) -> int:
    return _sessions().count_documents(_of_user(tenant_id, user_id, platform), maxTimeMS=DEADLINE_MS)


@reachable()
def search(tenant_id: int, wanted: Sequence[tuple[str, str | None]]) -> int:
    """How many sessions name one of them, by (id, platform), without a platform on any; past every index."""
    there = _sessions().find({"tenant_id": tenant_id}, {"user_id": 1, "platform": 1}, hint=[("$natural", ASCENDING)])
    names = set(wanted)
    return sum(bool({(one["user_id"], None), (one["user_id"], one["platform"])} & names) for one in there)


def people(tenant_id: int) -> Iterator[tuple[str, str]]:
    """Platform and id of everybody who has a session, each once. Raises RetryableMetricsError as it goes on."""
    person = {"platform": "$platform", "user_id": "$user_id"}
    stages: list[dict[str, Any]] = [{"$match": {"tenant_id": tenant_id}}, {"$group": {"_id": person}}]
    with reachable():
        for one in _sessions().aggregate(stages, allowDiskUse=True):
            yield one["_id"]["platform"], one["_id"]["user_id"]


def _of_user(tenant_id: int, user_id: str, platform: str | None) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "user_id": user_id, **({} if platform is None else {"platform": platform})}


@reachable()
def create() -> None:
    """Make the collection with its validator, and its indexes; again is the same as once."""
    there = _sessions()
    try:
        there.database.create_collection(SESSIONS, validator=_VALIDATOR)
    except CollectionInvalid:
        there.database.command("collMod", SESSIONS, validator=_VALIDATOR)
    there.create_indexes(_INDEXES)


@reachable()
def check() -> list[str]:
    """What is missing of what `create` makes; empty when it is all there."""
    there = _sessions()
    found = {one["name"]: one for one in there.database.list_collections(filter={"name": SESSIONS})}
    if SESSIONS not in found:
        return [f"collection {SESSIONS}"]
    missing = [] if found[SESSIONS]["options"].get("validator") == _VALIDATOR else [f"validator of {SESSIONS}"]
    indexes = there.index_information()
    wanted = {index.document["name"]: list(index.document["key"].items()) for index in _INDEXES}
    return missing + [
        f"index {name} of {SESSIONS}" for name, key in wanted.items() if indexes.get(name, {}).get("key") != key
    ]


def _now() -> datetime:
    """To the millisecond, as the collection keeps it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _sources(target: DubbingStatus) -> list[str]:
    return [str(source) for source, targets in MOVES.items() if target in targets]


def _sessions() -> Collection[dict[str, Any]]:
    return mongo_clients.collection(SESSIONS)
