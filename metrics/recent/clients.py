"""Redis as the first tier asks it: with a deadline, and what it cannot answer as an error of ours."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.commands.core import Script

from metrics import redis_clients
from metrics.errors import SegmentsAway
from metrics.redis_clients import connected

PATIENCE_SECONDS = 1.0


def answered() -> AbstractContextManager[None]:
    """Raises SegmentsAway for what Redis does not answer."""
    return redis_clients.reachable(_away)


def _away() -> SegmentsAway:
    return SegmentsAway("Segments are out of reach for a moment. Try again.")


@cache
def patient() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=PATIENCE_SECONDS)


def run(text: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """What the script answers; it is sent in full only to a server that does not know it yet."""
    return _script(text)(keys=keys, args=arguments, client=patient())


@cache
def _script(text: str) -> Script:
    return patient().register_script(text)
