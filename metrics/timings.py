"""How long operations take, across every process. The one door to the Redis hashes `timings:{YYYYMMDDHH}`, of a day,
with `timings:{YYYYMMDDHH}:packed` of those that are over, `timings:lately:{YYYYMMDDHHMM}`, of five minutes each, and
`timings:ever`, of which Prometheus makes its own.

A duration becomes one count in a logarithmic bucket (DDSketch, 1 % relative accuracy), so that the sketches of
any number of processes merge by adding. Counts wait in the process for up to a second and are added to Redis by
a thread of its own: the caller never waits for Redis and never hears of its troubles. While Redis is away they
keep adding up in the process; there are only as many as there are operations times buckets.
"""

import atexit
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import cast

import orjson
import redis
import structlog
from django.conf import settings

from metrics import histograms, sketches
from metrics.errors import RetryableMetricsError
from metrics.histograms import Histogram
from metrics.redis_clients import connected

log = structlog.get_logger("earshot.timings")

FLUSH_SECONDS = 1.0
HOUR_KEY = "timings:{hour}"
EVER_KEY = "timings:ever"
PACKED = "{key}:packed"
HOURS_SUMMARISED = 24
# By then, whoever wrote into an hour at its end has done so.
SETTLED_SECONDS = 60
# Beside the hours, for whoever has to know how it is now: of a few minutes each, for as long as anybody looks back.
PERIOD_KEY = "timings:lately:{period}"
PERIOD_MINUTES = 5
MOST_LATELY_MINUTES = 120


@dataclass(frozen=True, slots=True)
class Summary:
    """One operation over a while; durations in milliseconds."""

    operation: str
    count: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


def record(operation: str, seconds: float, *, failed: bool = False) -> None:
    """Count one duration. `operation` is a fixed dotted name ("stage.decode"), never one with an id in it."""
    _waiting.add(operation, sketches.bucket_of(seconds), failed=failed)


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
    """Send what waits in this process now; for its end, or a test."""
    _waiting.flush()


def summary() -> list[Summary]:
    """All operations of the last 24 hours, by name; the running hour is one of them.

    Raises RetryableMetricsError while Redis is away.
    """
    try:
        hours = _hours(datetime.now(UTC))
    except redis.RedisError as error:
        raise RetryableMetricsError("Measurements are out of reach for a moment. Try again.") from error
    return _summaries(hours)


def since_ever() -> list[Histogram]:
    """All operations since Redis began to count, by name: numbers that only grow. Raises RetryableMetricsError."""
    try:
        found = cast("dict[bytes, bytes]", _client().hgetall(EVER_KEY))
    except redis.RedisError as error:
        raise RetryableMetricsError("Measurements are out of reach for a moment. Try again.") from error
    return histograms.read({name.decode(): int(count) for name, count in found.items()})


def lately(minutes: int) -> list[Summary]:
    """Operations of the last minutes, at most MOST_LATELY_MINUTES, by name: of whole periods, so of up to five more.

    Raises RetryableMetricsError while Redis is away.
    """
    now = datetime.now(UTC)
    first = now - timedelta(minutes=min(minutes, MOST_LATELY_MINUTES))
    periods = int((_start_of_period(now) - _start_of_period(first)) / timedelta(minutes=PERIOD_MINUTES))
    pipeline = _client().pipeline(transaction=False)
    for ago in range(periods + 1):
        pipeline.hgetall(_key_of_period(now - timedelta(minutes=PERIOD_MINUTES * ago)))
    try:
        found = pipeline.execute()
    except redis.RedisError as error:
        raise RetryableMetricsError("Measurements are out of reach for a moment. Try again.") from error
    return _summaries(map(_by_operation, found))


def summarise(operation: str, counts: Mapping[str, int]) -> Summary:
    """A summary from bucket → count, with the number of failures under `failures`."""
    failures = counts.get("failures", 0)
    buckets = {int(bucket): count for bucket, count in counts.items() if bucket != "failures"}
    return Summary(
        operation=operation,
        count=sum(buckets.values()),
        failures=failures,
        p50_ms=sketches.percentile(buckets, 0.50) * 1000,
        p95_ms=sketches.percentile(buckets, 0.95) * 1000,
        p99_ms=sketches.percentile(buckets, 0.99) * 1000,
    )


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
        now = datetime.now(UTC)
        key, period = _key_of_hour(now), _key_of_period(now)
        # One transaction, so that a flush that failed half-way is not counted twice by the next.
        pipeline = _client().pipeline(transaction=True)
        for name, count in counts.items():
            pipeline.hincrby(key, name, count)
            pipeline.hincrby(period, name, count)
        for name, count in histograms.folded(counts).items():
            pipeline.hincrby(EVER_KEY, name, count)
        pipeline.expire(key, (HOURS_SUMMARISED + 1) * 3600)
        pipeline.expire(period, (MOST_LATELY_MINUTES + 2 * PERIOD_MINUTES) * 60)
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


def _hours(now: datetime) -> list[dict[str, dict[str, int]]]:
    """Of each hour: operation → bucket → count.

    An hour that is over is packed by who reads it first, for a hash takes a hundred times as long to read.
    """
    keys = [_key_of_hour(now - timedelta(hours=ago)) for ago in range(HOURS_SUMMARISED)]
    found = cast("list[bytes | None]", _client().mget([PACKED.format(key=key) for key in keys]))
    hours: list[dict[str, dict[str, int]]] = [orjson.loads(packed) for packed in found if packed is not None]
    # A moment ago some may have been writing into the hour that had just ended.
    may_change = {keys[0], _key_of_hour(now - timedelta(seconds=SETTLED_SECONDS))}
    loose = [key for key, packed in zip(keys, found, strict=True) if packed is None]
    pipeline = _client().pipeline(transaction=False)
    for key in loose:
        pipeline.hgetall(key)
    for key, counts in zip(loose, pipeline.execute(), strict=True):
        hour = _by_operation(counts)
        hours.append(hour)
        if hour and key not in may_change:
            pipeline.set(PACKED.format(key=key), orjson.dumps(hour), ex=(HOURS_SUMMARISED + 1) * 3600)
    pipeline.execute()
    return hours


def _summaries(several: Iterable[Mapping[str, Mapping[str, int]]]) -> list[Summary]:
    """Of operation → bucket → count, of several hours or periods, by name."""
    merged: dict[str, Counter[str]] = {}
    for one in several:
        for operation, counts in one.items():
            merged.setdefault(operation, Counter()).update(counts)
    return [summarise(operation, counts) for operation, counts in sorted(merged.items())]


def _by_operation(counts: Mapping[bytes, bytes]) -> dict[str, dict[str, int]]:
    told: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        operation, _, bucket = name.decode().rpartition("|")
        told.setdefault(operation, {})[bucket] = int(count)
    return told


def _key_of_hour(moment: datetime) -> str:
    return HOUR_KEY.format(hour=f"{moment:%Y%m%d%H}")


def _key_of_period(moment: datetime) -> str:
    return PERIOD_KEY.format(period=f"{_start_of_period(moment):%Y%m%d%H%M}")


def _start_of_period(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // PERIOD_MINUTES * PERIOD_MINUTES, second=0, microsecond=0)


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=1)


_waiting = _Waiting()
os.register_at_fork(after_in_child=_waiting.start_over)
# What was done in the last second of a command, or of a server that ends, counts too.
atexit.register(flush)
