"""A company's oldest calls, deleted ones too, but for those that are held."""

from datetime import datetime
from typing import cast

from pymongo import ASCENDING

from calls.store.client import calls, reachable
from calls.store.expressions import Document
from metrics.mongo_clients import DEADLINE_MS
from metrics.retention import Held

_IN_ORDER = [("start_time", ASCENDING), ("id", ASCENDING)]
# Deleted or not, so that the index is asked which goes by time.
_ALL: Document = {"deleted": {"$in": [0, 1]}}


@reachable()
def count(tenant_id: int, *, before: datetime, held: Held) -> int:
    """How many calls began before then and are not held."""
    return calls().count_documents(_wanted(tenant_id, before, held), maxTimeMS=DEADLINE_MS)


@reachable()
def oldest(tenant_id: int, *, before: datetime, held: Held, most: int) -> list[str]:
    """The ids of the first of them."""
    wanted = _wanted(tenant_id, before, held)
    found = calls().find(wanted, {"call_id": True, "_id": False}, max_time_ms=DEADLINE_MS)
    return [one["call_id"] for one in found.sort(_IN_ORDER).limit(most)]


@reachable()
def first_moment(tenant_id: int) -> datetime | None:
    """When the first call began."""
    found = calls().find({"tenant_id": tenant_id, **_ALL}, {"start_time": True, "_id": False})
    first = next(iter(found.max_time_ms(DEADLINE_MS).sort(_IN_ORDER).limit(1)), None)
    return cast("datetime", first["start_time"]) if first is not None else None


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
    of_age = {"tenant_id": tenant_id, **_ALL, "start_time": {"$lt": before}}
    return {**of_age, "$nor": holds} if holds else of_age
