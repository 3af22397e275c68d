"""Legal holds: of whom, and of which call, nothing may be removed until the hold is lifted.

A hold on somebody is on their calls too, for whoever else is in them. It stops an erasure that has not begun, and keeps
what it is on from retention.
"""

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from crm.contacts import resolve
from crm.erasure import states, subjects
from crm.erasure.subjects import Asked
from crm.errors import UnknownHold, UnknownSubject
from crm.models import Contact, ContactIdentity, ErasureRequest, HoldKind, LegalHold, SubjectKind, User
from crm.people import HIGHEST_ID
from metrics import locks, person_keys
from metrics.erasing import Identity, Subject
from metrics.retention import Held


def place(
    user: User,
    kind: HoldKind,
    *,
    user_id: int | None = None,
    contact_id: int | None = None,
    platform: str = "",
    external_user_id: str = "",
    call_id: str = "",
    reason: str,
) -> LegalHold:
    """A hold at the user's company. Erasures of theirs that have not begun stop at once; one that runs does not.

    A call, or an id on a platform, need not be there yet. Raises UnknownSubject, and BadPersonKey for an id that nobody
    can have.
    """
    tenant_id = _company_of(user)
    given: dict[str, Any] = {"user_id": None, "contact_id": None, "platform": "", "external_user_id": "", "call_id": ""}
    if kind == HoldKind.USER:
        given["user_id"] = _known(User.objects.of(tenant_id), user_id)
    elif kind == HoldKind.CONTACT:
        given["contact_id"] = _known(Contact.objects.of(tenant_id), contact_id)
    elif kind == HoldKind.EXTERNAL:
        person_keys.of_external(platform, external_user_id)
        given |= {"platform": platform, "external_user_id": external_user_id}
    elif call_id:
        given["call_id"] = call_id
    else:
        raise UnknownSubject("Name the call that the hold is on.")
    with transaction.atomic():
        lock(tenant_id)
        hold = LegalHold.objects.create(tenant_id=tenant_id, kind=kind, reason=reason, placed_by=user, **given)
        settle_all(tenant_id)
    return hold


def lift(user: User, hold_id: int) -> LegalHold:
    """End a hold of the user's company; again is the same as once. What waited for it goes on by itself.

    Raises UnknownHold.
    """
    tenant_id = _company_of(user)
    with transaction.atomic():
        lock(tenant_id)
        hold = find(tenant_id, hold_id)
        if hold.lifted_at is None:
            hold.lifted_by, hold.lifted_at = user, timezone.now()
            hold.save(update_fields=["lifted_by", "lifted_at"])
            settle_all(tenant_id)
    return hold


def find(tenant_id: int, hold_id: int) -> LegalHold:
    """A hold of the company, standing or lifted. Raises UnknownHold."""
    hold = LegalHold.objects.of(tenant_id).filter(pk=hold_id).first() if 0 < hold_id <= HIGHEST_ID else None
    if hold is None:
        raise UnknownHold("There is no hold with this id in your company.")
    return hold


def blocking(subject: Subject) -> list[LegalHold]:
    """The holds that forbid to erase them, newest first: on them, on a call of theirs, or on who else is in one.

    Raises RetryableCallError, RetryableAudioError while it cannot be told.
    """
    standing = LegalHold.objects.of(subject.tenant_id).standing()
    return [hold for hold in standing if _is_on(hold, subject) or _is_in_a_call_with(hold, subject)]


def is_held(request: ErasureRequest) -> bool:
    """Whether a hold forbids to begin it. Without any hold at the company no other store is asked."""
    if not LegalHold.objects.of(request.tenant_id).standing().exists():
        return False
    return bool(blocking(subjects.with_what_is_theirs(subjects.of_request(request))))


def held(tenant_id: int) -> Held:
    """What the company's holds are on, for retention: of a contact all ids, and of an id the contact who goes by it."""
    standing = list(LegalHold.objects.of(tenant_id).standing())
    contact_ids = {hold.contact_id for hold in standing if hold.contact_id is not None}
    identities = {Identity(hold.platform, hold.external_user_id) for hold in standing if hold.external_user_id}
    for identity in identities:
        if contact := resolve(tenant_id, *identity):
            contact_ids.add(contact.pk)
    theirs = ContactIdentity.objects.filter(tenant_id=tenant_id, contact__in=contact_ids)
    return Held(
        user_ids=frozenset(hold.user_id for hold in standing if hold.user_id is not None),
        contact_ids=frozenset(contact_ids),
        identities=frozenset(
            identities | {Identity(*pair) for pair in theirs.values_list("platform", "external_user_id")}
        ),
        call_ids=frozenset(hold.call_id for hold in standing if hold.call_id),
    )


def forget(subject: Subject) -> None:
    """Remove the holds on somebody who has been erased, also those that were placed when it was too late."""
    theirs = [hold.pk for hold in LegalHold.objects.of(subject.tenant_id) if _is_on_person(hold, subject)]
    LegalHold.objects.filter(pk__in=theirs).delete()


def lock(tenant_id: int) -> None:
    """Until the transaction ends, alone: nobody places a hold after one was looked for and before that is heeded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [locks.number_of(f"holds/{tenant_id}")])


def settle_all(tenant_id: int) -> None:
    """Put every erasure of the company that has not begun where its holds have it."""
    for request in ErasureRequest.objects.of(tenant_id).filter(state__in=states.UNBEGUN, is_replay=False):
        states.settle(request, is_held=is_held(request))


def _is_on(hold: LegalHold, subject: Subject) -> bool:
    return _is_on_person(hold, subject) or (hold.kind == HoldKind.CALL and hold.call_id in subject.calls)


def _is_on_person(hold: LegalHold, subject: Subject) -> bool:
    if hold.kind == HoldKind.USER:
        return hold.user_id == subject.user_id
    if hold.kind == HoldKind.CONTACT:
        return hold.contact_id == subject.contact_id
    return hold.kind == HoldKind.EXTERNAL and Identity(hold.platform, hold.external_user_id) in subject.identities


def _is_in_a_call_with(hold: LegalHold, subject: Subject) -> bool:
    if hold.kind == HoldKind.CALL or not subject.calls:
        return False
    return not subject.calls.keys().isdisjoint(subjects.with_what_is_theirs(_who(hold)).calls)


def _who(hold: LegalHold) -> Subject:
    """Whom a hold is on, with all that they go by; of an id the contact who goes by it."""
    if hold.kind == HoldKind.USER:
        return subjects.who(hold.tenant_id, Asked(SubjectKind.USER, hold.user_id))
    if hold.kind == HoldKind.CONTACT:
        return subjects.who(hold.tenant_id, Asked(SubjectKind.CONTACT, None, hold.contact_id))
    return subjects.who(
        hold.tenant_id,
        subjects.asked_of(hold.tenant_id, platform=hold.platform, external_user_id=hold.external_user_id),
    )


def _known(rows: Any, row_id: int | None) -> int:
    if row_id is None or not 0 < row_id <= HIGHEST_ID or not rows.filter(pk=row_id).exists():
        raise UnknownSubject("There is nobody with this id in your company.")
    return row_id


def _company_of(user: User) -> int:
    if user.tenant_id is None:
        raise UnknownSubject("Who runs the site works in no company, and holds nothing there.")
    return user.tenant_id
