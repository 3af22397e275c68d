"""Alerts, their rules and what was sent of them, to be looked at; they are changed under Settings."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from crm.admin.scoping import TenantScoped
from metrics.alerts.kinds import kind_of, subject_words, told
from metrics.models import Alert, AlertDelivery, AlertRule


@admin.register(AlertRule)
class AlertRuleAdmin(TenantScoped):
    kind = "alert_rule"
    tenant_path = "tenant"
    list_display = ("__str__", "tenant", "is_on", "above", "window_minutes", "least_count")
    list_select_related = ("tenant",)
    list_filter = ("kind", "is_on")
    lookups = frozenset({"kind__exact", "is_on__exact"})
    ordering = ("pk",)

    def subject_of(self, row: AlertRule) -> str:
        return f"{self.kind}:{row.kind}"

    @admin.display(description="Alert above")
    def above(self, rule: AlertRule) -> str:
        return told(rule.kind, rule.threshold)


@admin.register(Alert)
class AlertAdmin(TenantScoped):
    kind = "alert"
    tenant_path = "tenant"
    list_display = ("rule", "of", "tenant", "state", "worst", "opened_at", "resolved_at")
    list_select_related = ("rule", "tenant")
    list_filter = ("state", "rule__kind")
    lookups = frozenset({"state__exact", "rule__kind__exact"})
    ordering = ("-pk",)

    @admin.display(description="Of")
    def of(self, alert: Alert) -> str:
        whose = " (whole server)" if kind_of(alert.rule.kind).is_of_server else ""
        return f"{subject_words(alert.subject)}{whose}"

    @admin.display(description="At its worst")
    def worst(self, alert: Alert) -> str:
        return told(alert.rule.kind, alert.worst_value)


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(TenantScoped):
    kind = "delivery"
    tenant_path = "tenant"
    list_display = ("event", "destination", "tenant", "state", "attempts", "status_code", "error", "created_at")
    list_select_related = ("destination", "tenant")
    list_filter = ("state", "event")
    lookups = frozenset({"state__exact", "event__exact"})
    ordering = ("-pk",)
    search_fields = ("message_id",)
    search_help_text = "The whole id of a message, as in webhook-id"
    # What it was signed by is worked out of the destination.
    exclude = ("claimed_until",)

    def searched(self, request: HttpRequest, rows: QuerySet[AlertDelivery], term: str) -> QuerySet[AlertDelivery]:
        digits = term.removeprefix("msg_").replace("-", "").lower()
        is_id = len(digits) == 32 and all(digit in "0123456789abcdef" for digit in digits)
        return rows.filter(message_id=digits) if is_id else rows.none()
