"""What has happened how often since ever, across every process. The one door to the Redis hash `counters`.

A name is a fixed dotted one, never one with an id in it; those of `KNOWN` are told to who watches.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import cast

import redis
import structlog
from django.conf import settings

from metrics.redis_clients import connected

log = structlog.get_logger("earshot.counters")

KEY = "counters"
# Nothing that is counted waits longer for it.
PATIENCE_SECONDS = 0.25
EMBEDDING_CACHE_HITS = "embedding.cache_hits"
DELIVERIES_FAILED = "alerts.deliveries_failed"
HOURS_LOST = "metrics.hours_lost"
SEGMENTS_DROPPED = "metrics.segments_dropped"
SEGMENTS_REFUSED = "metrics.segments_refused"
# Each with what it counts, in words.
KNOWN: Mapping[str, str] = {
    DELIVERIES_FAILED: "Messages about alerts that were given up",
    EMBEDDING_CACHE_HITS: "Texts whose vector was at hand",
    HOURS_LOST: "Hours of a company of which Redis lost segments before they were filled",
    SEGMENTS_DROPPED: "Segments of our own that went uncounted: Redis was away or had no room for them",
    SEGMENTS_REFUSED: "Segments that were refused because their hour has as many of their company as are taken",
}
_NAME = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*\Z")


def add(name: str, amount: int = 1) -> bool:
    """Count so many more; best effort, for nothing that is counted waits for it. Whether it is known to be counted."""
    if not _NAME.match(name):
        raise ValueError(f"A counter's name is words and dots, not {name!r}.")
    try:
        _client().hincrby(KEY, name, amount)
    except redis.RedisError as error:
        log.warning("not_counted", error=type(error).__name__)
        return False
    return True


def value(name: str) -> int | None:
    """How many there were; None when nobody can tell."""
    try:
        found = cast("bytes | None", _client().hget(KEY, name))
    except redis.RedisError as error:
        log.warning("counter_not_read", error=type(error).__name__)
        return None
    return int(found or 0)


def all_told() -> dict[str, int]:
    """The counters of `KNOWN`, 0 for what has never happened; none when nobody can tell."""
    names = list(KNOWN)
    try:
        found = cast("list[bytes | None]", _client().hmget(KEY, names))
    except redis.RedisError as error:
        log.warning("counter_not_read", error=type(error).__name__)
        return {}
    return {name: int(one or 0) for name, one in zip(names, found, strict=True)}


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=PATIENCE_SECONDS)
