"""How much there is of something right now, told by whoever knows. The one door to the Redis hash `gauges`.

A field is `{name}` or `{name}|{label}={value}|…`, what it holds `{value} {time}`.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script

from metrics.errors import RetryableMetricsError
from metrics.redis_clients import connected

log = structlog.get_logger("earshot.gauges")

KEY = "gauges"
# More than that is a label with ids in it, and would grow for ever.
MOST_GAUGES = 1000
# Each with what it tells, in words.
KNOWN: Mapping[str, str] = {
    "audio.chunks_waiting": "Stored chunks that have not been heard to the end",
    "audio.jobs": "Work on chunks by its kind, and whether it waits, is being done or was given up",
    "audio.oldest_job_seconds": "How long the oldest job of a kind has waited for a worker, in seconds",
    "audio.recordings": "Recordings that go on",
    "audio.sockets": "Open sockets that watch or make a recording",
    "calls.duplicate_groups": "Groups of calls that are there twice, as of last night",
    "calls.stored": "Calls in MongoDB, deleted ones among them",
    "intake.completed": "Conversations stored since ever",
    "intake.consumers": "Processes that store conversations",
    "intake.dead": "Conversations that could not be stored and wait for somebody to look at them",
    "intake.failed": "Attempts to store a conversation that failed, since ever",
    "intake.health": "1 for the state that the intake is in, 0 for the others",
    "intake.most_queued": "How many conversations may wait at once",
    "intake.oldest_seconds": "How long the oldest conversation has waited to be stored, in seconds",
    "intake.processing": "Conversations that are being stored",
    "intake.queued": "Conversations that nobody has taken yet",
    "intake.queued_bytes": "The size of the conversations in the queue, in bytes",
    "intake.share": "How full the queue of conversations is by number or by size, whichever is fuller; 1 is full",
    "intake.stored_per_second": "Conversations stored a second, over the last minute",
    "search.calls_waiting": "Calls that changed and wait to be indexed for search",
    "search.segments_waiting": "Segments that wait for their vector, counted up to 100,000",
    "store.bytes": "How much a store holds, in bytes",
    "store.share": "How full a store is; 1 is full",
    "tier.behind": "What waits to come into a tier: hours into mongodb, days into archive",
    "tier.bytes": "How much a tier of the figures holds, in bytes",
    "tier.filled_until_timestamp_seconds": "Until when a tier of the figures has all of them, in seconds since 1970",
    "tier.late": "1 when a tier of the figures is not filled in time",
    "tier.newest_timestamp_seconds": "When the newest of a tier's figures are from, in seconds since 1970",
    "tier.oldest_timestamp_seconds": "When the oldest of a tier's figures are from, in seconds since 1970",
    "workers.unacknowledged": "Tasks that workers hold and have not finished",
    "workers.waiting": "Tasks in a queue that no worker has taken yet",
}
_NAME = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*\Z")
_LABEL = re.compile(r"[a-z][a-z_]*\Z")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")

_SET = """
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. redis.call('TIME')[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class Gauge:
    """`at`: when it was told, in seconds since 1970, by Redis' clock."""

    name: str
    labels: Mapping[str, str]
    value: float
    at: float


def set(name: str, value: float, **labels: str) -> None:  # noqa: A001 - the verb of a gauge
    """Say how much there is now; best effort. Names and labels are fixed words: no ids, and nothing of people."""
    field = _field(name, labels)
    try:
        if not _set()(keys=[KEY], args=[field, repr(float(value)), MOST_GAUGES]):
            log.error("too_many_gauges", name=name)
    except redis.RedisError as error:
        log.warning("gauge_not_set", error=type(error).__name__)


def all_told(*, within_seconds: float = 24 * 3600) -> list[Gauge]:
    """Those that were told lately, by name. Raises RetryableMetricsError."""
    try:
        found = cast("dict[bytes, bytes]", _client().hgetall(KEY))
    except redis.RedisError as error:
        raise RetryableMetricsError("Measurements are out of reach for a moment. Try again.") from error
    oldest = time.time() - within_seconds
    told = [_gauge(field.decode(), value.decode()) for field, value in sorted(found.items())]
    return [gauge for gauge in told if gauge.at >= oldest]


def _field(name: str, labels: Mapping[str, str]) -> str:
    if not _NAME.match(name):
        raise ValueError(f"A gauge's name is words and dots, not {name!r}.")
    for label, value in labels.items():
        if not _LABEL.match(label) or not _LABEL_VALUE.match(value):
            raise ValueError(f"A gauge's labels are short words, not {label}={value!r}.")
    return "|".join([name, *(f"{label}={value}" for label, value in sorted(labels.items()))])


def _gauge(field: str, told: str) -> Gauge:
    name, *labels = field.split("|")
    value, at = told.split(" ")
    return Gauge(name, dict(label.split("=", 1) for label in labels), float(value), float(at))


@cache
def _set() -> Script:
    return _client().register_script(_SET)


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=1, retries=1)
