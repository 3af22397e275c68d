"""Finds the contacts of calls: by what a platform calls the customer, which wins, or by the phone.

A phone that several contacts share tells nothing: the call stays nobody's, and says why (`contact_match: several`).
Two things are waited for: calls that came (`customers.sought`), and phones and ids that a contact got or lost
(`MatchDue`). Once given, a call stays with its contact when a phone changes hands, since it was theirs at the time;
an id is one person's always, so its calls go where it goes. What a person has chosen stays.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.db import transaction

from calls import customers, indexing
from calls.customers import Found, Sought
from crm.models import Contact, ContactIdentity, ContactKey, KeyKind, MatchDue
from metrics import locks

MATCH_TASK = "crm.match_calls"
_AT_ONCE = 500
# As many batches as one task works through; the next one goes on.
_MOST_BATCHES = 40


def look_again(tenant_id: int, *, phone_keys: Iterable[str] = (), identities: Iterable[tuple[str, str]] = ()) -> None:
    """Have the calls of phones and (platform, id) pairs matched anew, within the transaction that changes them."""
    due = [MatchDue(tenant_id=tenant_id, phone_key=key) for key in sorted(set(phone_keys))]
    due += [
        MatchDue(tenant_id=tenant_id, platform=platform, external_user_id=external_user_id)
        for platform, external_user_id in sorted(set(identities))
    ]
    if due:
        # While others wait, a task is on its way; a company that is brought in as a whole needs no thousands.
        is_first = not MatchDue.objects.exists()
        MatchDue.objects.bulk_create(due)
        if is_first:
            transaction.on_commit(lambda: indexing.send(MATCH_TASK), robust=True)


def match() -> int:
    """Match what waits. How many calls, phones and ids were looked at; 0 while somebody else does it.

    One after another: what a contact becomes while calls are looked at, the next one sees. Raises RetryableCallError.
    """
    with locks.held_alone(MATCH_TASK) as is_ours:
        return _match_changed() + _match_new() if is_ours else 0


def _match_changed() -> int:
    done = 0
    for _ in range(_MOST_BATCHES):
        # Those that come meanwhile are other rows, and are looked at with what is known by then.
        due = list(MatchDue.objects.order_by("pk")[:_AT_ONCE])
        for tenant_id, phone_key in {(one.tenant_id, one.phone_key) for one in due if one.phone_key}:
            match_phone(tenant_id, phone_key)
        ids = {(one.tenant_id, one.platform, one.external_user_id) for one in due if not one.phone_key}
        for tenant_id, platform, external_user_id in ids:
            match_identity(tenant_id, platform, external_user_id)
        MatchDue.objects.filter(pk__in=[one.pk for one in due]).delete()
        done += len(due)
        if len(due) < _AT_ONCE:
            break
    return done


def match_phone(tenant_id: int, phone_key: str) -> None:
    """Give the calls from a phone to the one contact who has it, or say that it is shared."""
    owners = list(Contact.objects.with_key(tenant_id, KeyKind.PHONE, phone_key).values_list("pk", flat=True)[:2])
    if len(owners) == 1:
        others = customers.contacts_by_phone(tenant_id, phone_key) - set(owners)
        there = set(Contact.objects.of(tenant_id).filter(pk__in=others).values_list("pk", flat=True))
        customers.give_by_phone(tenant_id, phone_key, owners[0], gone=others - there)
    else:
        customers.leave_open(tenant_id, phone_key, is_shared=bool(owners))


def match_identity(tenant_id: int, platform: str, external_user_id: str) -> None:
    """Give the calls of an id to the contact who goes by it, if anybody does."""
    owner = Contact.objects.with_identity(tenant_id, platform, external_user_id).values_list("pk", flat=True).first()
    if owner is not None:
        customers.give_by_external_id(tenant_id, platform, external_user_id, owner)


def _match_new() -> int:
    done = 0
    for _ in range(_MOST_BATCHES):
        batch = customers.sought(most=_AT_ONCE)
        by_company: dict[int, list[Sought]] = defaultdict(list)
        for one in batch:
            by_company[one.tenant_id].append(one)
        for tenant_id, theirs in by_company.items():
            customers.settle(tenant_id, _found(tenant_id, theirs))
        done += len(batch)
        if len(batch) < _AT_ONCE:
            break
    return done


def _found(tenant_id: int, sought: Sequence[Sought]) -> list[Found]:
    """Whose each of the calls is: one query for all ids, one for all phones."""
    ids = {one.external_user_id for one in sought if one.external_user_id}
    identities = ContactIdentity.objects.filter(tenant_id=tenant_id, external_user_id__in=ids)
    by_id = {(one.platform, one.external_user_id): one.contact_id for one in identities} if ids else {}
    owners = _owners(tenant_id, {one.phone_key for one in sought if one.phone_key})
    found = []
    for one in sought:
        named = by_id.get((one.platform, one.external_user_id or ""))
        having = owners.get(one.phone_key or "", set())
        if named is not None:
            found.append(Found(one, named, "external_id"))
        elif len(having) == 1:
            found.append(Found(one, next(iter(having)), "phone"))
        else:
            found.append(Found(one, None, "several" if having else None))
    return found


def _owners(tenant_id: int, phone_keys: Collection[str]) -> dict[str, set[int]]:
    if not phone_keys:
        return {}
    keys = ContactKey.objects.filter(tenant_id=tenant_id, kind=KeyKind.PHONE, value__in=phone_keys)
    owners: dict[str, set[int]] = defaultdict(set)
    for value, contact_id in keys.values_list("value", "contact"):
        owners[value].add(contact_id)
    return owners
