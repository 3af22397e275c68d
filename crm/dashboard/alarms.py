"""What the dashboard shows of a company's alerts, and from where on its figures are too much."""

from datetime import datetime
from typing import Final, TypedDict

from crm.dashboard.questions import Question
from metrics import alerts
from metrics.alerts import kinds, rules
from metrics.models import Alert

MOST_PAST: Final = 10


class AlertFigures(TypedDict):
    """Figures are in the kind's unit and `subject` is in words, both for people; `of` is the subject's name."""

    id: int
    kind: str
    title: str
    subject: str
    of: str
    state: str
    value: str
    worst: str
    threshold: str
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    resolution: str


class Threshold(TypedDict):
    """`subjects` are the pipelines, operations or stores whose figures are compared with it; `unit` is the kind's.

    `window_minutes`: over how long the figures are taken; None where they are those of now.
    """

    kind: str
    unit: str
    threshold: float
    window_minutes: int | None
    subjects: list[str]


class Alarms(TypedDict):
    ongoing: list[AlertFigures]
    past: list[AlertFigures]
    thresholds: list[Threshold]


def read(tenant_id: int, _question: Question, _now: datetime) -> Alarms:
    """Raises Django's OperationalError."""
    return Alarms(
        ongoing=[_figures_of(alert) for alert in alerts.open_of(tenant_id)],
        past=[_figures_of(alert) for alert in alerts.history(tenant_id, limit=MOST_PAST)],
        thresholds=[
            Threshold(
                kind=rule.kind,
                unit=kinds.kind_of(rule.kind).unit,
                threshold=rule.threshold,
                window_minutes=rule.window_minutes if kinds.kind_of(rule.kind).has_window else None,
                subjects=list(kinds.kind_of(rule.kind).subjects),
            )
            for rule in rules.of(tenant_id)
            if rule.is_on
        ],
    )


def _figures_of(alert: Alert) -> AlertFigures:
    kind = alert.rule.kind
    return AlertFigures(
        id=alert.pk,
        kind=kind,
        title=alert.rule.get_kind_display(),
        subject=kinds.subject_words(alert.subject),
        of=alert.subject,
        state=alert.state,
        value=kinds.told(kind, alert.last_value),
        worst=kinds.told(kind, alert.worst_value),
        threshold=kinds.told(kind, alert.threshold),
        opened_at=alert.opened_at,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=str(alert.acknowledged_by) if alert.acknowledged_by else "",
        resolved_at=alert.resolved_at,
        resolution=alert.get_resolution_display() if alert.resolution else "",
    )
