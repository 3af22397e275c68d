"""Lists of calls, page by page. Their conversations are left where they are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from pymongo import ASCENDING, DESCENDING

from calls.documents import Call
from calls.store.client import calls, reachable
from calls.store.expressions import Document
from metrics.mongo_clients import DEADLINE_MS

# What grows with a call is for whoever reads that call.
_WITHOUT: Document = dict.fromkeys(
    ["_id", "conversation", "emotions", "corrections", "history", "notes", "spilled", "suspicion.reasons"], False
)
Position = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Page:
    """Calls without their conversations, and whether there are more on either side."""

    calls: list[Call]
    has_older: bool
    has_newer: bool


class Changed(NamedTuple):
    """A call, when it was last changed, and how many segments its sources have given it."""

    tenant_id: int
    call_id: str
    at: datetime
    segments: int
    has_corrections: bool


@reachable()
def changed(*, after: tuple[int, str] | None, most: int, tenant_id: int | None) -> list[Changed]:
    """Calls in the order of companies and call_ids, behind one place in it."""
    pages: list[Document] = []
    if after is None:
        pages.append({} if tenant_id is None else {"tenant_id": tenant_id})
    else:
        pages.append({"tenant_id": after[0], "call_id": {"$gt": after[1]}})
        if tenant_id is None:
            pages.append({"tenant_id": {"$gt": after[0]}})
    found: list[Changed] = []
    in_document = {"$size": {"$ifNull": ["$conversation", []]}}
    fields = {
        "tenant_id": True,
        "call_id": True,
        "updated_at": True,
        "segments": {"$add": [in_document, {"$ifNull": ["$spilled.segments", 0]}]},
        "corrections": {"$size": {"$ifNull": ["$corrections", []]}},
        "_id": False,
    }
    for page in pages:
        if len(found) < most:
            there = calls().find({**page, "deleted": 0}, fields, max_time_ms=DEADLINE_MS)
            in_order = there.sort([("tenant_id", ASCENDING), ("call_id", ASCENDING)]).limit(most - len(found))
            found += [
                Changed(
                    call["tenant_id"],
                    call["call_id"],
                    call["updated_at"],
                    call["segments"],
                    has_corrections=bool(call["corrections"]),
                )
                for call in in_order
            ]
    return found


@reachable()
def among(*, tenant_id: int, call_ids: Collection[str]) -> set[str]:
    """Which of these calls of a company there are."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}, "deleted": 0}
    found = calls().find(wanted, {"call_id": True, "_id": False}, max_time_ms=DEADLINE_MS)
    return {call["call_id"] for call in found}


@reachable()
def last_changes(filters: Mapping[str, Any], call_ids: Collection[str]) -> dict[str, datetime]:
    """When these calls were last changed, of those that the filters find, deleted ones among them."""
    wanted = {**filters, "call_id": {"$in": list(call_ids)}}
    found = calls().find(wanted, {"call_id": True, "updated_at": True, "_id": False}, max_time_ms=DEADLINE_MS)
    return {call["call_id"]: call["updated_at"] for call in found}


@reachable()
def outlines(*, tenant_id: int, call_ids: Collection[str]) -> list[Document]:
    """Subject, and what is suspicious, of those of a company's calls that there are; in no order."""
    wanted = {"tenant_id": tenant_id, "call_id": {"$in": list(call_ids)}, "deleted": 0}
    fields = dict.fromkeys(
        [
            "call_id",
            "subject",
            "suspicion.score",
            *(f"suspicion.reasons.{name}" for name in ("flag_id", "kind", "weight")),
            *(f"suspicion.reviews.{name}" for name in ("flag_id", "verdict")),
        ],
        True,
    )
    return list(calls().find(wanted, {**fields, "_id": False}, max_time_ms=DEADLINE_MS))


@reachable()
def head(filters: Mapping[str, Any]) -> Call | None:
    """One call without its conversation; not those deleted. The filters name the company and the call."""
    return cast("Call | None", calls().find_one({**filters, "deleted": 0}, _WITHOUT, max_time_ms=DEADLINE_MS))


@reachable()
def page_of(
    filters: Mapping[str, Any], *, limit: int, before: Position | None = None, after: Position | None = None
) -> Page:
    """The `limit` newest calls that are older than `before`, or the oldest ones newer than `after`.

    A position is a call's start_time and number.
    """
    wanted: Document = {**filters, "deleted": 0}
    forwards = after is None
    position = before or after
    if position is not None:
        moment, number = position
        further = "$lt" if forwards else "$gt"
        # By itself the choice would be made for every call from the end of the index on.
        wanted["$and"] = [*wanted.get("$and", []), {"start_time": {f"{further}e": moment}}]
        wanted["$or"] = [{"start_time": {further: moment}}, {"start_time": moment, "id": {further: number}}]
    order = DESCENDING if forwards else -DESCENDING
    found = cast(
        "list[Call]",
        list(
            calls()
            .find(wanted, _WITHOUT, max_time_ms=DEADLINE_MS)
            .sort([("start_time", order), ("id", order)])
            .limit(limit + 1)
        ),
    )
    there_are_more, page = len(found) > limit, found[:limit]
    if forwards:
        return Page(page, has_older=there_are_more, has_newer=before is not None)
    return Page(page[::-1], has_older=True, has_newer=there_are_more)
