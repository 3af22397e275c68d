"""Calls as somebody looks for them who runs the house: by what they go by, whosever they are, page by page.

Each thing that a term may mean is asked for along an index of its own; the pages are then put together.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector

from calls import store
from calls.documents import Call
from calls.models import IndexedCall
from calls.store import Page, Position
from metrics import timings

# So many companies are looked through in one order at once.
MOST_COMPANIES = 200
# A word that more subjects have is looked for among the newest calls instead.
MOST_NAMED = 1000
MOST_WORDS = 10
_LARGEST_NUMBER = 2**63 - 1
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a call has to be beside; None is anything. `since` ≤ the call's start < `until`.

    `status` is one as calls name it, empty for none; `person` the user whose call it is.
    """

    status: str | None = None
    state: str | None = None
    person: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@timings.measured("calls.list")
def page(
    tenant_ids: Sequence[int],
    *,
    term: str = "",
    filters: Filters | None = None,
    limit: int,
    before: Position | None = None,
    after: Position | None = None,
) -> Page:
    """The newest calls of some companies: all, or those whose number, call_id, external id, recording or subject it is.

    Subjects are looked through when it is one company's. Raises RetryableCallError.
    """
    whose: dict[str, Any] = {"tenant_id": tenant_ids[0] if len(tenant_ids) == 1 else {"$in": list(tenant_ids)}}
    conditions = _conditions_of(filters or Filters())
    meanings = _meanings_of(tenant_ids, term) if term else [{}]
    pages = [
        store.page_of({**whose, "$and": [*conditions, meaning]}, limit=limit, before=before, after=after)
        for meaning in meanings
    ]
    return pages[0] if len(pages) == 1 else _together(pages, limit=limit, forwards=after is None)


def alike(call: Call, *, most: int) -> list[Call]:
    """Other calls of the same company that have its number or its call_id; there are none where indexes forbid it."""
    found: dict[Any, Call] = {}
    for name in ("id", "call_id"):
        same = store.page_of({"tenant_id": call["tenant_id"], name: call[name]}, limit=most + 1)
        found |= {(one["id"], one["call_id"], one["start_time"]): one for one in same.calls}
    found.pop((call["id"], call["call_id"], call["start_time"]), None)
    return list(found.values())[:most]


def _conditions_of(filters: Filters) -> list[Mapping[str, Any]]:
    conditions: list[Mapping[str, Any]] = []
    if filters.status is not None:
        conditions.append({"status_id": {"$in": _forms_of(filters.status)} if filters.status else None})
    if filters.state is not None:
        conditions.append({"status": filters.state})
    if filters.person is not None:
        conditions.append({"user_id": filters.person})
    if filters.since is not None:
        conditions.append({"start_time": {"$gte": filters.since}})
    if filters.until is not None:
        conditions.append({"start_time": {"$lt": filters.until}})
    return conditions


def _forms_of(status: str) -> list[str | int]:
    """Of calls that older programs wrote, some have a number."""
    return [status, int(status)] if status.isascii() and status.isdigit() and len(status) < 19 else [status]


def _meanings_of(tenant_ids: Sequence[int], term: str) -> list[Mapping[str, Any]]:
    meanings: list[Mapping[str, Any]] = [{"call_id": term}, {"external_user_id": term}, {"session_id": term}]
    if term.isascii() and term.isdigit() and int(term) <= _LARGEST_NUMBER:
        meanings.append({"id": int(term)})
    words = _WORD.findall(term)[:MOST_WORDS]
    if words and len(tenant_ids) == 1:
        meanings.append(_with_words(tenant_ids[0], words))
    return meanings


def _with_words(tenant_id: int, words: Sequence[str]) -> Mapping[str, Any]:
    """Calls in whose subject there are words that begin so."""
    wanted = SearchQuery(" & ".join(f"'{word}':*" for word in words), search_type="raw", config="simple")
    known = IndexedCall.objects.of(tenant_id).annotate(words=SearchVector("subject", config="simple"))
    named = list(known.filter(words=wanted).values_list("call_id", flat=True)[: MOST_NAMED + 1])
    if len(named) <= MOST_NAMED:
        return {"call_id": {"$in": named}}
    return {"$and": [{"subject": {"$regex": rf"\b{word}", "$options": "i"}} for word in words]}


def _together(pages: Sequence[Page], *, limit: int, forwards: bool) -> Page:
    found = {(call["start_time"], call["id"], call["call_id"]): call for page in pages for call in page.calls}
    newest_first = [found[position] for position in sorted(found, reverse=True)]
    are_more = len(newest_first) > limit
    if forwards:
        return Page(
            newest_first[:limit],
            has_older=are_more or any(page.has_older for page in pages),
            has_newer=any(page.has_newer for page in pages),
        )
    return Page(newest_first[-limit:], has_older=True, has_newer=are_more or any(page.has_newer for page in pages))
