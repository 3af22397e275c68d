"""What may be lost at any time, in the Redis that forgets: the one door of the app to it.

Best effort and quick: while the cache is away or slow, it is as if it held nothing.
"""

from functools import cache

import redis
import structlog
from django.conf import settings

from metrics.redis_clients import connected

log = structlog.get_logger("earshot.cache")

# A cache that takes longer is of no use.
PATIENCE_SECONDS = 0.25


def put(key: str, value: bytes, *, life_seconds: int) -> None:
    try:
        _client().set(key, value, ex=life_seconds)
    except redis.RedisError as error:
        log.info("not_cached", error=type(error).__name__)


def get(key: str) -> bytes | None:
    try:
        value = _client().get(key)
    except redis.RedisError as error:
        log.info("cache_not_read", error=type(error).__name__)
        return None
    return value if isinstance(value, bytes) else None


def drop(key: str) -> None:
    try:
        _client().delete(key)
    except redis.RedisError as error:
        log.info("left_in_cache", error=type(error).__name__)


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_CACHE_URL, patience_seconds=PATIENCE_SECONDS)
