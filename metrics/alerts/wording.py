"""What alerts say: as JSON to programs, in words to people. Nothing in it is about any person."""

from datetime import datetime
from typing import Any, Final, TypedDict

from django.conf import settings

from metrics.alerts.kinds import kind_of, subject_words, told
from metrics.models import Alert, AlertDelivery, AlertEvent, Resolution

# More say nothing of what was measured.
DIGITS: Final = 3


class AlertData(TypedDict):
    """Values are in `unit`; times ISO 8601 in UTC. `of` says whose figure it is: the company's, or the server's."""

    alert_id: int
    tenant_id: int
    kind: str
    subject: str
    of: str
    state: str
    unit: str
    threshold: float
    opened_value: float
    worst_value: float
    last_value: float
    opened_at: str
    resolved_at: str | None
    resolution: str
    text: str


class Payload(TypedDict):
    """The body of a webhook, of the shape that the Standard Webhooks recommend."""

    type: str
    timestamp: str
    data: AlertData | dict[str, Any]


def payload_of(alert: Alert, event: AlertEvent, *, at: datetime) -> Payload:
    kind = kind_of(alert.rule.kind)
    data = AlertData(
        alert_id=alert.pk,
        tenant_id=alert.tenant_id,
        kind=alert.rule.kind,
        subject=alert.subject,
        of="server" if kind.is_of_server else "company",
        state=alert.state,
        unit=kind.unit,
        threshold=alert.threshold,
        opened_value=round(alert.opened_value, DIGITS),
        worst_value=round(alert.worst_value, DIGITS),
        last_value=round(alert.last_value, DIGITS),
        opened_at=_written(alert.opened_at),
        resolved_at=_written(alert.resolved_at) if alert.resolved_at else None,
        resolution=alert.resolution,
        text=sentence(alert),
    )
    return Payload(type=event, timestamp=_written(at), data=data)


def payload_of_test(tenant_id: int, *, at: datetime) -> Payload:
    text = "This is a test. Alerts of your company come here."
    return Payload(type=AlertEvent.TEST, timestamp=_written(at), data={"tenant_id": tenant_id, "text": text})


def sentence(alert: Alert) -> str:
    """ "Segments that fail (Video segments): 7.2 %, more than 5 %." """
    what = f"{alert.rule.get_kind_display()} ({subject_words(alert.subject)})"
    kind = alert.rule.kind
    if alert.is_ongoing:
        return f"{what}: {told(kind, alert.last_value)}, more than {told(kind, alert.threshold)}."
    if alert.resolution == Resolution.OVER:
        back = f"back at {told(kind, alert.last_value)}"
    else:
        back = f"over: {alert.get_resolution_display()[:1].lower()}{alert.get_resolution_display()[1:]}"
    return f"{what}: {back}. At its worst it was {told(kind, alert.worst_value)}."


def mail_of(delivery: AlertDelivery) -> tuple[str, str]:
    """Subject and text, by what was written down when it was ordered."""
    text = delivery.payload["data"]["text"]
    address = f"{settings.EARSHOT_URL.rstrip('/')}/settings/alerts/"
    whose = "It is of the whole server, not of your company alone.\n" if _is_of_server(delivery) else ""
    foot = f"{whose}Rules, history and who is told: {address}\n"
    if delivery.event == AlertEvent.TEST:
        return "Earshot: test", f"{text}\n\n{foot}"
    title = delivery.alert.rule.get_kind_display() if delivery.alert else ""
    done = "resolved" if delivery.event == AlertEvent.RESOLVED else "alert"
    return f"Earshot {done}: {title}", f"{text}\n\nSince {delivery.payload['data']['opened_at']}\n{foot}"


def _is_of_server(delivery: AlertDelivery) -> bool:
    return bool(delivery.payload["data"].get("of") == "server")


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
