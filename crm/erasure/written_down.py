"""What was written down of somebody: audit entries that still have ids, admin's own log, holds that are over.

An entry of the audit log stays. Once it is sealed it names people and things by pseudonyms, and their keys go last.
"""

from collections.abc import Collection

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet

from crm.audit import sealing
from crm.models import AuditEntry, HoldKind, LegalHold
from crm.models.audit import AuditEntryQuerySet
from metrics import person_keys
from metrics.erasing import Share, Subject


def entries(subject: Subject) -> AuditEntryQuerySet:
    """Audit entries that name them, or a thing of theirs, by our ids, as sealed ones do not.

    A thing is theirs that goes as a whole; what stays of a call is somebody else's. What was done by who runs the site
    is in a chain of no company.
    """
    whom = [] if subject.user_id is None else [f"person:{subject.user_id}"]
    whom += [] if subject.contact_id is None else [f"contact:{subject.contact_id}"]
    whom += [f"recording:{session_id}" for session_id in subject.sessions_of(Share.WHOLE)]
    whom += [f"call:{call_id}" for call_id in subject.calls_of(Share.WHOLE)]
    named = Q(subject__in=whom)
    if subject.user_id is not None:
        named |= Q(actor=person_keys.of_user(subject.user_id))
    return AuditEntry.objects.filter(named, Q(tenant=subject.tenant_id) | Q(tenant=None))


def seal(subject: Subject) -> int:
    """Seal what is unsealed, if any of it names them; how many of those entries there were.

    Raises RetryableMetricsError.
    """
    before = entries(subject).unsealed().count()
    if before:
        sealing.seal()
    return before


def admin_log(*, by: int | None = None, about: Collection[tuple[type[Model], Collection[int]]]) -> QuerySet[LogEntry]:
    """What admin's own log has by somebody and about rows of theirs: it keeps what they were called."""
    wanted = Q(pk__in=[]) if by is None else Q(user=by)
    for model, ids in about:
        if ids:
            of_kind = ContentType.objects.get_for_model(model)
            wanted |= Q(content_type=of_kind, object_id__in=[str(one) for one in ids])
    return LogEntry.objects.filter(wanted)


def holds_that_are_over(subject: Subject) -> QuerySet[LegalHold]:
    """Lifted holds on them or on calls that were theirs alone: whom they name, and why, is said of nobody any more."""
    wanted = Q(kind=HoldKind.CALL, call_id__in=subject.calls_of(Share.WHOLE))
    if subject.user_id is not None:
        wanted |= Q(kind=HoldKind.USER, user_id=subject.user_id)
    if subject.contact_id is not None:
        wanted |= Q(kind=HoldKind.CONTACT, contact_id=subject.contact_id)
    for platform, external_user_id in subject.identities:
        wanted |= Q(kind=HoldKind.EXTERNAL, platform=platform, external_user_id=external_user_id)
    return LegalHold.objects.of(subject.tenant_id).filter(wanted).exclude(lifted_at=None)
