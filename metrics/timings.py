"""How long operations take, across every process. The one door to the Redis hashes `timings:{YYYYMMDDHH}`.

A duration becomes one count in a logarithmic bucket (DDSketch, 1 % relative accuracy), so that the sketches of
any number of processes merge by adding. Counts wait in the process for up to a second and are added to Redis by
a thread of its own: the caller never waits for Redis and never hears of its troubles. While Redis is away they
keep adding up in the process; there are only as many as there are operations times buckets.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import redis
import structlog
from ddsketch.mapping import LogarithmicMapping
from django.conf import settings

from metrics.errors import RetryableMetricsError

log = structlog.get_logger("earshot.timings")

RELATIVE_ACCURACY = 0.01
SHORTEST_SECONDS = 1e-6
FLUSH_SECONDS = 1.0
HOUR_KEY = "timings:{hour}"
HOURS_SUMMARISED = 24

_mapping = LogarithmicMapping(RELATIVE_ACCURACY)


@dataclass(frozen=True, slots=True)
class Summary:
    """One operation over the last day; durations in milliseconds."""

    operation: str
    count: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


def record(operation: str, seconds: float, *, failed: bool = False) -> None:
    """Count one duration. `operation` is a fixed dotted name ("stage.decode"), never one with an id in it."""
    _waiting.add(operation, bucket_of(seconds), failed=failed)


@contextmanager
def measured(operation: str) -> Iterator[None]:
    """Record how long the block takes, as failed when it raises."""
    began = time.perf_counter()
    try:
        yield
    except BaseException:
        record(operation, time.perf_counter() - began, failed=True)
        raise
    record(operation, time.perf_counter() - began)


def record_hop(hop: str, began: datetime | None, ended: datetime | None) -> None:
    """Count how long something was on its way from one place to the next, `hop.{hop}`; nothing where that is unknown.

    The two times may be by different machines' clocks; what one that is ahead makes negative counts as no time.
    """
    if began is not None and ended is not None:
        record(f"hop.{hop}", max((ended - began).total_seconds(), 0.0))


def flush() -> None:
    """Send what waits in this process now; for the end of a command or a test."""
    _waiting.flush()


def summary() -> list[Summary]:
    """All operations of the last 24 hours, by name; the running hour is one of them.

    Raises RetryableMetricsError while Redis is away.
    """
    now = datetime.now(UTC)
    pipeline = _client().pipeline(transaction=False)
    for hours_ago in range(HOURS_SUMMARISED):
        pipeline.hgetall(_key_of_hour(now - timedelta(hours=hours_ago)))
    merged: dict[str, Counter[str]] = {}
    try:
        hours = pipeline.execute()
    except redis.RedisError as error:
        raise RetryableMetricsError("Measurements are out of reach for a moment. Try again.") from error
    for counts in hours:
        for name, count in counts.items():
            operation, _, bucket = name.decode().rpartition("|")
            merged.setdefault(operation, Counter())[bucket] += int(count)
    return [summarise(operation, counts) for operation, counts in sorted(merged.items())]


def bucket_of(seconds: float) -> int:
    return int(_mapping.key(max(seconds, SHORTEST_SECONDS)))


def summarise(operation: str, counts: Mapping[str, int]) -> Summary:
    """A summary from bucket → count, with the number of failures under `failures`."""
    failures = counts.get("failures", 0)
    buckets = sorted((int(bucket), count) for bucket, count in counts.items() if bucket != "failures")
    return Summary(
        operation=operation,
        count=sum(count for _, count in buckets),
        failures=failures,
        p50_ms=percentile(buckets, 0.50) * 1000,
        p95_ms=percentile(buckets, 0.95) * 1000,
        p99_ms=percentile(buckets, 0.99) * 1000,
    )


def percentile(buckets: list[tuple[int, int]], share: float) -> float:
    """Seconds below which `share` of the counts lie; `buckets` in ascending order."""
    remaining = share * sum(count for _, count in buckets)
    for bucket, count in buckets:
        remaining -= count
        if remaining <= 0:
            return float(_mapping.value(bucket))
    return 0.0


class _Waiting:
    """Counts not yet in Redis, and the thread that takes them there."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Also for a forked worker, which has neither its parent's thread nor a right to its parent's counts."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._thread: threading.Thread | None = None

    def add(self, operation: str, bucket: int, *, failed: bool) -> None:
        with self._lock:
            self._counts[f"{operation}|{bucket}"] += 1
            if failed:
                self._counts[f"{operation}|failures"] += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._flush_for_ever, name="timings", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        key = _key_of_hour(datetime.now(UTC))
        # One transaction, so that a flush that failed half-way is not counted twice by the next.
        pipeline = _client().pipeline(transaction=True)
        for name, count in counts.items():
            pipeline.hincrby(key, name, count)
        pipeline.expire(key, (HOURS_SUMMARISED + 1) * 3600)
        try:
            pipeline.execute()
        except redis.RedisError as error:
            log.warning("timings_not_sent", error=type(error).__name__, waiting=len(counts))
            with self._lock:
                self._counts.update(counts)

    def _flush_for_ever(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self.flush()


def _key_of_hour(moment: datetime) -> str:
    return HOUR_KEY.format(hour=f"{moment:%Y%m%d%H}")


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.EARSHOT_REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


_waiting = _Waiting()
os.register_at_fork(after_in_child=_waiting.start_over)
