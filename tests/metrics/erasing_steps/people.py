"""Somebody who was measured, and others beside them."""

from datetime import UTC, datetime, timedelta
from itertools import count

import redis
from django.conf import settings

from metrics import recent
from metrics.erasing import Identity, Subject
from metrics.hours.collections import AWAITED, DAYS, FILLS, HOURS, REMOVED, ROLLS, ROWS
from metrics.mongo_clients import collection
from metrics.segments import Group, Segment

HOUR = timedelta(hours=1)
_numbers = count(1)


def colleague(tenant_id, user_id=7, **values):
    return Subject(tenant_id, user_id=user_id, **values)


def customer(tenant_id, *identities, **values):
    return Subject(tenant_id, identities=tuple(Identity(*one) for one in identities), **values)


def measured(tenant_id, user_id, *, platform="web", at=None, times=1, session_id="s-1"):
    """Segments of somebody's."""
    at = at or datetime.now(UTC)
    group = Group("news", session_id, user_id, platform, "dubbing")
    segments = [Segment(group, f"segment-{next(_numbers)}", at, total_us=500_000) for _ in range(times)]
    assert recent.write(tenant_id, segments, now=at) == [True] * times


def nothing_measured():
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).flushdb()
    for name in (ROWS, FILLS, AWAITED, HOURS, DAYS, ROLLS, REMOVED):
        collection(name).delete_many({})


def whatever_redis_says():
    """Every key and every value of the Redis that keeps, as bytes in one."""
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    said = []
    for key in client.scan_iter(count=1000):
        said.append(key)
        kind = client.type(key)
        if kind == b"string":
            said.append(client.get(key))
        elif kind == b"hash":
            said += [part for pair in client.hgetall(key).items() for part in pair]
        elif kind == b"set":
            said += client.smembers(key)
        elif kind == b"zset":
            said += client.zrange(key, 0, -1)
        elif kind == b"list":
            said += client.lrange(key, 0, -1)
    return b"\n".join(said)
