"""Which entries of the ledger every store has obeyed; what lacks a mark came back from a backup, or died before it."""

from collections.abc import Collection
from datetime import datetime

from calls.erasing import obeyed as obeyed_by_mongodb
from crm.models import ObeyedErasure
from metrics.erasing_steps import obeyed as obeyed_by_redis


def write(names: Collection[str], *, at: datetime) -> None:
    """Mark them in PostgreSQL, within the caller's transaction; the other stores first."""
    ObeyedErasure.objects.bulk_create([ObeyedErasure(name=name, at=at) for name in names], ignore_conflicts=True)


def write_outside(names: Collection[str]) -> None:
    """Mark them in MongoDB and in Redis; again is the same as once. Raises as `everywhere` does."""
    obeyed_by_mongodb.mark(names)
    obeyed_by_redis.mark(names)


def everywhere() -> set[str]:
    """Those that all three have obeyed. Raises RetryableCallError, RetryableMetricsError."""
    by_postgres = set(ObeyedErasure.objects.values_list("name", flat=True))
    return by_postgres & obeyed_by_mongodb.marked() & obeyed_by_redis.marked()
