"""What may be lost at any time, in the Redis that forgets: the one door of the app to it.

Best effort and quick: while the cache is away or slow, it is as if it held nothing. Who erases must know better, and
is told.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache

import redis
import structlog
from django.conf import settings

from audio.errors import StateAway
from metrics.redis_clients import connected

log = structlog.get_logger("earshot.cache")

# A cache that takes longer is of no use.
PATIENCE_SECONDS = 0.25
# For who erases, and would rather wait.
_ERASING_SECONDS = 5
# So many keys go in one command; a scan looks at so many at a time.
_AT_ONCE = 5000


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


def count_all(keys: Collection[str]) -> int:
    """How many of the keys it holds. Raises StateAway."""
    with _certain():
        return sum(int(_patient_client().exists(*some)) for some in _some(keys))


def drop_all(keys: Collection[str]) -> int:
    """Drop them; how many there were. Raises StateAway."""
    with _certain():
        return sum(int(_patient_client().unlink(*some)) for some in _some(keys))


def scan(pattern: str) -> list[str]:
    """Every key that looks so, whatever it takes. Raises StateAway."""
    with _certain():
        return [key.decode() for key in _patient_client().scan_iter(match=pattern, count=_AT_ONCE)]


@contextmanager
def _certain() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise StateAway("The cache is out of reach for a moment. Try again.") from error


def _some(keys: Collection[str]) -> Iterator[list[str]]:
    every = list(keys)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


@cache
def _patient_client() -> redis.Redis:
    return connected(settings.EARSHOT_CACHE_URL, patience_seconds=_ERASING_SECONDS, retries=1)


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_CACHE_URL, patience_seconds=PATIENCE_SECONDS)
