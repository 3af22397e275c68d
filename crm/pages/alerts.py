"""Alerts: what goes on, from where on the company is told, and who."""

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from crm.alert_forms import AlertRuleForm, DestinationForm
from crm.pages import DeskPage, made
from metrics import alerts, notify
from metrics.alerts import deliveries, destinations, rules, standing
from metrics.alerts.kinds import kind_of, subject_words, told
from metrics.alerts.readings import Reading, Readings
from metrics.errors import (
    BadDestination,
    DeliveryBusy,
    DestinationTaken,
    UnknownAlert,
    UnknownAlertRule,
    UnknownDelivery,
    UnknownDestination,
)
from metrics.models import Alert, AlertDelivery, AlertRule, Destination

# What a page lists of what was sent; the rest is to be had over REST.
MOST_SENT = 50
# A figure that is older is not what it is now.
CURRENT = timedelta(minutes=5)


class _AboutAlerts(DeskPage):
    capability: ClassVar = "settings.manage"

    def listed(self, **shown: Any) -> HttpResponse:
        readings = Readings()
        page = {
            "ongoing": [_shown(alert) for alert in alerts.open_of(self.tenant.pk)],
            "rules": [_with_figures(rule, readings.of(rule)) for rule in rules.of(self.tenant.pk)],
            "destinations": destinations.of(self.tenant.pk),
            "destination_form": DestinationForm(auto_id="destination_%s"),
            "most_destinations": destinations.MOST,
            "mail_is_on": notify.mail_is_on(),
            **shown,
        }
        response = render(self.request, "crm/alerts.html", page)
        add_never_cache_headers(response)
        return response


