"""The calls of customers, and whose a call is. Who the customers are is known on the floor above; here they have ids.

A call names its customer by what a platform calls them (`external_user_id`) or by their phone. Whoever knows the
contacts looks for those of the calls that are `sought`, and gives calls to a contact. What a person has chosen stays.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.db import transaction

from calls import conversations, editing, forgotten, live, store
from calls.corrections import as_people_say
from calls.documents import Call
from calls.errors import PersonForgotten
from calls.store import MOST_COUNTED, Found, Page, Position, Sought, Standing
from metrics import person_keys

__all__ = [
    "MOST_COUNTED",
    "Found",
    "Sought",
    "Standing",
    "calls_of",
    "choose",
    "contacts_by_phone",
    "give_by_external_id",
    "give_by_phone",
    "leave_open",
    "settle",
    "sought",
    "standings",
]

# Calls that are given away in one transaction, which may not take long.
_AT_ONCE = 500


def standings(tenant_id: int, contact_ids: Collection[int]) -> dict[int, Standing]:
    """contact_id → how many of the company's calls they have, and when the last one was; without those who have none.

    Raises RetryableCallError.
    """
    return store.standings(tenant_id, contact_ids)


def calls_of(user: Any, contact_id: int, *, limit: int, **position: Position | None) -> Page:
    """Calls of a contact that the user may see, newest first; `before` or `after` a position as in `store.page_of`."""
    filters = {**conversations.all_readable_by(user), "contact_id": contact_id}
    return store.page_of(filters, limit=limit, **position)


def choose(user: Any, call_id: str, contact_id: int | None, *, version: int | None) -> Call:
    """Give a call to a contact, whom the caller knows to be the company's, or to nobody; it stays so.

    Raises UnknownCall, StaleVersion, PersonForgotten.
    """
    entry = editing.entry_of(user, "changed", after=["contact_id"])
    values = {"contact_id": contact_id, "contact_match": "person"}
    with transaction.atomic():
        if contact_id is not None and _is_forgotten(user.tenant_id, contact_id):
            raise PersonForgotten(f"There is no contact {contact_id}.")
        filters = conversations.readable_by(user, call_id)
        call = store.edit(filters, values=values, entry=entry, version=version)
        live.changed(user.tenant_id, [call_id] if call else [])
    return as_people_say(call) if call is not None else editing.call_after(user, call_id, done=False)


def sought(*, most: int) -> list[Sought]:
    """Calls of any company whose contact is to be looked for, at most so many."""
    return store.sought(most=most)


def settle(tenant_id: int, found: Sequence[Found]) -> None:
    """Keep whose calls of a company those are; again is the same as once. A contact who has been erased gets none."""
    with transaction.atomic():
        contacts = {one.contact_id for one in found if one.contact_id is not None}
        erased = forgotten.among(tenant_id, {person_keys.of_contact(contact) for contact in contacts})
        known = [
            one
            if one.contact_id is None or person_keys.of_contact(one.contact_id) not in erased
            else Found(one.sought, None, None)
            for one in found
        ]
        live.changed(tenant_id, store.settle(known))


def give_by_external_id(tenant_id: int, platform: str, external_user_id: str, contact_id: int) -> int:
    """Give all calls of an id to the contact who goes by it, but for those that a person gave away. How many."""
    return _in_pieces(
        tenant_id,
        contact_id,
        lambda: store.give_by_external_id(
            tenant_id,
            platform=platform,
            external_user_id=external_user_id,
            contact_id=contact_id,
            most=_AT_ONCE,
        ),
    )


def give_by_phone(tenant_id: int, phone_key: str, contact_id: int, *, gone: Collection[int]) -> int:
    """Give the calls from a phone to the one contact who has it, if they are nobody's or one's of the `gone`."""
    return _in_pieces(
        tenant_id,
        contact_id,
        lambda: store.give_by_phone(tenant_id, phone_key=phone_key, contact_id=contact_id, gone=gone, most=_AT_ONCE),
    )


def leave_open(tenant_id: int, phone_key: str, *, is_shared: bool) -> int:
    """Say of the calls from a phone that are nobody's whether that is because several contacts share it."""
    return _in_pieces(
        tenant_id,
        None,
        lambda: store.leave_open(tenant_id, phone_key=phone_key, is_shared=is_shared, most=_AT_ONCE),
    )


def contacts_by_phone(tenant_id: int, phone_key: str) -> set[int]:
    """The contacts, there or gone, to whom calls from a phone have been given by it."""
    return store.contacts_by_phone(tenant_id, phone_key)


def _in_pieces(tenant_id: int, contact_id: int | None, give: Callable[[], list[str]]) -> int:
    """Each in a transaction, within which nobody is erased; what dies in between is done again by the next."""
    total = 0
    while True:
        with transaction.atomic():
            if contact_id is not None and _is_forgotten(tenant_id, contact_id):
                return total
            given = give()
            live.changed(tenant_id, given)
        total += len(given)
        if len(given) < _AT_ONCE:
            return total


def _is_forgotten(tenant_id: int, contact_id: int) -> bool:
    return forgotten.is_forgotten(tenant_id, person_keys.of_contact(contact_id))
