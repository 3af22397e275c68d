"""One reading: every part that can be read, and of the others why they cannot."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, cast

import structlog
from django.db import Error, connection

from calls.errors import RetryableCallError
from crm.dashboard import alarms, segments, server
from crm.dashboard.questions import Question
from metrics.errors import RetryableMetricsError

log = structlog.get_logger("earshot.dashboard")


class Missing(TypedDict):
    """`part` names what could not be read, `message` says why to people."""

    part: str
    message: str


class Reading(TypedDict, total=False):
    """`at` is when it was begun. A part that could not be read is not there, and is in `missing`."""

    at: datetime
    timezone: str
    segments: segments.SegmentFigures
    alerts: alarms.Alarms
    intake: dict[str, Any]
    queues: list[server.QueueFigures]
    operations: list[server.OperationFigures]
    tiers: list[server.TierFigures]
    losses: server.Losses
    missing: list[Missing]


# What each part is called, and what reads it for a company and a question; what is quickest comes first.
PARTS: Final[Mapping[str, Callable[[int, Question, datetime], Any]]] = {
    "segments": segments.read,
    "alerts": alarms.read,
    "intake": server.read_intake,
    "queues": server.read_queues,
    "operations": server.read_operations,
    "tiers": server.read_tiers,
    "losses": server.read_losses,
}
_DATABASE_AWAY: Final = "The database is out of reach for a moment."
_BROKEN: Final = "This could not be read. The server's log says why."


def read(tenant_id: int, question: Question, *, now: datetime | None = None) -> Reading:
    """Never raises for a store that is away: what is kept there is then missing."""
    now = now or datetime.now(UTC)
    found: dict[str, Any] = {"at": now, "timezone": "UTC"}
    missing: list[Missing] = []
    for part, content, fault in _parts(tenant_id, question, now):
        if fault is None:
            found[part] = content
        else:
            missing.append(Missing(part=part, message=fault))
    return cast("Reading", {**found, "missing": missing})


def _parts(tenant_id: int, question: Question, now: datetime) -> Iterator[tuple[str, Any, str | None]]:
    for part, look in PARTS.items():
        try:
            yield part, look(tenant_id, question, now), None
        except (RetryableMetricsError, RetryableCallError) as away:
            log.warning("dashboard_part_away", part=part, error=type(away).__name__)
            yield part, None, away.message
        except Error as error:
            log.warning("dashboard_part_away", part=part, error=type(error).__name__)
            # One that broke is not used again; within somebody's transaction it is theirs to end.
            if not connection.in_atomic_block:
                connection.close()
            yield part, None, _DATABASE_AWAY
        except Exception:
            # One part that is wrong takes no other with it.
            log.exception("dashboard_part_broken", part=part)
            yield part, None, _BROKEN
