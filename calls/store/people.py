"""Whose calls are, and whom they name, in all of a company's calls: those that were deleted too."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from calls.store.client import BUCKETS, CALLS, calls, collection, patient, reachable
from calls.store.expressions import Document
from calls.store.indexes import NAMED_IN, by_call_id
from metrics.erasing import Identity
from metrics.mongo_clients import DEADLINE_MS

# Who has a call, besides whose it is.
HELD_BY = ("owner_id", "assigned_to_id")
_HISTORY = "history."
_IN_HISTORY = [name.removeprefix(_HISTORY) for name in NAMED_IN if name.startswith(_HISTORY)]
# What the index for deleted ones begins with.
_ALL = {"deleted": {"$in": [0, 1]}}
_AT_ONCE = 1000


class Party(NamedTuple):
    """A call, who speaks in it by its source, and who its people are. `of_lines`: of whom there are corrections."""

    call_id: str
    session_id: str | None
    speakers: frozenset[str]
    of_lines: frozenset[str]
    user_id: int | None
    is_of_client: bool


@reachable()
def of_user(tenant_id: int, user_id: int) -> set[str]:
    """The ids of the calls that are a colleague's."""
    return _ids({"tenant_id": tenant_id, "user_id": user_id})


@reachable()
def of_client(
    tenant_id: int,
    *,
    contact_id: int | None = None,
    identities: Iterable[Identity] = (),
    phone_keys: Collection[str] = (),
) -> set[str]:
    """The ids of the calls that are a customer's, by what they go by; by a phone those that are nobody's yet."""
    found: set[str] = set()
    if contact_id is not None:
        found |= _ids({"tenant_id": tenant_id, **_ALL, "contact_id": contact_id})
    for platform, external_user_id in identities:
        found |= _ids({"tenant_id": tenant_id, "external_user_id": external_user_id, "platform": platform})
    if phone_keys:
        found |= _ids({"tenant_id": tenant_id, "phone_key": {"$in": list(phone_keys)}, "contact_id": None})
    return found


@reachable()
def by_phone_alone(tenant_id: int) -> set[str]:
    """The ids of the calls from a phone that are no contact's."""
    return _ids({"tenant_id": tenant_id, "phone_key": {"$gt": ""}, "contact_id": None})


@reachable()
def made_after(tenant_id: int, call_ids: Collection[str], moment: datetime) -> set[str]:
    """Those of some calls that there were not yet at a moment: their ids may be those of earlier ones."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}, "created_at": {"$gt": moment}}
    return _ids(wanted) if call_ids else set()


def parties(tenant_id: int, call_ids: Collection[str]) -> Iterator[Party]:
    """Who is in some calls. Raises RetryableCallError."""
    in_order = sorted(call_ids)
    for start in range(0, len(in_order), _AT_ONCE):
        yield from _parties(tenant_id, in_order[start : start + _AT_ONCE])


@reachable()
def _parties(tenant_id: int, call_ids: Sequence[str]) -> list[Party]:
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": call_ids}}
    speakers = {"$setUnion": [{"$ifNull": ["$conversation.speaker", []]}, []]}
    of_lines = {"$setUnion": [{"$ifNull": ["$corrections.heard_as", []]}, []]}
    of_call = ["call_id", "session_id", "user_id", "contact_id", "external_user_id", "phone", "spilled.until"]
    pipeline: list[Document] = [
        {"$match": wanted},
        {"$project": {**dict.fromkeys(of_call, True), "speakers": speakers, "of_lines": of_lines, "_id": False}},
    ]
    hint = by_call_id()
    how: dict[str, Any] = {"maxTimeMS": DEADLINE_MS} | ({"hint": hint} if hint else {})
    found = list(calls().aggregate(pipeline, **how))
    spilled = [one["call_id"] for one in found if "spilled" in one]
    outside = collection(BUCKETS).aggregate(
        [
            {"$match": {"tenant_id": tenant_id, "call_id": {"$in": spilled}}},
            {"$project": {"call_id": True, "speakers": speakers, "_id": False}},
        ],
        maxTimeMS=DEADLINE_MS,
    )
    in_buckets: dict[str, set[str]] = {}
    for one in outside if spilled else ():
        in_buckets.setdefault(one["call_id"], set()).update(one["speakers"])
    return [
        Party(
            call_id=one["call_id"],
            session_id=one.get("session_id"),
            speakers=frozenset(one["speakers"]) | in_buckets.get(one["call_id"], set()),
            of_lines=frozenset(one["of_lines"]),
            user_id=one.get("user_id"),
            is_of_client=any(one.get(name) not in (None, "") for name in ("contact_id", "external_user_id", "phone")),
        )
        for one in found
    ]


@reachable()
def naming(tenant_id: int, user_id: int) -> set[str]:
    """The ids of the calls that name a colleague besides by whose they are, by the indexes that there are for it."""
    found: set[str] = set()
    for name in (*HELD_BY, *NAMED_IN):
        found |= _ids({"tenant_id": tenant_id, name: user_id})
    return found


def count_naming(tenant_id: int, user_id: int) -> int:
    """How many calls name a colleague in any way: each of the company's is looked at, and no index asked.

    For as long as it takes; what the history says is looked through once, which is half of the work.
    """
    in_history = [{name: user_id} for name in _IN_HISTORY]
    anywhere: list[Document] = [
        *({name: user_id} for name in ("user_id", *HELD_BY)),
        {"history": {"$elemMatch": {"$or": in_history}}},
        *({name: user_id} for name in NAMED_IN if not name.startswith(_HISTORY)),
    ]
    with reachable(), patient() as database:
        return database[CALLS].count_documents({"tenant_id": tenant_id, "$or": anywhere}, hint=[("$natural", 1)])


class Named(NamedTuple):
    """Whom calls name: colleagues, contacts, and what customers are called."""

    users: set[int]
    contacts: set[int]
    identities: set[Identity]


def everybody(tenant_id: int) -> Named:
    """All whom a company's calls name in any way. Every call is looked at, for as long as it takes."""
    found = Named(set(), set(), set())
    lists = [{"$ifNull": [f"${name}", []]} for name in NAMED_IN]
    fields = {
        "users": {"$setUnion": [[f"${name}" for name in ("user_id", *HELD_BY)], *lists]},
        **dict.fromkeys(["contact_id", "platform", "external_user_id"], True),
        "_id": False,
    }
    pipeline: list[Document] = [{"$match": {"tenant_id": tenant_id}}, {"$project": fields}]
    with reachable(), patient() as database:
        for one in database[CALLS].aggregate(pipeline):
            found.users.update(user for user in one["users"] if isinstance(user, int))
            if one.get("contact_id") is not None:
                found.contacts.add(int(one["contact_id"]))
            if one.get("external_user_id"):
                found.identities.add(Identity(one.get("platform") or "", one["external_user_id"]))
    return found


def _ids(wanted: Document) -> set[str]:
    found = calls().find(wanted, {"call_id": True, "_id": False}, max_time_ms=DEADLINE_MS)
    return {one["call_id"] for one in found}
