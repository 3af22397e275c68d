"""A company's oldest calls, but for those that are held."""

from datetime import datetime
from typing import NamedTuple

from pymongo import ASCENDING

from calls.store.client import calls, reachable
from calls.store.expressions import Document
from metrics.mongo_clients import DEADLINE_MS
from metrics.retention import Held


class Aged(NamedTuple):
    """A call and its recording, if it has one."""

    call_id: str
    session_id: str | None


@reachable()
def count(tenant_id: int, *, before: datetime, held: Held) -> int:
    """How many calls began before then and are not held, deleted ones too."""
    return calls().count_documents(_wanted(tenant_id, before, held), maxTimeMS=DEADLINE_MS)


@reachable()
def oldest(tenant_id: int, *, before: datetime, held: Held, most: int) -> list[Aged]:
    """The first of them."""
    found = calls().find(
        _wanted(tenant_id, before, held),
        {"call_id": True, "session_id": True, "_id": False},
        max_time_ms=DEADLINE_MS,
    )
    in_order = found.sort([("start_time", ASCENDING), ("id", ASCENDING)]).limit(most)
    return [Aged(one["call_id"], one.get("session_id")) for one in in_order]


def _wanted(tenant_id: int, before: datetime, held: Held) -> Document:
    users = {"$in": sorted(held.user_ids)}
    holds: list[Document] = [{"call_id": {"$in": sorted(held.call_ids)}}] if held.call_ids else []
    if held.user_ids:
        holds += [{"user_id": users}, {"owner_id": users}, {"assigned_to_id": users}]
    if held.contact_ids:
        holds.append({"contact_id": {"$in": sorted(held.contact_ids)}})
    holds += [
        {"platform": platform, "external_user_id": external_user_id}
        for platform, external_user_id in sorted(held.identities)
    ]
    # Deleted or not, so that the index is asked which goes by time.
    of_age = {"tenant_id": tenant_id, "deleted": {"$in": [0, 1]}, "start_time": {"$lt": before}}
    return {**of_age, "$nor": holds} if holds else of_age