class AlertsPage(_AboutAlerts):
    audits: ClassVar = {"GET": "destination.listed"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.listed()


class AlertHistoryPage(_AboutAlerts):
    audits: ClassVar = None

    def get(self, request: HttpRequest) -> HttpResponse:
        over = [_shown(alert) for alert in alerts.history(self.tenant.pk)]
        page = {"over": over, "most": standing.MOST_SHOWN, "years": standing.ALERTS_KEPT.days // 365}
        return render(request, "crm/alert_history.html", page)


class _OnAlert(_AboutAlerts, ABC):
    """`done` is what is said once it is done."""

    done: ClassVar[str]

    @abstractmethod
    def act(self, alert_id: int) -> object:
        """Raises UnknownAlert."""

    def get(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        return redirect("alerts-page")

    def post(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        try:
            self.act(alert_id)
        except UnknownAlert as unknown:
            raise Http404(unknown.message) from unknown
        messages.success(request, self.done)
        return redirect("alerts-page")


class AcknowledgeAlert(_OnAlert):
    audits: ClassVar = {"POST": "alert.acknowledged"}
    done = "Acknowledged: the others see that you see to it."

    def act(self, alert_id: int) -> object:
        return alerts.acknowledge(self.person, alert_id)


class CloseAlert(_OnAlert):
    audits: ClassVar = {"POST": "alert.closed"}
    done = "Closed. It opens again if the figure is still too high."

    def act(self, alert_id: int) -> object:
        return alerts.close(self.person, alert_id)


class AlertRulePage(_AboutAlerts):
    audits: ClassVar = {"GET": None, "POST": "alert_rule.changed"}

    def get(self, request: HttpRequest, kind: str) -> HttpResponse:
        rule = self._rule(kind)
        return self._show(rule, AlertRuleForm(instance=rule))

    def post(self, request: HttpRequest, kind: str) -> HttpResponse:
        rule = self._rule(kind)
        form = AlertRuleForm(request.POST, instance=rule)
        if not form.is_valid():
            return self._show(rule, form)
        rules.change(self.tenant.pk, kind, form.cleaned_data)
        messages.success(request, "Saved. The next look, seconds away, goes by it.")
        return redirect("alerts-page")

    def _rule(self, kind: str) -> AlertRule:
        try:
            return rules.find(self.tenant.pk, kind)
        except UnknownAlertRule as unknown:
            raise Http404(unknown.message) from unknown

    def _show(self, rule: AlertRule, form: AlertRuleForm) -> HttpResponse:
        kind = kind_of(rule.kind)
        page = {
            **_with_figures(rule, Readings().of(rule)),
            "form": form,
            "default": told(rule.kind, kind.threshold),
            "least": rule.least_count,
        }
        response = render(self.request, "crm/alert_rule.html", page)
        add_never_cache_headers(response)
        return response


class AddDestination(_AboutAlerts):
    audits: ClassVar = {"GET": None, "POST": "destination.made"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("alerts-page")

    def post(self, request: HttpRequest) -> HttpResponse:
        form = DestinationForm(request.POST, auto_id="destination_%s")
        if not form.is_valid():
            return self.listed(destination_form=form)
        try:
            destination = destinations.create(self.tenant.pk, **form.cleaned_data)
        except (BadDestination, DestinationTaken) as refused:
            form.add_error("address", refused.message)
            return self.listed(destination_form=form)
        if destination.kind == "webhook":
            return made(_page_of(request, destination, secret=destinations.secret_of(destination)), destination.pk)
        messages.success(request, "Alerts go there from now on.")
        return made(redirect("destination-page", destination_id=destination.pk), destination.pk)


class _OnDestination(_AboutAlerts):
    """One destination's page as it stands after what was posted."""

    def destination(self, destination_id: int) -> Destination:
        try:
            return destinations.find(self.tenant.pk, destination_id)
        except UnknownDestination as unknown:
            raise Http404(unknown.message) from unknown

    def get(self, request: HttpRequest, destination_id: int) -> HttpResponse:
        return redirect("destination-page", destination_id=self.destination(destination_id).pk)


class DestinationPage(_OnDestination):
    audits: ClassVar = {"GET": "destination.read"}

    def get(self, request: HttpRequest, destination_id: int) -> HttpResponse:
        return _page_of(request, self.destination(destination_id))


class SentPage(_OnDestination):
    """What was sent, alone, for the page that keeps it fresh. It says nothing of whom it was sent to."""

    audits: ClassVar = None

    def get(self, request: HttpRequest, destination_id: int) -> HttpResponse:
        response = render(request, "crm/sent.html", {"sent": _sent_to(self.destination(destination_id))})
        add_never_cache_headers(response)
        return response


class MakeDestinationSecret(_OnDestination):
    audits: ClassVar = {"GET": None, "POST": "destination.secret_made"}

    def post(self, request: HttpRequest, destination_id: int) -> HttpResponse:
        destination = self.destination(destination_id)
        try:
            secret = destinations.make_secret(self.tenant.pk, destination.pk)
        except BadDestination as refused:
            messages.error(request, refused.message)
            return redirect("destination-page", destination_id=destination.pk)
        return made(_page_of(request, destination, secret=secret), destination.pk)


class SendTest(_OnDestination):
    audits: ClassVar = {"GET": None, "POST": "destination.tested"}

    def post(self, request: HttpRequest, destination_id: int) -> HttpResponse:
        destination = self.destination(destination_id)
        try:
            deliveries.order_test(destination)
        except DeliveryBusy as busy:
            messages.error(request, busy.message)
        return redirect("destination-page", destination_id=destination.pk)


class SwitchDestination(_OnDestination):
    audits: ClassVar = {"GET": None, "POST": "destination.changed"}

    def post(self, request: HttpRequest, destination_id: int) -> HttpResponse:
        is_on = "on" in request.POST
        destination = destinations.change(self.tenant.pk, self.destination(destination_id).pk, {"is_on": is_on})
        messages.success(request, "Alerts go there again." if is_on else "Nothing more is sent there.")
        return redirect("destination-page", destination_id=destination.pk)


class RemoveDestination(_OnDestination):
    audits: ClassVar = {"GET": None, "POST": "destination.removed"}

    def post(self, request: HttpRequest, destination_id: int) -> HttpResponse:
        destinations.remove(self.tenant.pk, self.destination(destination_id).pk)
        messages.success(request, "Removed. Nothing more is sent there.")
        return redirect("alerts-page")


class SendDeliveryAgain(_AboutAlerts):
    audits: ClassVar = {"GET": None, "POST": "delivery.sent_again"}

    def get(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        return redirect("alerts-page")

    def post(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        try:
            delivery = deliveries.send_again(self.tenant.pk, delivery_id)
        except UnknownDelivery as unknown:
            raise Http404(unknown.message) from unknown
        except DeliveryBusy as busy:
            messages.error(request, busy.message)
            return redirect("alerts-page")
        return redirect("destination-page", destination_id=delivery.destination_id)


def _page_of(request: HttpRequest, destination: Destination, *, secret: str = "") -> HttpResponse:
    page = {
        "destination": destination,
        "sent": _sent_to(destination),
        "most": MOST_SENT,
        "secret": secret,
        "mail_is_on": notify.mail_is_on(),
        "most_attempts": deliveries.MOST_ATTEMPTS,
    }
    response = render(request, "crm/destination.html", page)
    add_never_cache_headers(response)
    return response


def _sent_to(destination: Destination) -> list[AlertDelivery]:
    """The newest first."""
    sent = destination.deliveries.select_related("alert__rule").order_by("-created_at", "-pk")
    return list(sent[:MOST_SENT])


def _shown(alert: Alert) -> dict[str, Any]:
    kind = alert.rule.kind
    return {
        "alert": alert,
        "subject": subject_words(alert.subject),
        "value": told(kind, alert.last_value),
        "worst": told(kind, alert.worst_value),
        "threshold": told(kind, alert.threshold),
        "of_server": kind_of(kind).is_of_server,
        "is_known": timezone.now() - alert.known_at < CURRENT,
    }


def _with_figures(rule: AlertRule, readings: list[Reading]) -> dict[str, Any]:
    """The rule in words, with how its figures stand: the highest that is known, and each."""
    kind = kind_of(rule.kind)
    known = [(reading.value, reading.subject) for reading in readings if reading.value is not None]
    highest, subject = max(known, default=(0.0, ""))
    return {
        "rule": rule,
        "kind": kind,
        "threshold": told(rule.kind, rule.threshold),
        "now": told(rule.kind, highest) if known else "",
        "now_of": subject_words(subject) if known and len(readings) > 1 else "",
        "is_over": bool(known) and highest > rule.threshold,
        "figures": [
            {
                "subject": subject_words(reading.subject),
                "value": "" if reading.value is None else told(rule.kind, reading.value),
                "count": reading.count,
            }
            for reading in readings
        ],
    }
