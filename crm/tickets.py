"""Tickets for WebSockets: a browser cannot put a Bearer token on a handshake, and an address ends up in logs.

A ticket is good once and for 30 seconds. The one door to the Redis keys `ticket:{ticket}`.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings

from crm.errors import RetryableDeskError
from crm.models import User

LIFE_SECONDS = 30
KEY = "ticket:{ticket}"


def issue(user: User) -> str:
    """A new ticket. Raises RetryableDeskError while Redis is away."""
    ticket = secrets.token_urlsafe(24)
    with _reachable():
        _client().set(KEY.format(ticket=ticket), user.pk, ex=LIFE_SECONDS)
    return ticket


def redeem(ticket: str) -> User | None:
    """Whose ticket this is; it is worth nothing afterwards. Raises RetryableDeskError while Redis is away."""
    with _reachable():
        user_id = _client().getdel(KEY.format(ticket=ticket[:64]))
    if user_id is None:
        return None
    return User.objects.filter(pk=int(user_id), is_active=True).select_related("tenant").first()


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise RetryableDeskError("Tickets cannot be had for a moment. Try again.") from error


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.EARSHOT_REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
