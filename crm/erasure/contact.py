"""A customer at the desk: the contact, what it is found by, and what was written down of it."""

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Q, QuerySet

from calls import live
from crm.contacts import email_key
from crm.erasure import written_down
from crm.models import Contact, ContactIdentity, ContactKey, KeyKind, MatchDue
from metrics.erasing import Identity, Progress, Subject, untold


def count(subject: Subject) -> int:
    if subject.user_id is not None:
        return 0
    return (
        written_down.entries(subject).unsealed().count()
        + written_down.holds_that_are_over(subject).count()
        + _admin_log(subject).count()
        + _dues(subject).count()
        + _identities(subject).count()
        + _keys(subject).count()
        + _contacts(subject).count()
    )


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    """Also of who is known by an id on a platform alone. Raises RetryableMetricsError while the archive is away."""
    if subject.user_id is not None:
        return 0
    erased = written_down.seal(subject)
    with transaction.atomic():
        erased += written_down.holds_that_are_over(subject).delete()[0]
        erased += _admin_log(subject).delete()[0]
        erased += _dues(subject).delete()[0]
        erased += _identities(subject).delete()[0]
        erased += _keys(subject).delete()[0]
        removed, _ = _contacts(subject).delete()
        erased += removed
    if removed:
        # Whoever looks at calls sees no name there any more.
        live.much_changed(subject.tenant_id)
    progress(erased)
    return erased


def search(subject: Subject) -> int:
    """By phones, addresses and ids as they stand anywhere in the company, whoever's contact they are of."""
    if subject.user_id is not None:
        return 0
    reached = Q(kind=KeyKind.PHONE, value__in=subject.phone_keys) | Q(kind=KeyKind.EMAIL, value__in=subject.emails)
    typed = Q(pk__in=[])
    for email in subject.emails:
        typed |= Q(emails__icontains=email)
    near = Contact.objects.of(subject.tenant_id).filter(typed).values_list("emails", flat=True)
    wanted = set(subject.identities)
    known = ContactIdentity.objects.filter(tenant=subject.tenant_id).values_list("platform", "external_user_id")
    dues = MatchDue.objects.filter(tenant=subject.tenant_id)
    due = dues.values_list("phone_key", "platform", "external_user_id")
    return (
        ContactKey.objects.filter(reached, tenant=subject.tenant_id).count()
        + _contacts(subject).count()
        # What only ends as an address of theirs does is somebody else's.
        + sum(email_key(email) in subject.emails for emails in near for email in emails)
        + sum(Identity(*one) in wanted for one in known.iterator())
        + sum(phone in subject.phone_keys or Identity(*one) in wanted for phone, *one in due.iterator())
        + written_down.entries(subject).count()
        + _admin_log(subject).count()
    )


def _ids(subject: Subject) -> list[int]:
    return [] if subject.contact_id is None else [subject.contact_id]


def _contacts(subject: Subject) -> QuerySet[Contact]:
    return Contact.objects.of(subject.tenant_id).filter(pk__in=_ids(subject))


def _keys(subject: Subject) -> QuerySet[ContactKey]:
    return ContactKey.objects.filter(tenant=subject.tenant_id, contact__in=_ids(subject))


def _identities(subject: Subject) -> QuerySet[ContactIdentity]:
    return ContactIdentity.objects.filter(_going_by(subject) | Q(contact__in=_ids(subject)), tenant=subject.tenant_id)


def _dues(subject: Subject) -> QuerySet[MatchDue]:
    by_phone = Q(phone_key__in=subject.phone_keys)
    return MatchDue.objects.filter(_going_by(subject) | by_phone, tenant=subject.tenant_id)


def _going_by(subject: Subject) -> Q:
    wanted = Q(pk__in=[])
    for platform, external_user_id in subject.identities:
        wanted |= Q(platform=platform, external_user_id=external_user_id)
    return wanted


def _admin_log(subject: Subject) -> QuerySet[LogEntry]:
    identities = list(_identities(subject).values_list("pk", flat=True))
    return written_down.admin_log(about=[(Contact, _ids(subject)), (ContactIdentity, identities)])
