"""A company's rules: one of every kind, there without anybody's doing, changed and switched off by its admins."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from metrics.alerts import lifecycle
from metrics.alerts.kinds import KINDS
from metrics.errors import UnknownAlertRule
from metrics.models import AlertKind, AlertRule, Resolution

_ORDER = {kind: number for number, kind in enumerate(AlertKind)}


def of(tenant_id: int) -> list[AlertRule]:
    """A company's rules, in the order of the table of kinds; those that were missing are made."""
    rows = _read(tenant_id)
    if len(rows) < len(AlertKind):
        make_missing([tenant_id])
        rows = _read(tenant_id)
    return rows


def find(tenant_id: int, kind: str) -> AlertRule:
    """Raises UnknownAlertRule."""
    rule = next((rule for rule in of(tenant_id) if rule.kind == kind), None)
    if rule is None:
        raise UnknownAlertRule(f"There is no rule of the kind {kind[:40]!r}.")
    return rule


def make_missing(tenant_ids: Iterable[int]) -> None:
    """Give each company the rules that it has not yet; again is the same as once."""
    wanted = list(tenant_ids)
    there = set(AlertRule.objects.filter(tenant__in=wanted).values_list("tenant_id", "kind"))
    AlertRule.objects.bulk_create(
        [
            AlertRule(tenant_id=tenant_id, kind=kind, threshold=KINDS[kind].threshold)
            for tenant_id in wanted
            for kind in AlertKind
            if (tenant_id, kind) not in there
        ],
        ignore_conflicts=True,
    )


def change(tenant_id: int, kind: str, values: Mapping[str, Any]) -> AlertRule:
    """Change what is given: is_on, threshold, window_minutes, least_count, destinations (of the company's own).

    The values have been validated. What goes on of a rule that is switched off ends. Raises UnknownAlertRule.
    """
    rule = find(tenant_id, kind)
    with transaction.atomic():
        # Whoever looks meanwhile opens nothing of a rule that is being switched off.
        rule = AlertRule.objects.select_for_update().get(pk=rule.pk, tenant=tenant_id)
        for name in ("is_on", "threshold", "window_minutes", "least_count"):
            if name in values:
                setattr(rule, name, values[name])
        rule.save()
        if "destinations" in values:
            rule.destinations.set(values["destinations"])
        if not rule.is_on:
            for alert in rule.alerts.ongoing():
                lifecycle.resolve(alert, Resolution.RULE_OFF, at=timezone.now())
    return rule


def _read(tenant_id: int) -> list[AlertRule]:
    rows = AlertRule.objects.filter(tenant=tenant_id, kind__in=AlertKind.values).prefetch_related("destinations")
    return sorted(rows, key=lambda rule: _ORDER[AlertKind(rule.kind)])
