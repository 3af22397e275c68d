"""Contacts: created, changed, removed, and found by what is known of them.

What was typed is kept as it was; beside it stand keys, normalised, by which it is found: those of a phone as
`calls.phone_numbers` has them, those of a name from each of its words on, without accents and case. Whoever gets or
loses a phone or an id has its calls matched anew (`matching`).
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q

from calls import live
from calls.phone_numbers import looks_like_one, phone_key
from crm import forgotten, matching
from crm.errors import ContactTaken, UnknownContact
from crm.models import Contact, ContactIdentity, ContactKey, KeyKind
from crm.models.contacts import ContactQuerySet
from metrics import person_keys

# Of each kind one contact has at most so many; a list in a request is refused beyond that.
MOST_NAMES = 20
MOST_PHONES = 50
MOST_EMAILS = 50
MOST_IDENTITIES = 500
# What stands after so many words of a name is found by the words before it only.
MOST_WORDS = 8
_NOT_THERE = "There is no contact {contact_id}."


@dataclass(frozen=True, slots=True)
class Identity:
    """What a contact is called on a platform; both are the caller's own strings and compared as they are."""

    platform: str
    external_user_id: str

    @property
    def person_key(self) -> str:
        return person_keys.of_external(self.platform, self.external_user_id)


def find(tenant_id: int, contact_id: int) -> Contact:
    """The tenant's contact with this id. Raises UnknownContact."""
    contact = Contact.objects.of(tenant_id).prefetch_related("identities").filter(pk=contact_id).first()
    if contact is None:
        raise UnknownContact(_NOT_THERE.format(contact_id=contact_id))
    return contact


def resolve(tenant_id: int, platform: str, external_user_id: str) -> Contact | None:
    """Whom the id means on that platform, in one query."""
    return Contact.objects.with_identity(tenant_id, platform, external_user_id).first()


def with_phone(tenant_id: int, phone: str) -> ContactQuerySet:
    """The tenant's contacts with this phone, however it is written; several may share one."""
    return Contact.objects.with_key(tenant_id, KeyKind.PHONE, phone_key(phone))


def with_email(tenant_id: int, email: str) -> ContactQuerySet:
    """The tenant's contacts with this e-mail address in any case; several may share one."""
    return Contact.objects.with_key(tenant_id, KeyKind.EMAIL, email_key(email))


def shared_phones(contact: Contact) -> list[str]:
    """Those of a contact's phones, as they were typed, that another one has too: by them no call finds its contact."""
    keys = {phone_key(phone): phone for phone in contact.phones}
    having = ContactKey.objects.filter(tenant_id=contact.tenant_id, kind=KeyKind.PHONE, value__in=keys)
    return [keys[key] for key in having.exclude(contact=contact).values_list("value", flat=True).distinct()]


def search(tenant_id: int, text: str) -> ContactQuerySet:
    """The tenant's contacts of whom a word of a name, a phone or an e-mail starts with the text, or an id is it."""
    starts = [(KeyKind.NAME, name_key(text)), (KeyKind.EMAIL, email_key(text))]
    if looks_like_one(text):
        digits = phone_key(text)
        # Whoever types no plus sign may mean a phone that was kept with one.
        starts += [(KeyKind.PHONE, digits), (KeyKind.PHONE, f"+{digits.removeprefix('+')}")]
    said = [(kind, start) for kind, start in starts if start]
    return Contact.objects.found_by(tenant_id, starts=said, external_user_id=text.strip())


def create(
    tenant_id: int,
    *,
    names: Iterable[str] = (),
    phones: Iterable[str] = (),
    emails: Iterable[str] = (),
    identities: Iterable[Identity] = (),
    number: int | None = None,
) -> Contact:
    """A new contact. Raises ContactTaken when somebody else of the tenant has one of the identities.

    Raises UnknownContact when one of them is somebody's who has been erased: all that was given is about them. `number`
    is the id that it had elsewhere, which the caller knows to be free; IntegrityError when it is not.
    """
    identities = list(identities)
    own = set() if number is None else {person_keys.of_contact(number)}
    with transaction.atomic():
        if forgotten.among(tenant_id, {identity.person_key for identity in identities} | own):
            raise UnknownContact("There is no contact who goes by these ids.")
        contact = Contact(
            pk=number or forgotten.unused_id(Contact, tenant_id, person_keys.of_contact),
            tenant_id=tenant_id,
            names=list(names),
            phones=list(phones),
            emails=list(emails),
        )
        contact.save(force_insert=True)
        _write_keys(contact)
        _write_identities(contact, identities)
        _look_again(contact, was=_NOBODY)
    return find(tenant_id, contact.pk)


