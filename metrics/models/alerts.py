"""What is watched for a company, and what was found out of bounds."""

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

LONGEST_SUBJECT = 64
SHORTEST_WINDOW_MINUTES, LONGEST_WINDOW_MINUTES = 5, 120
LARGEST_COUNT = 1_000_000
LARGEST_THRESHOLD = 1_000_000.0


class AlertKind(models.TextChoices):
    """What is measured; `metrics.alerts.kinds` says how, and from where on it is too much."""

    ERROR_COUNT = "error_count", "Segments that fail"
    AVG_TOTAL_MS = "avg_total_ms", "Time per video segment"
    AVG_AUDIO_MS = "avg_audio_ms", "Time per analysed chunk"
    EMBEDDING_P99_MS = "embedding_p99_ms", "Making vectors"
    QUERY_P95_MS = "query_p95_ms", "Queries"
    BATCH_INSERT_P95_MS = "batch_insert_p95_ms", "Storing batches"
    QUEUE_PERCENT = "queue_percent", "Queue of conversations"
    STORE_PERCENT = "store_percent", "Stores filling up"
    STORE_GIGABYTES = "store_gigabytes", "Size of a store"


class AlertState(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


ALERT_MOVES: Mapping[AlertState, frozenset[AlertState]] = {
    AlertState.OPEN: frozenset({AlertState.ACKNOWLEDGED, AlertState.RESOLVED}),
    AlertState.ACKNOWLEDGED: frozenset({AlertState.RESOLVED}),
    AlertState.RESOLVED: frozenset(),
}


class Resolution(models.TextChoices):
    """Why an alert ended."""

    OVER = "over", "Back within bounds"
    BY_HAND = "by_hand", "Closed by somebody"
    NO_FIGURES = "no_figures", "Nothing to measure for a day"
    RULE_OFF = "rule_off", "Its rule was switched off"


class AlertRule(models.Model):
    """From where on a company is told of one kind of figure. Each company has one of every kind.

    `threshold` is in the kind's unit. Figures are taken over the last `window_minutes`, and say nothing while there
    are fewer than `least_count` of what they are made of. Without chosen `destinations`, all of the company's are told.
    """

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=32, choices=AlertKind)
    is_on = models.BooleanField("on", default=True)
    threshold = models.FloatField(
        validators=[MinValueValidator(0.001, "More than nothing."), MaxValueValidator(LARGEST_THRESHOLD)]
    )
    window_minutes = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(SHORTEST_WINDOW_MINUTES), MaxValueValidator(LONGEST_WINDOW_MINUTES)]
    )
    least_count = models.PositiveIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(LARGEST_COUNT)]
    )
    destinations = models.ManyToManyField("metrics.Destination", blank=True, related_name="rules")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "kind"], name="alert_rule_once"),
            models.CheckConstraint(condition=Q(threshold__gt=0), name="alert_threshold_is_something"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class AlertQuerySet(models.QuerySet["Alert"]):
    def of(self, tenant_id: int) -> "AlertQuerySet":
        """A company's."""
        return self.filter(tenant=tenant_id)

    def ongoing(self) -> "AlertQuerySet":
        """Those that are not over, acknowledged or not."""
        return self.exclude(state=AlertState.RESOLVED)


class Alert(models.Model):
    """A figure that went over its rule's threshold, until it is back. At most one goes on for a rule and a subject.

    `subject` is what the figure is of: a pipeline, an operation, a store. Values are in the kind's unit. `known_at` is
    when there was last a figure: an alert of which none comes stays as it is.
    """

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts")
    subject = models.CharField(max_length=LONGEST_SUBJECT)
    state = models.CharField(max_length=16, choices=AlertState, default=AlertState.OPEN)
    threshold = models.FloatField()
    opened_value = models.FloatField()
    worst_value = models.FloatField()
    last_value = models.FloatField()
    opened_at = models.DateTimeField()
    known_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=16, choices=Resolution, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule", "subject"], condition=~Q(state=AlertState.RESOLVED), name="alert_open_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-opened_at", "-id"], name="alert_by_company"),
            models.Index(fields=["tenant"], condition=~Q(state=AlertState.RESOLVED), name="alert_ongoing"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} · {self.subject}"

    @property
    def is_ongoing(self) -> bool:
        return self.state != AlertState.RESOLVED
