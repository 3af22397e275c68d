"""Exports asked for, found, and removed: by who asks, when their time is over, and what was lost on its way."""

import uuid
from datetime import timedelta
from typing import Final

import structlog
from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm import forgotten
from crm.erasure import subjects
from crm.erasure.subjects import Asked
from crm.errors import ExportExpired, ExportNotReady, UnknownExport, UnknownSubject
from crm.models import PersonExport, PrivacyPolicy, User
from crm.models.privacy import EXPORT_MOVES, ExportState, PersonExportQuerySet
from crm.person_exports import files
from metrics.lanes import Lane

log = structlog.get_logger("earshot.person_exports")
_broker = Lane("person-exports")

MAKE_TASK: Final = "crm.make_person_export"
# A worker that makes one is heard of every few seconds; one that was not for so long has died.
LEASE: Final = timedelta(minutes=5)
# What waits for longer was lost on its way, or stood behind another.
PATIENCE: Final = timedelta(minutes=1)
# Whatever kills its worker, or keeps a store away, so often is no accident.
MOST_ATTEMPTS: Final = 10
GAVE_UP: Final = "It was begun several times and never came to its end. Ask for a new one."
# The words for whom an export is, in a row's `subject`; beside them `others_in`, see `making.py`.
_NAMES: Final = ("user_id", "contact_id", "platform", "external_user_id")


def ask(user: User, asked: Asked, *, includes_others: bool = False) -> PersonExport:
    """Have all that is kept of somebody put together; it is made in the background.

    Raises UnknownSubject for who is not there, or not any more.
    """
    with transaction.atomic():
        export = take_down(user.tenant_id or 0, asked, by=user, includes_others=includes_others)
        transaction.on_commit(lambda: send(export.pk), robust=True)
    return export


def take_down(tenant_id: int, asked: Asked, *, by: User | None, includes_others: bool = False) -> PersonExport:
    """The row of an export that whoever asks makes by themselves; unless they do, beat has it made. As `ask`."""
    name = subjects.name_of(tenant_id, asked)
    keys = subjects.who(tenant_id, asked).person_keys
    with transaction.atomic():
        # Until this transaction ends nobody is forgotten, so that an erasure which follows finds the row.
        if forgotten.among(tenant_id, keys):
            raise UnknownSubject("There is nobody of that name here.")
        export = PersonExport.objects.create(
            tenant_id=tenant_id,
            kind=asked.kind,
            subject=asked.named,
            subject_name=name,
            includes_others=includes_others,
            requested_by=by,
            requested_at=timezone.now(),
        )
    log.info("person_export_requested", tenant_id=tenant_id, export_id=str(export.pk))
    return export


def send(export_id: uuid.UUID) -> None:
    """Tell the workers of it. While the broker is away it waits for the sweep."""

    def send_now() -> None:
        current_app.send_task(MAKE_TASK, args=[str(export_id)], queue="privacy", retry=False)

    _broker.do(send_now, what="person export")


def send_next() -> None:
    """Tell the workers of the one that has waited longest behind another. One that was put off is for beat."""
    following = PersonExport.objects.filter(state=ExportState.WAITING, attempts=0).order_by("requested_at").first()
    if following is not None:
        send(following.pk)


def asked_of(export: PersonExport) -> Asked:
    """Whom the export is of. Raises UnknownSubject when they are gone by now."""
    return subjects.asked_of(
        export.tenant_id, **{name: export.subject[name] for name in _NAMES if name in export.subject}
    )


def find(tenant_id: int, export_id: uuid.UUID) -> PersonExport:
    """Raises UnknownExport."""
    found = PersonExport.objects.of(tenant_id).filter(pk=export_id).first()
    if found is None:
        raise UnknownExport("There is no export of this id.")
    return found


def ready(tenant_id: int, export_id: uuid.UUID) -> PersonExport:
    """One that can be fetched now. Raises UnknownExport, ExportNotReady, ExportExpired."""
    export = find(tenant_id, export_id)
    if export.state == ExportState.EXPIRED or (export.expires_at is not None and export.expires_at <= timezone.now()):
        raise ExportExpired("This export has been removed. Ask for a new one if it is still needed.")
    if export.state != ExportState.READY:
        raise ExportNotReady("This export is not ready yet.")
    return export


def remove(tenant_id: int, export_id: uuid.UUID) -> None:
    """Remove an export and its archive, whatever its state; again is the same as once. Raises UnknownExport."""
    expire(find(tenant_id, export_id))


def expire(export: PersonExport) -> None:
    """The row names nobody any more, and there is nothing left to fetch. Raises StoreUnavailable, then it is half done.

    Whoever makes it is told so by its row, and leaves nothing.
    """
    from_any = [state for state, targets in EXPORT_MOVES.items() if ExportState.EXPIRED in targets]
    PersonExport.objects.filter(pk=export.pk, state__in=from_any).update(
        state=ExportState.EXPIRED, subject={}, subject_name="", error="", claimed_at=None
    )
    files.remove(export)


def sweep() -> None:
    """What beat does every few minutes: remove what has expired, send on what was lost, clear up behind the dead."""
    now = timezone.now()
    for export in PersonExport.objects.filter(state__in=_ENDED, expires_at__lte=now):
        expire(export)
        log.info("person_export_expired", tenant_id=export.tenant_id, export_id=str(export.pk))
    stale = PersonExport.objects.filter(state=ExportState.RUNNING, claimed_at__lt=now - LEASE)
    for export in stale.filter(attempts__gte=MOST_ATTEMPTS):
        fail(export, GAVE_UP)
    for export in _lost():
        send(export.pk)
    files.remove_strays(begun_before=now - LEASE)


def fail(export: PersonExport, why: str) -> None:
    """It is not going to be. What names its person goes when a ready one's would."""
    PersonExport.objects.filter(pk=export.pk, state=ExportState.RUNNING, attempts=export.attempts).update(
        state=ExportState.FAILED,
        error=why,
        claimed_at=None,
        expires_at=timezone.now() + timedelta(days=PrivacyPolicy.of(export.tenant_id).export_days),
    )
    log.warning("person_export_failed", tenant_id=export.tenant_id, export_id=str(export.pk))


def claimable() -> Q:
    """Those that a worker may take: they wait, or whoever had them has died."""
    return Q(state=ExportState.WAITING) | Q(state=ExportState.RUNNING, claimed_at__lt=timezone.now() - LEASE)


def _lost() -> PersonExportQuerySet:
    asked_before = Q(state=ExportState.WAITING, requested_at__lt=timezone.now() - PATIENCE)
    return PersonExport.objects.filter(claimable()).filter(asked_before | Q(state=ExportState.RUNNING))


_ENDED: Final = [ExportState.READY, ExportState.FAILED]
