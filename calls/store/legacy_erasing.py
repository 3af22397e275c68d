"""Takes away what older installations left of somebody: rows of calls in two collections, and people in a third.

Nothing here asks for an index that may be missing but that on `call_id`. Whose a row is, is told as when it is read: so
rows go before their calls.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.conf import settings

from calls import old_segments
from calls.old_segments import Row, Side
from calls.store import legacy
from calls.store.client import calls, collection, reachable
from calls.store.expressions import Document
from metrics.mongo_clients import DEADLINE_MS

_AT_ONCE = 1000
_NAMES_OF_EMAILS = ("email", "emails")


class Old(NamedTuple):
    """A document of one of the old collections, of one side of a call."""

    side: Side
    call_id: str
    document: Document


@reachable()
def rows_of(tenant_id: int, call_ids: Sequence[str], sides: Collection[Side] = old_segments.SIDES) -> list[Old]:
    """The documents of a company's calls; none where there are no old collections."""
    if not call_ids or not legacy.is_there():
        return []
    wanted = {"call_id": {"$in": [form for call_id in call_ids for form in legacy.forms(call_id)]}}
    found = [
        Old(side, legacy.text_of(document["call_id"]), document)
        for side in sides
        for document in collection(legacy.SEGMENTS[side]).find(wanted, max_time_ms=DEADLINE_MS)
    ]
    return list(_owned(tenant_id, found))


def _owned(tenant_id: int, found: Sequence[Old]) -> Iterator[Old]:
    unnamed = settings.EARSHOT_LEGACY_TENANT_ID or None
    rows = [(one, _row_of(one)) for one in found]
    unsure = {one.call_id for one, row in rows if row.tenant_id is None} if unnamed is None else set()
    made = legacy.made(sorted(unsure)) if unsure else {}
    for one, row in rows:
        if old_segments.owner(row, made.get(one.call_id, {}), unnamed=unnamed) == tenant_id:
            yield one


def _row_of(one: Old) -> Row:
    """The company and the time are those of the whole document, however much it lists."""
    written_at = legacy.written_at(one.document)
    whole = {**one.document, "segments": None}
    return old_segments.rows_in(whole, one.side, "", written_at=written_at)[0]


@reachable()
def remove(found: Iterable[Old]) -> int:
    """Take documents away. How many there were."""
    by_side: dict[Side, list[Any]] = {}
    for one in found:
        by_side.setdefault(one.side, []).append(one.document["_id"])
    return sum(
        collection(legacy.SEGMENTS[side]).delete_many({"_id": {"$in": keys[start : start + _AT_ONCE]}}).deleted_count
        for side, keys in by_side.items()
        for start in range(0, len(keys), _AT_ONCE)
    )


@reachable()
def replace(one: Old, document: Document) -> None:
    """Put a document in the place of one that is there."""
    collection(legacy.SEGMENTS[one.side]).replace_one({"_id": one.document["_id"]}, document)


@reachable()
def count_by_id(call_ids: Sequence[str], tenant_id: int, sides: Collection[Side] = old_segments.SIDES) -> int:
    """How many documents name one of the calls and not another company; those that name none may be another's."""
    if not call_ids or not legacy.is_there():
        return 0
    wanted = {"call_id": {"$in": list(call_ids)}, "tenant_id": {"$in": [tenant_id, str(tenant_id)]}}
    return sum(collection(legacy.SEGMENTS[side]).count_documents(wanted, maxTimeMS=DEADLINE_MS) for side in sides)


@reachable()
def people(tenant_id: int, numbers: Collection[int], emails: Collection[str]) -> list[Any]:
    """The keys of the old people who have one of the numbers, or an e-mail address, of a company.

    Those that name no company are the one's whom an installation's settings say, or whoever's it is.
    """
    if not numbers and not emails:
        return []
    if legacy.USERS not in calls().database.list_collection_names(filter={"name": legacy.USERS}):
        return []
    asked = [form for number in numbers for form in (number, str(number))]
    exactly = [{"$regex": f"^\\s*{_escaped(email)}\\s*$", "$options": "i"} for email in emails]
    anyone: list[Document] = [
        {"id": {"$in": asked}},
        {"id": None, "_id": {"$in": asked}},
        *({name: pattern} for name in (*_NAMES_OF_EMAILS, "username", "login") for pattern in exactly),
    ]
    unnamed = settings.EARSHOT_LEGACY_TENANT_ID or None
    companies: list[Any] = [tenant_id, str(tenant_id)]
    if unnamed is None or unnamed == tenant_id:
        companies.append(None)
    wanted = {"$or": anyone, "tenant_id": {"$in": companies}}
    return [one["_id"] for one in collection(legacy.USERS).find(wanted, {"_id": True}, max_time_ms=DEADLINE_MS)]


@reachable()
def remove_people(keys: Sequence[Any]) -> int:
    return collection(legacy.USERS).delete_many({"_id": {"$in": list(keys)}}).deleted_count if keys else 0


def _escaped(text: str) -> str:
    return "".join(sign if sign.isalnum() else f"\\{sign}" for sign in text)
