"""A colleague's account: who they are, what they get in by, and what was written down of them.

Everything else is found by the account, so its row goes last and with the rest at once. It stays while a recording is
still theirs, as the database has it; whoever erases recordings comes before.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import ForeignObjectRel, Q, QuerySet

from audio.models import AudioSession
from crm import browser_sessions, live, people, sign_in
from crm.erasure import written_down
from crm.models import Contact, ContactIdentity, Token, User
from metrics import person_keys
from metrics.erasing import Progress, Subject, untold

# What becomes of each reference to a user of ours; a test fails for one that is not here.
REFERENCES: Final[Mapping[str, str]] = {
    "admin.LogEntry.user": "removed here",
    "audio.AudioSession.user": "emptied or removed with the recording, before",
    "crm.ErasureRequest.approved_by": "emptied",
    "crm.ErasureRequest.requested_by": "emptied",
    "crm.LegalHold.lifted_by": "emptied",
    "crm.LegalHold.placed_by": "emptied",
    "crm.PersonExport.requested_by": "emptied",
    "crm.Token.user": "removed here",
    "crm.User_groups.user": "removed with the account",
    "crm.User_user_permissions.user": "removed with the account",
    "metrics.Alert.acknowledged_by": "emptied before, with alerts",
}


def count(subject: Subject) -> int:
    if subject.user_id is None:
        return 0
    person = _person(subject)
    return (
        written_down.entries(subject).unsealed().count()
        + written_down.holds_that_are_over(subject).count()
        + _admin_log(subject.user_id).count()
        + Token.objects.filter(user=subject.user_id).count()
        + len(browser_sessions.keys_of(subject.user_id))
        + (0 if person is None else 1 + sign_in.count(person.username))
    )


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    """Also of who has no account any more. Raises RetryableMetricsError while the archive is away."""
    if subject.user_id is None:
        return 0
    # Before their tokens and recordings go, which say under whose key an entry is sealed.
    erased = written_down.seal(subject)
    with transaction.atomic():
        person = _person(subject, is_locked=True)
        erased += written_down.holds_that_are_over(subject).delete()[0]
        erased += _admin_log(subject.user_id).delete()[0]
        erased += Token.objects.filter(user=subject.user_id).delete()[0]
        erased += browser_sessions.remove(browser_sessions.keys_of(subject.user_id))
        if person is not None:
            erased += sign_in.forget(person.username)
            if not AudioSession.objects.filter(user=person).exists():
                person.delete()
                erased += 1
            people.shown_otherwise(person)
        # Sockets that are open look again, and find nobody.
        live.rights_changed(subject.user_id)
    progress(erased)
    return erased


def search(subject: Subject) -> int:
    """Whatever refers to them, by the database's own knowledge of its tables, or has their address in it."""
    if subject.user_id is None:
        return 0
    addressed = Q(pk=subject.user_id)
    for email in subject.emails:
        addressed |= Q(tenant=subject.tenant_id, email__iexact=email)
        addressed |= Q(tenant=subject.tenant_id, username__iexact=email)
    return (
        sum(_referring(one, subject.user_id) for one in references())
        + User.objects.filter(addressed).count()
        + len(browser_sessions.keys_of(subject.user_id))
        + written_down.entries(subject).count()
        + _admin_log(subject.user_id).count()
    )


def candidates(tenant_id: int) -> set[str]:
    """The person keys of everybody whom the desk names: colleagues, contacts, and what platforms call them."""
    colleagues = User.objects.filter(tenant=tenant_id).values_list("pk", flat=True)
    contacts = Contact.objects.of(tenant_id).order_by().values_list("pk", flat=True)
    identities = ContactIdentity.objects.filter(tenant=tenant_id).values_list("platform", "external_user_id")
    return {
        *(person_keys.of_user(pk) for pk in colleagues.iterator()),
        *(person_keys.of_contact(pk) for pk in contacts.iterator()),
        *(person_keys.of_external(*identity) for identity in identities.iterator()),
    }


def references() -> list[ForeignObjectRel]:
    """Every reference to a user of ours that there is, those without a name too."""
    return [one for one in User._meta.get_fields(include_hidden=True) if isinstance(one, ForeignObjectRel)]


def _referring(relation: ForeignObjectRel, user_id: int) -> int:
    rows: Any = relation.related_model
    return int(rows._base_manager.filter(**{relation.field.name: user_id}).count())


def _person(subject: Subject, *, is_locked: bool = False) -> User | None:
    of_company = User.objects.filter(tenant=subject.tenant_id, pk__in=[subject.user_id])
    return (of_company.select_for_update() if is_locked else of_company).first()


def _admin_log(user_id: int) -> QuerySet[LogEntry]:
    tokens = list(Token.objects.filter(user=user_id).values_list("pk", flat=True))
    return written_down.admin_log(by=user_id, about=[(User, [user_id]), (Token, tokens)])
