"""What the dashboard shows of the server that all its companies share: queues, operations, what is kept and lost."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

from django.conf import settings

from calls import intake
from calls.api.conversations import as_told
from crm.dashboard.questions import Question
from metrics import counters, gauges, operations, telling, timings
from metrics.gauges import Gauge

# What has not been told for so many rounds is not how it stands.
ROUNDS_MISSED: Final = 5
# From the newest figures to the oldest.
TIERS: Final = ("redis", "mongodb", "archive")


class QueueFigures(TypedDict):
    """Tasks of one queue: `waiting` for a worker; `at` is when somebody last looked."""

    queue: str
    waiting: int
    at: datetime


class OperationFigures(TypedDict):
    operation: str
    about: str
    count: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class TierFigures(TypedDict):
    """One tier of three: how much it holds, from when to when, and up to when it has been filled from the one above.

    `behind` are the hours or days, of all companies, that are over and have not come into it.
    """

    name: str
    bytes: int
    oldest: datetime | None
    newest: datetime | None
    filled_until: datetime | None
    behind: int
    is_late: bool


class Losses(TypedDict):
    """What is missing since ever; None when nobody can tell.

    Segments that could not be written down, and hours of companies of which Redis lost some before they were filled.
    """

    segments_dropped: int | None
    hours_lost: int | None


def _told_lately() -> list[Gauge]:
    return gauges.all_told(within_seconds=ROUNDS_MISSED * settings.EARSHOT_SIZES_SECONDS)


def read_intake(tenant_id: int, _question: Question, _now: datetime) -> dict[str, Any]:
    """As `GET /api/calls/conversations/stats` tells it. Raises IntakeAway, RetryableMetricsError."""
    return as_told(intake.statistics(tenant_id))


def read_queues(_tenant_id: int, _question: Question, _now: datetime) -> list[QueueFigures]:
    """Raises RetryableMetricsError."""
    return [
        QueueFigures(
            queue=gauge.labels.get("queue", ""), waiting=int(gauge.value), at=datetime.fromtimestamp(gauge.at, UTC)
        )
        for gauge in _told_lately()
        if gauge.name == "workers.waiting"
    ]


def read_operations(_tenant_id: int, _question: Question, _now: datetime) -> list[OperationFigures]:
    """Over the last 24 hours, all processes together. Raises RetryableMetricsError."""
    return [
        OperationFigures(
            operation=one.operation,
            about=operations.words_of(one.operation),
            count=one.count,
            failures=one.failures,
            p50_ms=round(one.p50_ms, 3),
            p95_ms=round(one.p95_ms, 3),
            p99_ms=round(one.p99_ms, 3),
        )
        for one in timings.summary()
    ]


def read_tiers(_tenant_id: int, _question: Question, _now: datetime) -> list[TierFigures]:
    """As they were last told; none when nobody has told lately. Raises RetryableMetricsError."""
    told: dict[str, dict[str, float]] = {}
    for gauge in _told_lately():
        kind, _, name = gauge.name.partition(".")
        if kind == "tier":
            told.setdefault(gauge.labels.get("tier", ""), {})[name] = gauge.value
    return [_tier_of(name, told[name]) for name in TIERS if name in told]


def _tier_of(name: str, told: Mapping[str, float]) -> TierFigures:
    def moment(which: str) -> datetime | None:
        seconds = told.get(f"{which}_timestamp_seconds")
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    return TierFigures(
        name=name,
        bytes=int(told.get("bytes", 0)),
        oldest=moment("oldest"),
        newest=moment("newest"),
        filled_until=moment("filled_until"),
        behind=int(told.get("behind", 0)),
        is_late=bool(told.get("late", 0)),
    )


def read_losses(_tenant_id: int, _question: Question, _now: datetime) -> Losses:
    return Losses(segments_dropped=telling.dropped(), hours_lost=counters.value(counters.HOURS_LOST))
