"""Which indexes there are to be, how they stand, and one after another made.

A query of a list names the company, what it filters by, and goes in order of `_NEWEST`: so do the indexes.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from calls.errors import DuplicateCalls
from calls.store.client import BUCKETS, CALLS, COUNTERS, client, collection, patient, reachable
from metrics.mongo_clients import DEADLINE_MS

_NEWEST = [("start_time", DESCENDING), ("id", DESCENDING)]
_BY_CALL_ID = "tenant_call_id"
# Where a call names colleagues, besides by whose it is and who has it.
NAMED_IN = (
    "history.by",
    "notes.by",
    "corrections.by",
    "suspicion.reviews.by",
    *(f"history.{end}.{name}" for end in ("before", "after") for name in ("owner_id", "assigned_to_id")),
)
_STATUS = [("deleted", ASCENDING), ("status_id", ASCENDING)]
INDEXES: Mapping[str, list[IndexModel]] = {
    CALLS: [
        IndexModel([("tenant_id", ASCENDING), ("call_id", ASCENDING)], name=_BY_CALL_ID, unique=True),
        IndexModel([("tenant_id", ASCENDING), ("id", ASCENDING)], name="tenant_number", unique=True),
        IndexModel(
            [("tenant_id", ASCENDING), ("deleted", ASCENDING), ("status_id", ASCENDING), *_NEWEST], name="tenant_status"
        ),
        IndexModel([("tenant_id", ASCENDING), ("deleted", ASCENDING), *_NEWEST], name="tenant_newest"),
        # Somebody's calls are also looked through for one status, which then needs no look at a call that has another.
        IndexModel([("tenant_id", ASCENDING), ("user_id", ASCENDING), *_NEWEST, *_STATUS], name="tenant_user_calls"),
        IndexModel([("tenant_id", ASCENDING), ("owner_id", ASCENDING), *_NEWEST, *_STATUS], name="tenant_owner_calls"),
        # Most calls have nobody there.
        IndexModel(
            [("tenant_id", ASCENDING), ("assigned_to_id", ASCENDING), *_NEWEST, *_STATUS],
            name="tenant_assigned_calls",
            partialFilterExpression={"assigned_to_id": {"$gt": 0}},
        ),
        IndexModel(
            # Counted from the index alone.
            [("tenant_id", ASCENDING), ("deleted", ASCENDING), ("contact_id", ASCENDING), *_NEWEST],
            name="tenant_contact_newest",
            partialFilterExpression={"contact_id": {"$gt": 0}},
        ),
        # Most calls are completed; who looks for others would look through all of those.
        IndexModel(
            [("tenant_id", ASCENDING), ("status", ASCENDING), *_NEWEST],
            name="tenant_state_newest",
            partialFilterExpression={"status": {"$gt": "completed"}},
        ),
        IndexModel(
            [("tenant_id", ASCENDING), ("external_user_id", ASCENDING), *_NEWEST],
            name="tenant_external_newest",
            partialFilterExpression={"external_user_id": {"$gt": ""}},
        ),
        IndexModel(
            [("tenant_id", ASCENDING), ("phone_key", ASCENDING), ("contact_match", ASCENDING)],
            name="tenant_phone",
            partialFilterExpression={"phone_key": {"$gt": ""}},
        ),
        # The few whose contact is to be looked for.
        IndexModel(
            [("contact_sought", ASCENDING), ("tenant_id", ASCENDING)],
            name="contact_sought",
            partialFilterExpression={"contact_sought": True},
        ),
        IndexModel(
            [("tenant_id", ASCENDING), ("session_id", ASCENDING), *_NEWEST],
            name="tenant_session_newest",
            partialFilterExpression={"session_id": {"$gt": ""}},
        ),
        # Who is named in a call, in whatever way: by their number, which is of one company, for whoever forgets them.
        IndexModel([("$**", ASCENDING)], name="named", wildcardProjection=dict.fromkeys(NAMED_IN, 1)),
    ],
    BUCKETS: [
        IndexModel(
            [("tenant_id", ASCENDING), ("call_id", ASCENDING), ("first", ASCENDING)], name="call_first", unique=True
        ),
        # Whether a segment that is sent again is in one of them.
        IndexModel(
            [("tenant_id", ASCENDING), ("call_id", ASCENDING), ("conversation.segment_id", ASCENDING)],
            name="call_segment",
        ),
    ],
    COUNTERS: [
        IndexModel(
            [("tenant_id", ASCENDING), ("status_id", ASCENDING), ("slot", ASCENDING)],
            name="tenant_status_slot",
            unique=True,
        ),
    ],
}


@dataclass(frozen=True, slots=True)
class Superseded:
    """An index that older programs made; `by` the name of the one that does all it did, and `reason` what for."""

    collection: str
    name: str
    by: str
    reason: str


_ONE_COLUMN = "It has the status too, so that one column of somebody's calls reads no call of another."
SUPERSEDED = (
    Superseded(CALLS, "tenant_user_newest", by="tenant_user_calls", reason=_ONE_COLUMN),
    Superseded(CALLS, "tenant_owner_newest", by="tenant_owner_calls", reason=_ONE_COLUMN),
    Superseded(CALLS, "tenant_assigned_newest", by="tenant_assigned_calls", reason=_ONE_COLUMN),
)


@dataclass(frozen=True, slots=True)
class Index:
    """An index that there is to be, and how it stands. Sizes in bytes on disk, of the index and of its collection.

    `in_its_place` is the one that is there of its name, or of its keys, when it is another than it should be.
    """

    collection: str
    name: str
    keys: Mapping[str, int]
    is_unique: bool
    standing: Literal["there", "missing", "different"]
    in_its_place: str | None
    size: int
    documents: int


def by_call_id() -> str | None:
    """What to hint at for who asks for many calls by their ids; None while there is no such index.

    Left alone, the server may begin with those that are nobody's, which stand together at the beginning of other
    indexes, and go on through all of the company's.
    """
    return _BY_CALL_ID if _BY_CALL_ID in collection(CALLS).index_information() else None


@reachable()
def indexes() -> list[Index]:
    """Every index that there is to be, and how it stands."""
    database = collection(CALLS).database
    names = set(database.list_collection_names())
    found = []
    for name, wanted in INDEXES.items():
        there = collection(name).index_information() if name in names else {}
        sizes, documents = _sizes(name) if name in names else ({}, 0)
        found += [_standing(name, index.document, there, sizes, documents) for index in wanted]
    return found


def _standing(
    of: str,
    wanted: Mapping[str, Any],
    there: Mapping[str, Mapping[str, Any]],
    sizes: Mapping[str, int],
    documents: int,
) -> Index:
    name = wanted["name"]
    alike = (other for other, kept in there.items() if is_right(wanted, kept))
    other = name if name in there else next(alike, None)
    stands = other == name and is_right(wanted, there.get(name, {}))
    return Index(
        collection=of,
        name=name,
        keys=dict(wanted["key"]),
        is_unique=bool(wanted.get("unique")),
        standing="there" if stands else "different" if other else "missing",
        in_its_place=None if stands else other,
        size=sizes.get(other or "", 0),
        documents=documents,
    )


def _sizes(name: str) -> tuple[dict[str, int], int]:
    (told,) = collection(name).aggregate([{"$collStats": {"storageStats": {}}}], maxTimeMS=DEADLINE_MS)
    stats = told["storageStats"]
    return dict(stats["indexSizes"]), int(stats["count"])


def create_index(index: Index) -> None:
    """Make one, however long that takes, in the place of what is there of its name or keys.

    Raises DuplicateCalls when calls stand in a unique one's way; what was there stays then.
    """
    (wanted,) = [one for one in INDEXES[index.collection] if one.document["name"] == index.name]
    with reachable(), patient() as database:
        there = database[index.collection]
        if index.in_its_place:
            if index.is_unique and _first_twice(there, index.keys) is not None:
                raise _duplicates_in(index.collection)
            there.drop_index(index.in_its_place)
        try:
            there.create_indexes([wanted])
        except DuplicateKeyError as error:
            raise _duplicates_in(index.collection) from error


@reachable()
def superseded() -> list[Superseded]:
    """Those that are still there, which every write keeps up for nothing."""
    names = set(collection(CALLS).database.list_collection_names())
    there = {name: collection(name).index_information() for name in {old.collection for old in SUPERSEDED} & names}
    return [old for old in SUPERSEDED if old.name in there.get(old.collection, {})]


@reachable()
def drop_superseded() -> list[Superseded]:
    """Take away those in whose place another stands. Which they were."""
    found = superseded()
    if not found:
        return []
    standing = {(index.collection, index.name) for index in indexes() if index.standing == "there"}
    given_up = [old for old in found if (old.collection, old.by) in standing]
    for old in given_up:
        collection(old.collection).drop_index(old.name)
    return given_up


@reachable()
def progress() -> tuple[int, int] | None:
    """How many documents an index that is being made has seen, of how many; None while the server does not say."""
    mine = {"command.createIndexes": {"$exists": True}, "ns": {"$regex": f"^{collection(CALLS).database.name}[.]"}}
    pipeline: list[dict[str, Any]] = [
        {"$currentOp": {}},
        {"$match": {**mine, "progress": {"$exists": True}}},
        {"$limit": 1},
    ]
    found = list(client(os.getpid()).admin.aggregate(pipeline, maxTimeMS=DEADLINE_MS))
    return (int(found[0]["progress"]["done"]), int(found[0]["progress"]["total"])) if found else None


def _first_twice(there: Collection[dict[str, Any]], keys: Iterable[str]) -> Mapping[str, Any] | None:
    """A value of the keys that several documents have."""
    group = {"_id": {key: f"${key}" for key in keys}, "count": {"$sum": 1}}
    twice: list[dict[str, Any]] = [{"$group": group}, {"$match": {"count": {"$gt": 1}}}, {"$limit": 1}]
    return next(iter(there.aggregate(twice, allowDiskUse=True)), None)


def _duplicates_in(name: str) -> DuplicateCalls:
    # Without the cause: the server quotes the values.
    if name != CALLS:
        return DuplicateCalls(f"{name} has the same key twice, so that its unique index cannot be made.")
    return DuplicateCalls(
        "Calls with the same id or call_id in one company stand in the way of a unique index. "
        "manage.py clean_duplicate_calls --dry-run shows them, --execute merges them and makes the index."
    )


def _options(index: Mapping[str, Any]) -> tuple[bool, Any]:
    return bool(index.get("unique")), index.get("partialFilterExpression")


def is_right(wanted: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
    return kept.get("key") == list(wanted["key"].items()) and _options(kept) == _options(wanted)
