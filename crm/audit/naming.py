"""Tells whom and what entries name: the unsealed ones by our ids, the sealed ones by pseudonyms.

No pseudonym can be read backwards. So whoever and whatever may be meant is named anew, all at once, and compared:
the company's people, its newest contacts, its newest recordings with their calls, its tokens. That is done at most
once for each reading, and only for what it needs. A person whose key was destroyed is not found any more, and is
then called an erased person; a thing that is not found keeps its pseudonym, which tells it from others still.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

from django.db.models import Q

from audio.models import AudioSession
from crm.audit import words
from crm.audit.sealing import NOBODY, is_number
from crm.models import AuditEntry, Contact, Token, User
from crm.models.people import UserQuerySet
from metrics import keyring, person_keys
from metrics.keyring import Named

Id = TypeVar("Id")

# So many of the newest are compared; of an older one the entry tells a pseudonym.
MOST_CONTACTS: Final = 2000
MOST_RECORDINGS: Final = 5000
MOST_TOKENS: Final = 5000
# Whoever sees an entry's pseudonym beside another's can tell them apart by so much of it.
SHORT: Final = 8
ERASED: Final = "An erased person"
# Of a contact nobody can tell any more which of the two it was.
GONE_CONTACT: Final = "An erased or removed contact"
COMMAND: Final = "A command"
_PSEUDONYM = re.compile(rf"[0-9a-f]{{{keyring.PSEUDONYM_DIGITS}}}")
# Whom these are about is somebody on a platform, whom only the platform has a name for.
_ABOUT_STRANGERS: Final = frozenset({"person.figures_read"})


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody or something that an entry names.

    `kind` is `person`, `contact`, `command` or the word for a thing; `id` is ours, empty when it cannot be told;
    `name` is what people call it; `key` is what a filter finds it by again; `pseudonym` is that of a sealed entry.
    """

    kind: str
    id: str = ""
    name: str = ""
    key: str = ""
    pseudonym: str = ""
    is_erased: bool = False

    @property
    def short(self) -> str:
        """Enough of the id or of the pseudonym to tell it from others."""
        return (self.id or self.pseudonym)[:SHORT]


def is_pseudonym(text: str) -> bool:
    return _PSEUDONYM.fullmatch(text) is not None


def forms_of_person(tenant_id: int, person_key: str) -> set[str]:
    """How entries call somebody who acts: by the key, and by the pseudonym unless that is destroyed."""
    return {person_key, *filter(None, [keyring.known_pseudonym(tenant_id, person_key)])}


def forms_of_subject(tenant_id: int, subject: str) -> set[str]:
    """How entries may call what they are about, given as `{kind}:{id}`: by the id, and by each pseudonym it can have.

    A thing is named under the key of whom it belonged to, or of who acted on it. Raises RetryableMetricsError while
    the archive is away.
    """
    kind, _, thing = subject.partition(":")
    if kind == "person" and is_number(thing):
        wanted = [Named(tenant_id, person_keys.of_user(int(thing)))]
    elif kind == "contact" and is_number(thing):
        wanted = [Named(tenant_id, person_keys.of_contact(int(thing)))]
    else:
        ids = [NOBODY, *_colleagues(tenant_id).values_list("pk", flat=True)]
        wanted = [Named(tenant_id, person_keys.of_user(user_id), subject) for user_id in ids]
    return {subject, *(f"{kind}:{pseudonym}" for pseudonym in keyring.known_pseudonyms(wanted) if pseudonym)}


