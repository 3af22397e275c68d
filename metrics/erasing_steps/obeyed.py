"""Which entries of the ledger of erasures the Redis that keeps has obeyed: the one door to `erasures:obeyed`, a set.

A Redis that was restored from an older copy of itself lacks those that came after it, and so is known to have to
forget again. Names of entries tell of nobody.
"""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Final, cast

import redis
from django.conf import settings

from metrics.redis_clients import connected, reachable

_KEY: Final = "erasures:obeyed"
_PATIENCE_SECONDS: Final = 2.0
_AT_ONCE: Final = 1000


def mark(names: Collection[str]) -> None:
    """Note that these entries have been obeyed here; again is the same as once. Raises RetryableMetricsError."""
    wanted = list(names)
    with reachable():
        for first in range(0, len(wanted), _AT_ONCE):
            _client().sadd(_KEY, *wanted[first : first + _AT_ONCE])


def marked() -> set[str]:
    """The names of the entries that have been obeyed here. Raises RetryableMetricsError."""
    with reachable():
        return {name.decode() for name in cast("Iterator[bytes]", _client().sscan_iter(_KEY, count=_AT_ONCE))}


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=_PATIENCE_SECONDS)
