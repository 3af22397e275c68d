"""Makes users, contacts and statuses of what an older installation left, with the numbers that its calls name.

Whoever is there already by this very import is left as they are by now, so that twice is once. A number that somebody
else has here stays theirs; it is told, and what had it there is not made.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import IntegrityError, connection, models, transaction

from calls import statuses
from calls.errors import StatusInUse, StatusNameTaken
from calls.models import CallStatus
from calls.store import legacy
from crm import contacts, people
from crm.contacts import Identity
from crm.errors import ContactTaken, UnknownContact, UnknownPerson, UsernameTaken
from crm.models import Contact, ContactIdentity, Tenant, User
from crm.old_desk import OldPerson, OldStatus, Unreadable, company_of, person_in, status_in

Old = TypeVar("Old")

USERS, CONTACTS, STATUSES = "users", "contacts", "statuses"
# By this a contact is known to have been made of an old customer. It is a platform to whom calls may name them, too.
PLATFORM = "legacy-crm"
# Of those that are left out, so many are told one by one.
MOST_NAMED = 100
_TAKEN = "the number is somebody else's here"
_ERASED = "they have been erased"


@dataclass(slots=True)
class Imported:
    """How many of what were made, were there already, were left out and why, and were another company's."""

    made: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)

    def leave(self, kind: str, which: Any, why: str) -> None:
        self.left[kind] += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(f"{kind[:-1] if kind != STATUSES else 'status'} {which}: {why}")


def import_desk(
    tenant: Tenant, *, dry_run: bool, from_company: int | None = None, seen: Callable[[], None] = lambda: None
) -> Imported:
    """Make what is not there yet. A dry run makes it too, and takes all of it back.

    Documents that name no company are taken for `tenant`'s, and those that name `from_company`, which is its number in
    the older installation; the same as here when it is not given. `seen` is told of each document.
    """
    importing = _Importing(tenant, from_company or tenant.pk, Imported(), seen)
    if not dry_run:
        importing.keep_numbers_free()
        importing.do()
        return importing.told
    with transaction.atomic():
        importing.do()
        transaction.set_rollback(True)
    return importing.told


@dataclass(frozen=True, slots=True)
class _Importing:
    tenant: Tenant
    company: int
    told: Imported
    seen: Callable[[], None]

    def do(self) -> None:
        for status in self._read(STATUSES, legacy.old_statuses(), status_in):
            self._bring_in(status)
        for person in self._read(USERS, legacy.old_users(), person_in):
            if person.role is None:
                self._make_contact(person)
            else:
                self._make_user(person, person.role)

    def keep_numbers_free(self) -> None:
        """Give no number from now on that one of the old ones has, to those who are made here meanwhile."""
        highest: dict[type[models.Model], int] = {User: 0, Contact: 0, CallStatus: 0}
        for person in _readable(self._ours(legacy.old_users()), person_in):
            model: type[models.Model] = Contact if person.role is None else User
            highest[model] = max(highest[model], person.number)
        for status in _readable(self._ours(legacy.old_statuses()), status_in):
            highest[CallStatus] = max(highest[CallStatus], status.number)
        for model, number in highest.items():
            _count_on_from(model, number)

    def _ours(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        return (one for one in documents if company_of(one) in (None, self.company))

    def _read(
        self, kind: str, documents: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], Old]
    ) -> Iterator[Old]:
        for document in documents:
            self.seen()
            if company_of(document) not in (None, self.company):
                self.told.others[kind] += 1
                continue
            try:
                old = read(document)
            except Unreadable as why:
                self.told.leave(kind, document.get("id", document["_id"]), str(why))
                continue
            yield old

    def _make_user(self, old: OldPerson, role: str) -> None:
        there = User.objects.filter(pk=old.number).first()
        if there is not None:
            is_theirs = there.tenant_id == self.tenant.pk and there.username == User.normalize_username(old.username)
            self._is_there(USERS, old.number, is_theirs=is_theirs)
            return
        try:
            people.add(
                self.tenant,
                username=old.username,
                role=role,
                name=old.name,
                email=next(iter(old.emails), ""),
                is_active=old.is_active,
                number=old.number,
            )
        except UsernameTaken:
            self.told.leave(USERS, old.number, "somebody here has the username")
        except UnknownPerson:
            self.told.leave(USERS, old.number, _ERASED)
        else:
            self.told.made[USERS] += 1

    def _make_contact(self, old: OldPerson) -> None:
        if not old.is_active:
            self.told.leave(CONTACTS, old.number, "it was deleted or ended there")
            return
        identity = Identity(PLATFORM, str(old.number))
        if Contact.objects.filter(pk=old.number).exists():
            is_theirs = ContactIdentity.objects.filter(
                tenant_id=self.tenant.pk,
                contact_id=old.number,
                platform=identity.platform,
                external_user_id=identity.external_user_id,
            ).exists()
            self._is_there(CONTACTS, old.number, is_theirs=is_theirs)
            return
        try:
            contacts.create(
                self.tenant.pk,
                names=[old.name] if old.name else [],
                phones=old.phones,
                emails=old.emails,
                identities=[identity],
                number=old.number,
            )
        except (ContactTaken, IntegrityError):
            self.told.leave(CONTACTS, old.number, _TAKEN)
        except UnknownContact:
            self.told.leave(CONTACTS, old.number, _ERASED)
        else:
            self.told.made[CONTACTS] += 1

    def _bring_in(self, old: OldStatus) -> None:
        there = CallStatus.objects.filter(pk=old.number).first()
        if there is not None:
            is_theirs = there.tenant_id == self.tenant.pk and there.name == old.name
            self._is_there(STATUSES, old.number, is_theirs=is_theirs)
            return
        values = {
            "name": old.name,
            "description": old.description,
            "color": old.color,
            "position": old.position,
            "deleted": old.deleted,
        }
        try:
            statuses.bring_in(self.tenant.pk, old.number, values)
        except (StatusNameTaken, StatusInUse) as refused:
            self.told.leave(STATUSES, old.number, refused.message)
        else:
            self.told.made[STATUSES] += 1

    def _is_there(self, kind: str, number: int, *, is_theirs: bool) -> None:
        if is_theirs:
            self.told.there[kind] += 1
        else:
            self.told.leave(kind, number, _TAKEN)


def _readable(documents: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], Old]) -> Iterator[Old]:
    for document in documents:
        try:
            yield read(document)
        except Unreadable:
            continue


def _count_on_from(model: type[models.Model], number: int) -> None:
    """Have the table's numbers go on after this one, if they have not got so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(sequence, %(number)s) "
            "FROM (SELECT pg_get_serial_sequence(%(table)s, 'id')::regclass AS sequence) AS of_table "
            "WHERE coalesce(pg_sequence_last_value(sequence), 0) < %(number)s",
            {"table": model._meta.db_table, "number": number},
        )
