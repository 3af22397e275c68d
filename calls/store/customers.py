"""Whose calls they are: counted by the customer, found by what customers are known by, and given to one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

from pymongo import DESCENDING, UpdateOne

from calls.documents import ContactMatch
from calls.store.client import calls, reachable
from calls.store.expressions import Document
from metrics.mongo_clients import DEADLINE_MS

# Calls of one customer are counted so far.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """How many calls a customer has, at most MOST_COUNTED + 1 being told, and when the last one began."""

    total: int = 0
    last: datetime | None = None


class Sought(NamedTuple):
    """A call whose contact is looked for, and by what; `phone_key` as phones are compared."""

    tenant_id: int
    call_id: str
    platform: str
    external_user_id: str | None
    phone_key: str | None


class Found(NamedTuple):
    """Whose call it is, if anybody's, and by what one knows."""

    sought: Sought
    contact_id: int | None
    match: ContactMatch | None


@reachable()
def standings(tenant_id: int, contact_ids: Collection[int]) -> dict[int, Standing]:
    """contact_id → how their calls stand, in one reading; those who have none are left out."""
    branches = [_standing(tenant_id, contact_id) for contact_id in sorted(set(contact_ids))]
    if not branches:
        return {}
    first, *others = branches
    pipeline = [*first, *({"$unionWith": {"coll": calls().name, "pipeline": branch}} for branch in others)]
    found = calls().aggregate(pipeline, maxTimeMS=DEADLINE_MS)
    return {one["_id"]: Standing(one["total"], one["last"]) for one in found}


def _standing(tenant_id: int, contact_id: int) -> list[Document]:
    return [
        {"$match": {"tenant_id": tenant_id, "deleted": 0, "contact_id": contact_id}},
        {"$sort": {"start_time": DESCENDING, "id": DESCENDING}},
        {"$limit": MOST_COUNTED + 1},
        {"$group": {"_id": "$contact_id", "total": {"$sum": 1}, "last": {"$first": "$start_time"}}},
    ]


@reachable()
def sought(*, most: int) -> list[Sought]:
    """Calls of any company that came, or got another phone or id, since their contact was last looked for."""
    fields = dict.fromkeys(Sought._fields, True)
    found = calls().find({"contact_sought": True}, {**fields, "_id": False}, max_time_ms=DEADLINE_MS)
    return [Sought(*(call.get(field) for field in Sought._fields)) for call in found.limit(most)]  # type: ignore[arg-type]


@reachable()
def settle(found: Sequence[Found]) -> set[str]:
    """Keep for calls of one company whose they are. The call_ids of those for which it has become somebody else.

    A call that a person has given to somebody stays theirs; one that has got another phone or id meanwhile is still to
    be looked for.
    """
    changed = _to_become_another(found)
    # What else may be wrong with one of them must not keep the others from their contacts.
    calls().bulk_write([_settling(one) for one in found], ordered=False, bypass_document_validation=True)
    return changed


def _to_become_another(found: Sequence[Found]) -> set[str]:
    wanted = {one.sought.call_id: one for one in found}
    there = calls().find(
        {"tenant_id": found[0].sought.tenant_id, "call_id": {"$in": list(wanted)}},
        {"call_id": True, "contact_id": True, "contact_match": True, "_id": False},
        max_time_ms=DEADLINE_MS,
    )
    return {
        call["call_id"]
        for call in there
        if call.get("contact_match") != "person" and call.get("contact_id") != wanted[call["call_id"]].contact_id
    }


def _settling(one: Found) -> UpdateOne:
    by_a_person = {"$eq": ["$contact_match", "person"]}
    return UpdateOne(
        {**one.sought._asdict(), "contact_sought": True},
        [
            {
                "$set": {
                    "contact_id": {"$cond": [by_a_person, "$contact_id", one.contact_id]},
                    "contact_match": {"$cond": [by_a_person, "person", one.match]},
                }
            },
            {"$unset": "contact_sought"},
        ],
    )


@reachable()
def give_by_external_id(
    tenant_id: int, *, platform: str, external_user_id: str, contact_id: int, most: int
) -> list[str]:
    """Give at most so many calls of an id to the contact who goes by it. Their call_ids; none when all are theirs."""
    own = {"tenant_id": tenant_id, "external_user_id": external_user_id, "platform": platform}
    return _give(
        {**own, "contact_id": {"$ne": contact_id}, "contact_match": {"$ne": "person"}},
        {"contact_id": contact_id, "contact_match": "external_id"},
        most=most,
    )


@reachable()
def give_by_phone(tenant_id: int, *, phone_key: str, contact_id: int, gone: Collection[int], most: int) -> list[str]:
    """As `give_by_external_id` for calls from a phone that are nobody's, or whose contact is one of those `gone`."""
    nobodys: Document = {"contact_id": None, "contact_match": {"$in": [None, "several"]}}
    orphaned: Document = {"contact_id": {"$in": list(gone)}, "contact_match": "phone"}
    return _give(
        {"tenant_id": tenant_id, "phone_key": phone_key, "$or": [nobodys, orphaned]},
        {"contact_id": contact_id, "contact_match": "phone"},
        most=most,
    )


@reachable()
def leave_open(tenant_id: int, *, phone_key: str, is_shared: bool, most: int) -> list[str]:
    """Say of calls from a phone, which are nobody's, whether several contacts share it; as `give_by_external_id`."""
    was, becomes = (None, "several") if is_shared else ("several", None)
    return _give(
        {"tenant_id": tenant_id, "phone_key": phone_key, "contact_id": None, "contact_match": was},
        {"contact_match": becomes},
        most=most,
    )


def _give(wanted: Mapping[str, object], values: Mapping[str, object], *, most: int) -> list[str]:
    found = calls().find(wanted, {"call_id": True}, max_time_ms=DEADLINE_MS).limit(most)
    ids = {call["_id"]: call["call_id"] for call in found}
    if ids:
        calls().update_many({"_id": {"$in": list(ids)}, **wanted}, {"$set": dict(values)})
    return list(ids.values())


@reachable()
def contacts_by_phone(tenant_id: int, phone_key: str) -> set[int]:
    """The contacts to whom calls from a phone have been given by it."""
    found = calls().distinct(
        "contact_id", {"tenant_id": tenant_id, "phone_key": phone_key, "contact_match": "phone"}, maxTimeMS=DEADLINE_MS
    )
    return {cast("int", contact) for contact in found if contact is not None}
