"""An alert's way from open to resolved. With each step, in the same transaction, its destinations are to be told."""

from datetime import datetime
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from metrics.alerts import deliveries
from metrics.errors import UnknownAlert
from metrics.models import ALERT_MOVES, Alert, AlertEvent, AlertRule, AlertState, Resolution

log = structlog.get_logger("earshot.alerts")

LARGEST_ID = 2**63 - 1


def open_new(rule: AlertRule, subject: str, value: float, *, at: datetime) -> Alert | None:
    """Open an alert. None when one goes on already, whoever opened it, or the rule has been switched off."""
    try:
        with transaction.atomic():
            if AlertRule.objects.select_for_update().filter(pk=rule.pk, is_on=True).first() is None:
                return None
            alert = Alert.objects.create(
                tenant_id=rule.tenant_id,
                rule=rule,
                subject=subject,
                threshold=rule.threshold,
                opened_value=value,
                worst_value=value,
                last_value=value,
                opened_at=at,
                known_at=at,
            )
            deliveries.order(alert, AlertEvent.OPENED)
    except IntegrityError:
        if Alert.objects.filter(rule=rule.pk, subject=subject).ongoing().exists():
            return None
        raise
    log.warning("alert_opened", alert_id=alert.pk, tenant_id=alert.tenant_id, kind=rule.kind, subject=subject)
    return alert


def keep(alert: Alert, value: float, *, at: datetime) -> None:
    """Note the value of an alert that goes on."""
    Alert.objects.filter(pk=alert.pk).ongoing().update(
        last_value=value, worst_value=Greatest(F("worst_value"), value), known_at=at
    )


def resolve(alert: Alert, resolution: Resolution, *, at: datetime, value: float | None = None) -> bool:
    """End an alert. False when somebody else did."""
    now_known = {} if value is None else {"last_value": value, "known_at": at}
    with transaction.atomic():
        moved = _move(alert, AlertState.RESOLVED, resolved_at=at, resolution=resolution, **now_known)
        if moved:
            deliveries.order(alert, AlertEvent.RESOLVED)
    if moved:
        log.info("alert_resolved", alert_id=alert.pk, tenant_id=alert.tenant_id, resolution=resolution)
    return moved


def acknowledge(user: Any, alert_id: int) -> Alert:
    """Say that somebody sees to it. One that is acknowledged or over already stays as it is. Raises UnknownAlert."""
    alert = find(user.tenant_id, alert_id)
    _move(alert, AlertState.ACKNOWLEDGED, acknowledged_at=timezone.now(), acknowledged_by=user)
    return alert


def close(user: Any, alert_id: int) -> Alert:
    """End it by hand, as when nothing will be measured any more; it opens again when the figure is still too high.

    Raises UnknownAlert.
    """
    alert = find(user.tenant_id, alert_id)
    resolve(alert, Resolution.BY_HAND, at=timezone.now())
    return alert


def find(tenant_id: int, alert_id: int) -> Alert:
    """Raises UnknownAlert."""
    known = Alert.objects.of(tenant_id).select_related("rule", "acknowledged_by")
    found = known.filter(pk=alert_id).first() if 0 < alert_id <= LARGEST_ID else None
    if found is None:
        raise UnknownAlert(f"There is no alert {alert_id}.")
    return found


def _move(alert: Alert, to: AlertState, **values: Any) -> bool:
    """Move it along the table of states, if it is still where one can; the row in hand is as it is afterwards."""
    sources = [state for state, targets in ALERT_MOVES.items() if to in targets]
    moved = Alert.objects.filter(pk=alert.pk, state__in=sources).update(state=to, **values)
    alert.refresh_from_db(fields=["state", "last_value", "worst_value", "known_at", *_TOLD])
    return moved == 1


_TOLD = ("acknowledged_at", "acknowledged_by", "resolved_at", "resolution")
