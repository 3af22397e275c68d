"""The Redis that keeps as a whole, for who backs it up: every key of its database as Redis itself packs it.

Keys that tell one story together are taken in one step of the server, by their pattern; the others as they come. A
restore that goes on is noted here too, under a key of its own, so that nobody serves what is half there.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import redis
from django.conf import settings

from metrics.errors import MetricsError
from metrics.redis_clients import connected, reachable

_RESTORING: Final = "restore:goes_on"
# What is true for a minute, or of a process that is gone.
_OF_THE_MOMENT: Final = ("ws:", "rate_limit:", _RESTORING)
_AT_ONCE: Final = 500
# The last command of whoever watches the server, which has no database of its own, or has said nothing yet.
_LOOKED_AFTER: Final = {"client", "config", "info", "latency", "memory", "null", "ping", "slowlog", "NULL"}
_PATIENCE_SECONDS: Final = 60.0
# Of whoever is to start.
_SHORT_PATIENCE_SECONDS: Final = 5.0

# All keys of a pattern with when they end, in milliseconds since 1970 or 0, as of one moment.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local left = redis.call('PTTL', key)
  local content = redis.call('DUMP', key)
  if content then
    taken[#taken + 1] = key
    taken[#taken + 1] = left > 0 and string.format('%.0f', now + left) or '0'
    taken[#taken + 1] = content
  end
end
return taken
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A key as Redis packs what lies under it; `ends` in milliseconds since 1970, 0 for one that stays."""

    key: bytes
    ends: int
    content: bytes


def at_one_moment(pattern: str) -> Iterator[Kept]:
    """The keys of a pattern, all in one step of the server, for which it stops for everybody else.

    Raises RetryableMetricsError.
    """
    with _answered(), _client() as client:
        found = cast("list[bytes]", client.eval(_TAKE, 0, pattern))
    for at in range(0, len(found), 3):
        yield Kept(found[at], int(found[at + 1]), found[at + 2])


def one_by_one(*, without: Sequence[str]) -> Iterator[Kept]:
    """Every other key, a few hundred at a time; `without` those of these patterns. Raises RetryableMetricsError."""
    left_out = tuple(one.removesuffix("*").encode() for one in (*without, *_OF_THE_MOMENT))
    with _answered(), _client() as client:
        some: list[bytes] = []
        for key in client.scan_iter(count=_AT_ONCE):
            if not key.startswith(left_out):
                some.append(key)
            if len(some) == _AT_ONCE:
                yield from _kept(client, some)
                some = []
        yield from _kept(client, some)


def put_back(kept: Iterable[Kept]) -> int:
    """Write keys, each in the place of what lies under it; how many. Those whose time is over do not come back.

    Raises RetryableMetricsError; MetricsError for what this Redis cannot read, because a newer one packed it.
    """
    written = 0
    with _answered(), _client() as client:
        pipeline = client.pipeline(transaction=False)
        for one in kept:
            pipeline.restore(one.key, one.ends, one.content, replace=True, absttl=True)
            written += 1
            if written % _AT_ONCE == 0:
                pipeline.execute()
        pipeline.execute()
    return written


def count() -> int:
    """How many keys there are but for those of the moment."""
    with _answered(), _client() as client:
        left_out = tuple(prefix.encode() for prefix in _OF_THE_MOMENT)
        return sum(not key.startswith(left_out) for key in client.scan_iter(count=_AT_ONCE))


def others() -> int:
    """How many clients work in the database beside us; who only looks after the server is none."""
    with _answered(), _client() as client:
        ours = client.client_id()
        database = str(client.connection_pool.connection_kwargs.get("db", 0))
        found = cast("list[dict[str, str]]", client.client_list())
    there = [one for one in found if one["db"] == database and one["id"] != str(ours)]
    return sum(one["cmd"].partition("|")[0] not in _LOOKED_AFTER for one in there)


def begin_restoring(name: str) -> None:
    """Note that this backup is being restored."""
    with _answered(), _client() as client:
        client.set(_RESTORING, name)


def empty(name: str) -> None:
    """Remove every key, and note in the same step that this backup is being restored."""
    with _answered(), _client() as client:
        client.pipeline(transaction=True).flushdb().set(_RESTORING, name).execute()


def restoring() -> str | None:
    """Which backup is being restored, or was when that was cut off."""
    with _answered(), _client(patience_seconds=_SHORT_PATIENCE_SECONDS) as client:
        found = cast("bytes | None", client.get(_RESTORING))
    return None if found is None else found.decode()


def end_restoring() -> None:
    with _answered(), _client() as client:
        client.delete(_RESTORING)


def version() -> str:
    with _answered(), _client() as client:
        return str(cast("dict[str, Any]", client.info("server"))["redis_version"])


def _kept(client: redis.Redis, keys: Sequence[bytes]) -> Iterator[Kept]:
    pipeline = client.pipeline(transaction=False)
    pipeline.time()
    for key in keys:
        pipeline.pttl(key)
        pipeline.dump(key)
    (seconds, microseconds), *found = pipeline.execute()
    now = seconds * 1000 + microseconds // 1000
    for at, key in enumerate(keys):
        left, content = found[2 * at], found[2 * at + 1]
        # It may have ended meanwhile.
        if content is not None:
            yield Kept(key, now + left if left > 0 else 0, content)


@contextmanager
def _answered() -> Iterator[None]:
    try:
        with reachable():
            yield
    except redis.ResponseError as error:
        raise MetricsError(f"Redis refuses it: {str(error)[:100]}") from error


def _client(*, patience_seconds: float = _PATIENCE_SECONDS) -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=patience_seconds)
