"""Brings to mind that an erasure's time runs out: who looks after privacy is mailed once a day, and told on the pages.

No mail says whom it is about; only who signs in may know that.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from crm.models import ErasureRequest, ErasureState, PrivacyPolicy, User
from crm.models.privacy import ErasureRequestQuerySet
from crm.roles import CAPABILITIES, Role
from metrics import notify

log = structlog.get_logger("earshot.erasure")

# A little less than a day, so that an hourly look does not come later each day.
_NOT_AGAIN_WITHIN = timedelta(hours=23)


def remind() -> int:
    """Tell of every request that is due soon or overdue and was not told of today. Returns how many it told of."""
    now = timezone.now()
    told = 0
    tenants = ErasureRequest.objects.open().order_by().values_list("tenant_id", flat=True).distinct()
    for tenant_id in list(tenants):
        waiting = [request for request in due_soon(tenant_id, at=now) if _is_to_be_told(request, now)]
        if not waiting:
            continue
        overdue = sum(request.due_at <= now for request in waiting)
        log.warning("erasures_due", tenant_id=tenant_id, requests=len(waiting), overdue=overdue)
        _mail(tenant_id, waiting, now)
        ErasureRequest.objects.filter(pk__in=[request.pk for request in waiting]).update(reminded_at=now)
        told += len(waiting)
    return told


def due_soon(tenant_id: int, *, at: datetime) -> ErasureRequestQuerySet:
    """The company's requests that have not ended though their time runs out by its own rule; the most urgent first."""
    soon = at + timedelta(days=PrivacyPolicy.of(tenant_id).remind_days)
    return ErasureRequest.objects.of(tenant_id).open().filter(due_at__lte=soon).order_by("due_at", "pk")


def overdue() -> ErasureRequestQuerySet:
    """Those of all companies that should have been complete by now."""
    return ErasureRequest.objects.open().filter(due_at__lte=timezone.now())


def _is_to_be_told(request: ErasureRequest, now: datetime) -> bool:
    return request.reminded_at is None or request.reminded_at <= now - _NOT_AGAIN_WITHIN


def _mail(tenant_id: int, requests: Iterable[ErasureRequest], now: datetime) -> None:
    """To everybody of the company who may erase and has an address; the page tells of it all the same."""
    if not notify.mail_is_on():
        return
    roles = [role for role in Role if "privacy.erase" in CAPABILITIES[role]]
    readers = User.objects.of(tenant_id).filter(role__in=roles, is_active=True).exclude(email="")
    text = "\n".join(_line(request, now) for request in requests)
    text += f"\n\nSee {settings.EARSHOT_URL}/privacy/\n"
    for reader in readers:
        outcome = notify.mail(
            reader.email,
            subject="Erasures whose time runs out",
            text=text,
            message_id=f"erasures-{tenant_id}-{reader.pk}-{now:%Y%m%d%H}",
        )
        if not outcome.is_delivered:
            log.warning("reminder_not_mailed", tenant_id=tenant_id, error=str(outcome.error))


def _line(request: ErasureRequest, now: datetime) -> str:
    state = ErasureState(request.state).label.lower()
    if request.due_at <= now:
        return f"{request} should have been complete on {request.due_at:%Y-%m-%d}: {state}."
    return f"{request} has to be complete by {request.due_at:%Y-%m-%d}: {state}."
