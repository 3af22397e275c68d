"""How each figure that a rule may be about stands now; one that nobody can tell is None, and not nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.utils import timezone

from metrics import gauges, recent, timings
from metrics.alerts.kinds import Kind, Source, kind_of
from metrics.errors import RetryableMetricsError
from metrics.gauges import Gauge
from metrics.models import AlertKind, AlertRule
from metrics.timings import Summary
from metrics.totals import Totals

log = structlog.get_logger("earshot.alerts")

# A gauge that nobody has told for so long says nothing of now. The slowest is told every five minutes.
FRESH_SECONDS = 900.0
GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure in its kind's unit, made of `count` things; None when there are too few of them, or nobody can tell."""

    subject: str
    value: float | None
    count: int = 0


@dataclass(slots=True)
class Readings:
    """What is read once for all companies: one of these is good for one look."""

    _gauges: Sequence[Gauge] | None = None
    _operations: dict[int, Mapping[str, Summary]] = field(default_factory=dict)

    def of(self, rule: AlertRule) -> list[Reading]:
        """How the rule's figures stand, one for each subject. Whatever is away makes them unknown."""
        kind = kind_of(rule.kind)
        try:
            return [self._read(rule, kind, subject) for subject in kind.subjects]
        except RetryableMetricsError as away:
            log.warning("figures_away", kind=rule.kind, error=away.code)
            return [Reading(subject, None) for subject in kind.subjects]

    def _read(self, rule: AlertRule, kind: Kind, subject: str) -> Reading:
        if kind.source == Source.SEGMENTS:
            totals = _totals(rule.tenant_id, subject, rule.window_minutes)
            value, count = (totals.error_share() * 100, totals.segments)
            if rule.kind != AlertKind.ERROR_COUNT:
                value, count = (totals.average_total_ms() or 0.0, totals.timed)
        elif kind.source == Source.OPERATIONS:
            summary = self._summaries(rule.window_minutes).get(subject) or timings.summarise(subject, {})
            value = summary.p99_ms if rule.kind == AlertKind.EMBEDDING_P99_MS else summary.p95_ms
            count = summary.count
        else:
            return Reading(subject, self._of_gauges(rule.kind, subject), 1)
        return Reading(subject, value if count >= rule.least_count else None, count)

    def _summaries(self, minutes: int) -> Mapping[str, Summary]:
        if minutes not in self._operations:
            self._operations[minutes] = {summary.operation: summary for summary in timings.lately(minutes)}
        return self._operations[minutes]

    def _of_gauges(self, kind: str, subject: str) -> float | None:
        if self._gauges is None:
            self._gauges = gauges.all_told(within_seconds=FRESH_SECONDS)
        if kind == AlertKind.STORE_GIGABYTES:
            size = self._gauge("store.bytes", store=subject)
            return None if size is None else size / GIGABYTE
        is_queue = kind == AlertKind.QUEUE_PERCENT
        share = self._gauge("intake.share") if is_queue else self._gauge("store.share", store=subject)
        return None if share is None else share * 100

    def _gauge(self, name: str, **labels: str) -> float | None:
        told = self._gauges or []
        return next((gauge.value for gauge in told if gauge.name == name and dict(gauge.labels) == labels), None)


def _totals(tenant_id: int, pipeline: str, minutes: int) -> Totals:
    now = timezone.now()
    found = recent.minutes(tenant_id, since=now - timedelta(minutes=minutes), until=now, pipeline=pipeline)
    return Totals.summed(minute.totals for minute in found)
