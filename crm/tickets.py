"""Tickets for WebSockets: a browser cannot put a Bearer token on a handshake, and an address ends up in logs.

A ticket is good once and for 30 seconds. The one door to the Redis keys `ticket:{ticket}`.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import cast

import orjson
import redis
from django.conf import settings

from crm.credentials import Credential
from crm.errors import RetryableDeskError
from metrics.redis_clients import connected

LIFE_SECONDS = 30
KEY = "ticket:{ticket}"
# Redis does nothing else while it looks: so many keys take it a millisecond or two.
_KEYS_AT_ONCE = 5000


def issue(credential: Credential) -> str:
    """A new ticket for whoever has the credential. Raises RetryableDeskError while Redis is away."""
    ticket = secrets.token_urlsafe(24)
    with _reachable():
        _client().set(KEY.format(ticket=ticket), orjson.dumps(credential), ex=LIFE_SECONDS)
    return ticket


def redeem(ticket: str) -> Credential | None:
    """The credential that the ticket stands for; it is worth nothing afterwards.

    Raises RetryableDeskError while Redis is away.
    """
    with _reachable():
        kept = _client().getdel(KEY.format(ticket=ticket[:64]))
    return Credential(**orjson.loads(cast("bytes", kept))) if kept is not None else None


def waiting() -> Iterator[tuple[str, Credential]]:
    """The tickets that nobody has redeemed yet. Raises RetryableDeskError as the iterator goes on."""
    with _reachable():
        for key in _client().scan_iter(KEY.format(ticket="*"), count=_KEYS_AT_ONCE):
            # It may have been redeemed, or expired, since it was found.
            kept = cast("bytes | None", _client().get(key))
            if kept is not None:
                yield key.decode().partition(":")[2], Credential(**orjson.loads(kept))


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise RetryableDeskError("Tickets cannot be had for a moment. Try again.") from error


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=2, retries=1)