class Names:
    """Whom and what a company's entries name, for one reading of them; what was found out is kept until its end.

    Each question raises RetryableMetricsError while the archive is away.
    """

    def __init__(self, tenant_id: int) -> None:
        self.tenant_id = tenant_id

    def actor_of(self, entry: AuditEntry) -> Told:
        if not entry.actor:
            return Told("command", name=COMMAND, key="command")
        return self.person(entry.actor)

    def subject_of(self, entry: AuditEntry) -> Told | None:
        """None when the entry is about nothing in particular."""
        if not entry.subject:
            return None
        kind, _, thing = entry.subject.partition(":")
        if entry.act in _ABOUT_STRANGERS:
            is_sealed = entry.block_id is not None
            return Told(kind, id="" if is_sealed else thing, key=entry.subject, pseudonym=thing if is_sealed else "")
        return self._subject(entry.subject, "") if entry.block_id is None else self._subject(entry.subject, thing)

    def person(self, who: str) -> Told:
        """Somebody as a filter names them: `user:{id}`, or a pseudonym."""
        if ":" in who:
            return self._person(who.removeprefix("user:"), "")
        return self._person(str(self._people_by_pseudonym.get(who, "")), who)

    def subject(self, about: str) -> Told:
        """Somebody or something as a filter names it: `{kind}:{id}`, or with a pseudonym."""
        thing = about.partition(":")[2]
        return self._subject(about, thing if is_pseudonym(thing) else "")

    def _subject(self, subject: str, pseudonym: str) -> Told:
        kind, _, thing = subject.partition(":")
        if kind == "person":
            found = str(self._people_by_pseudonym.get(pseudonym, "")) if pseudonym else thing
            return self._person(found, pseudonym, prefix="person:")
        if kind == "contact":
            return self._contact(thing, pseudonym)
        if not pseudonym:
            return Told(kind, id=thing, key=subject)
        known = self._things(kind).get(subject, "")
        return Told(kind, id=known.partition(":")[2], key=known or subject, pseudonym=pseudonym)

    def _person(self, user_id: str, pseudonym: str, *, prefix: str = "user:") -> Told:
        name = self._people.get(int(user_id)) if is_number(user_id) else None
        if name is None:
            known = pseudonym or user_id
            key = f"{prefix}{known}" if prefix == "person:" or not pseudonym else pseudonym
            return Told("person", name=ERASED, key=key, pseudonym=pseudonym, is_erased=True)
        return Told("person", id=user_id, name=name, key=f"{prefix}{user_id}", pseudonym=pseudonym)

    def _contact(self, thing: str, pseudonym: str) -> Told:
        contact_id = self._contacts_by_pseudonym.get(thing, "") if pseudonym else thing
        name = self._contact_name(contact_id)
        if name:
            return Told("contact", id=contact_id, name=name, key=f"contact:{contact_id}", pseudonym=pseudonym)
        # Only if all were compared is it certain that it is none of them.
        is_gone = not pseudonym or self._has_compared_all_contacts
        name = GONE_CONTACT if is_gone else ""
        return Told("contact", name=name, key=f"contact:{thing}", pseudonym=pseudonym, is_erased=is_gone)

    def _contact_name(self, contact_id: str) -> str:
        """Empty for one that is not there."""
        if not is_number(contact_id):
            return ""
        if known := self._contact_names.get(int(contact_id)):
            return known
        contact = Contact.objects.of(self.tenant_id).filter(pk=int(contact_id)).first()
        return str(contact) if contact else ""

    def _things(self, kind: str) -> dict[str, str]:
        """Subject with a pseudonym → subject with our id."""
        match kind:
            case "recording" | "call":
                return self._recordings_and_calls
            case "token":
                return self._tokens
        return {}

    @cached_property
    def _people(self) -> dict[int, str]:
        return {user.pk: name_of(user, self.tenant_id) for user in _colleagues(self.tenant_id)}

    @cached_property
    def _people_by_pseudonym(self) -> dict[str, int]:
        ids = list(self._people)
        return _matched(ids, [Named(self.tenant_id, person_keys.of_user(user_id)) for user_id in ids])

    @cached_property
    def _newest_contacts(self) -> list[Contact]:
        return list(Contact.objects.of(self.tenant_id)[: MOST_CONTACTS + 1])

    @property
    def _has_compared_all_contacts(self) -> bool:
        return len(self._newest_contacts) <= MOST_CONTACTS

    @cached_property
    def _contact_names(self) -> dict[int, str]:
        return {contact.pk: str(contact) for contact in self._newest_contacts[:MOST_CONTACTS]}

    @cached_property
    def _contacts_by_pseudonym(self) -> dict[str, str]:
        ids = [str(contact_id) for contact_id in self._contact_names]
        return _matched(ids, [Named(self.tenant_id, person_keys.of_contact(int(found))) for found in ids])

    @cached_property
    def _recordings_and_calls(self) -> dict[str, str]:
        """Under the keys of whom they belong to, where sealing looks for them too."""
        owned = AudioSession.objects.filter(tenant_id=self.tenant_id, user__isnull=False).order_by("-created_at")
        subjects, wanted = [], []
        for session_id, call_id, user_id in owned.values_list("pk", "call_id", "user_id")[:MOST_RECORDINGS]:
            for subject in (f"recording:{session_id}", f"call:{call_id}"):
                subjects.append(subject)
                wanted.append(Named(self.tenant_id, person_keys.of_user(user_id or NOBODY), subject))
        return _by_sealed_subject(subjects, wanted)

    @cached_property
    def _tokens(self) -> dict[str, str]:
        rows = Token.objects.filter(user__tenant_id=self.tenant_id).values_list("pk", "user_id")[:MOST_TOKENS]
        subjects = [f"token:{token_id}" for token_id, _ in rows]
        wanted = [
            Named(self.tenant_id, person_keys.of_user(user_id), subject)
            for subject, (_, user_id) in zip(subjects, rows, strict=True)
        ]
        return _by_sealed_subject(subjects, wanted)


def name_of(user: User, tenant_id: int) -> str:
    """What the log calls somebody; of who runs the site it says so, since no company knows them."""
    return str(user) if user.tenant_id == tenant_id and not user.is_superuser else f"{user} (runs the site)"


def thing_words(told: Told) -> str:
    """A name for people, or what kind of thing it is."""
    return told.name or words.of_thing(told.kind)


def _colleagues(tenant_id: int) -> UserQuerySet:
    """Everybody who may have acted in the company: its people, and who runs the site."""
    return User.objects.get_queryset().filter(Q(tenant_id=tenant_id) | Q(is_superuser=True)).order_by("pk")


def _matched(ids: Sequence[Id], wanted: Iterable[Named]) -> dict[str, Id]:
    named = zip(keyring.known_pseudonyms(list(wanted)), ids, strict=True)
    return {pseudonym: found for pseudonym, found in named if pseudonym is not None}


def _by_sealed_subject(subjects: Sequence[str], wanted: Sequence[Named]) -> dict[str, str]:
    found = _matched(subjects, wanted)
    return {f"{subject.partition(':')[0]}:{pseudonym}": subject for pseudonym, subject in found.items()}
