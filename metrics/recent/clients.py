"""Redis as the first tier asks it: with a deadline, and what it cannot answer as an error of ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.commands.core import Script

from metrics.errors import SegmentsAway
from metrics.redis_clients import connected, is_passing

PATIENCE_SECONDS = 1.0


@contextmanager
def answered() -> Iterator[None]:
    """Raises SegmentsAway for what Redis does not answer."""
    try:
        yield
    except redis.RedisError as error:
        if not is_passing(error):
            raise
        raise SegmentsAway("Segments are out of reach for a moment. Try again.") from error


@cache
def patient() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=PATIENCE_SECONDS)


def run(text: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """What the script answers; it is sent in full only to a server that does not know it yet."""
    return _script(text)(keys=keys, args=arguments, client=patient())


@cache
def _script(text: str) -> Script:
    return patient().register_script(text)