def change(tenant_id: int, contact_id: int, values: Mapping[str, Any]) -> Contact:
    """Put whole lists (`names`, `phones`, `emails`, `identities`) in the place of those there; others stay.

    Raises UnknownContact, also when the contact or one of the ids it has or is given is somebody's who has been
    erased, and ContactTaken as `create` does; nothing is changed then.
    """
    typed = {name: list(values[name]) for name in ("names", "phones", "emails") if name in values}
    with transaction.atomic():
        if forgotten.among(tenant_id, _keys_of(tenant_id, contact_id, values.get("identities", ()))):
            raise UnknownContact(_NOT_THERE.format(contact_id=contact_id))
        # Two changes of one contact follow one another, so that its keys are those of what is kept.
        contact = Contact.objects.of(tenant_id).select_for_update().filter(pk=contact_id).first()
        if contact is None:
            raise UnknownContact(_NOT_THERE.format(contact_id=contact_id))
        was, was_called = _found_by(contact), str(contact)
        for name, kept in typed.items():
            setattr(contact, name, kept)
        contact.save(update_fields=[*typed, "updated_at"])
        if typed:
            _write_keys(contact)
        if "identities" in values:
            _write_identities(contact, values["identities"])
        _look_again(contact, was=was)
        if str(contact) != was_called:
            live.much_changed(tenant_id)
    return find(tenant_id, contact_id)


def remove(tenant_id: int, contact_id: int) -> None:
    """Remove a contact with all it was found by. Raises UnknownContact.

    Calls keep its number, which is never given again, unless another contact is the only one with its phone then.
    """
    with transaction.atomic():
        contact = Contact.objects.of(tenant_id).select_for_update().filter(pk=contact_id).first()
        if contact is None:
            raise UnknownContact(_NOT_THERE.format(contact_id=contact_id))
        matching.look_again(tenant_id, phone_keys=_found_by(contact).phone_keys)
        contact.delete()
        live.much_changed(tenant_id)


def name_key(name: str) -> str:
    """Lower case, without accents, one space between words."""
    letters = unicodedata.normalize("NFKD", name)
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).casefold().split())


def name_keys(name: str) -> list[str]:
    """What the name is found by: all of it, and what is left of it from each of its words."""
    words = name_key(name).split()
    return [" ".join(words[first:])[:320] for first in range(min(len(words), MOST_WORDS))]


def email_key(email: str) -> str:
    return unicodedata.normalize("NFKC", email).strip().casefold()[:320]


def _keys_of(tenant_id: int, contact_id: int, given: Iterable[Identity]) -> set[str]:
    """The person keys of a contact: its own, and those of the ids it has and is given."""
    kept = ContactIdentity.objects.filter(tenant_id=tenant_id, contact_id=contact_id)
    identities = {Identity(*pair) for pair in kept.values_list("platform", "external_user_id")} | set(given)
    return {person_keys.of_contact(contact_id), *(identity.person_key for identity in identities)}


class _FoundBy(NamedTuple):
    """What calls find a contact by."""

    phone_keys: frozenset[str]
    identities: frozenset[tuple[str, str]]


_NOBODY = _FoundBy(frozenset(), frozenset())


def _found_by(contact: Contact) -> _FoundBy:
    identities = contact.identities.values_list("platform", "external_user_id")
    return _FoundBy(frozenset(phone_key(phone) for phone in contact.phones), frozenset(identities))


def _look_again(contact: Contact, *, was: _FoundBy) -> None:
    now = _found_by(contact)
    matching.look_again(
        contact.tenant_id,
        phone_keys=now.phone_keys ^ was.phone_keys,
        identities=now.identities - was.identities,
    )


def _write_keys(contact: Contact) -> None:
    keys = {(KeyKind.NAME, key) for name in contact.names for key in name_keys(name)}
    keys |= {(KeyKind.PHONE, phone_key(phone)) for phone in contact.phones}
    keys |= {(KeyKind.EMAIL, email_key(email)) for email in contact.emails}
    contact.keys.all().delete()
    ContactKey.objects.bulk_create(
        ContactKey(tenant_id=contact.tenant_id, contact=contact, kind=kind, value=value) for kind, value in sorted(keys)
    )


def _write_identities(contact: Contact, wanted: Iterable[Identity]) -> None:
    # In one order everywhere, so that two requests for the same ids do not wait for each other.
    ordered = sorted(set(wanted), key=lambda identity: (identity.external_user_id, identity.platform))
    contact.identities.all().delete()
    try:
        with transaction.atomic():
            ContactIdentity.objects.bulk_create(
                ContactIdentity(
                    tenant_id=contact.tenant_id,
                    contact=contact,
                    platform=identity.platform,
                    external_user_id=identity.external_user_id,
                )
                for identity in ordered
            )
    except IntegrityError as taken:
        raise ContactTaken(
            "Another contact goes by one of these ids; nothing was changed.",
            fields={"identities": _taken(contact.tenant_id, ordered)},
        ) from taken


def _taken(tenant_id: int, wanted: list[Identity]) -> list[str]:
    """Which of them another contact has, in words."""
    any_of_them = Q(external_user_id__in=[identity.external_user_id for identity in wanted])
    found = ContactIdentity.objects.filter(any_of_them, tenant_id=tenant_id)
    return [str(identity) for identity in found if Identity(identity.platform, identity.external_user_id) in wanted]
