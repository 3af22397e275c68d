"""How every door to Redis is connected: with a deadline on everything, and no attempt that nobody has decided on.

Redis' own client tries thrice, with pauses, which is more than most callers can wait.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from metrics.errors import MetricsError, RetryableMetricsError


def connected(
    url: str, *, patience_seconds: float, retries: int = 0, connect_patience_seconds: float | None = None
) -> redis.Redis:
    """A client whose calls fail after so long, tried again so often.

    `connect_patience_seconds`: how long connecting may take, where that is less than a call may.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=patience_seconds,
        socket_connect_timeout=patience_seconds if connect_patience_seconds is None else connect_patience_seconds,
        retry=Retry(NoBackoff(), retries),
    )


def is_passing(error: redis.RedisError) -> bool:
    """Whether a moment later it may work; anything else that Redis refuses is a mistake of ours.

    It is away, full, not the primary just now, cannot write to its disk, or is busy.
    """
    if not isinstance(error, redis.ResponseError):
        return True
    return isinstance(error, _PASSING) or any(word in str(error) for word in _PASSING_WORDS)


_PASSING = (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError)
_PASSING_WORDS = ("MISCONF", "BUSY Redis")


def _away() -> MetricsError:
    return RetryableMetricsError("Redis is out of reach for a moment. Try again.")


@contextmanager
def reachable(
    away: Callable[[], Exception] = _away, *, refused: Callable[[redis.RedisError], Exception] | None = None
) -> Iterator[None]:
    """A server that is away for a moment as an error of ours. Raises what `away` makes, or RetryableMetricsError.

    `refused` makes one of what will not work a moment later either; without it that stays the driver's.
    """
    try:
        yield
    except redis.RedisError as error:
        if is_passing(error):
            raise away() from error
        if refused is None:
            raise
        raise refused(error) from error
