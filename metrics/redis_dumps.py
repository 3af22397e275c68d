"""The Redis that keeps as a whole, for who backs it up: every key of its database as Redis itself packs it.

Names are found a few at a time (SCAN). A few keys that tell one story together are taken in one step of the server; the
others as they come. A restore that goes on is noted here too, under a key of its own, so that nobody serves what is
half there.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

import redis
from django.conf import settings

from metrics.errors import MetricsError
from metrics.redis_clients import connected, reachable

_RESTORING: Final = "restore:goes_on"
_AT_ONCE: Final = 500
# Redis does nothing else while it looks: so many keys take it a millisecond or two.
_LOOKED_AT_ONCE: Final = 5000
# How often keys are taken anew because another one of the pattern had come meanwhile.
_TRIES: Final = 3
# The last command of whoever watches the server, which has no database of its own, or has said nothing yet.
_LOOKED_AFTER: Final = {"client", "config", "info", "latency", "memory", "null", "ping", "slowlog", "NULL"}
_PATIENCE_SECONDS: Final = 60.0
# Of whoever is to start.
_SHORT_PATIENCE_SECONDS: Final = 5.0

# For a script: `take(key)` adds a key to `taken` with when it ends, in milliseconds since 1970 or 0, and its content.
TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = {}
local function take(key)
  local left = redis.call('PTTL', key)
  local content = redis.call('DUMP', key)
  if content then
    taken[#taken + 1] = key
    taken[#taken + 1] = left > 0 and string.format('%.0f', now + left) or '0'
    taken[#taken + 1] = content
  end
end
"""
_TAKE_ALL: Final = (
    TAKE
    + """
for _, key in ipairs(KEYS) do take(key) end
return taken
"""
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A key as Redis packs what lies under it; `ends` in milliseconds since 1970, 0 for one that stays.

    Without content it says that nothing lies there, whatever was said of the key before.
    """

    key: bytes
    ends: int
    content: bytes


@contextmanager
def server(*, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[redis.Redis]:
    """By a connection of its own. Raises RetryableMetricsError, and MetricsError for what Redis refuses."""
    with (
        reachable(refused=_refused),
        connected(settings.EARSHOT_REDIS_URL, patience_seconds=patience_seconds) as client,
    ):
        yield client


def _refused(error: redis.RedisError) -> MetricsError:
    return MetricsError(f"Redis refuses it: {str(error)[:100]}")


def at_one_moment(pattern: str) -> Iterator[Kept]:
    """The keys of a pattern, which are few, all in one step of the server, for which it stops for everybody else.

    Raises RetryableMetricsError.
    """
    with server() as client:
        names = set(names_like(client, pattern))
        for _ in range(_TRIES):
            found = cast("list[bytes]", client.eval(_TAKE_ALL, len(names), *names))
            since = set(names_like(client, pattern))
            if since <= names:
                break
            names = since
    yield from kept_in(found)


def one_by_one(*, without: Sequence[str]) -> Iterator[Kept]:
    """Every other key, a few hundred at a time; `without` those of these patterns. Raises RetryableMetricsError."""
    with server() as client:
        yield from kept_of(client, _others(client, without))


def kept_of(client: redis.Redis, names: Iterable[bytes]) -> Iterator[Kept]:
    """The keys of these names, a few hundred at a time; what has ended is left out."""
    remaining = iter(names)
    while some := list(islice(remaining, _AT_ONCE)):
        pipeline = client.pipeline(transaction=False)
        pipeline.time()
        for key in some:
            pipeline.pttl(key)
            pipeline.dump(key)
        (seconds, microseconds), *found = pipeline.execute()
        now = seconds * 1000 + microseconds // 1000
        for key, left, content in zip(some, found[::2], found[1::2], strict=True):
            if content is not None:
                yield Kept(key, now + left if left > 0 else 0, content)


def kept_in(taken: Sequence[bytes]) -> Iterator[Kept]:
    """What a script has `taken`."""
    for at in range(0, len(taken), 3):
        yield Kept(taken[at], int(taken[at + 1]), taken[at + 2])


def names_like(client: redis.Redis, pattern: str) -> Iterator[bytes]:
    """Those of a pattern, found a few at a time: one that comes meanwhile may be among them, one may come twice."""
    return cast("Iterator[bytes]", client.scan_iter(pattern, count=_LOOKED_AT_ONCE))


def put_back(kept: Iterable[Kept]) -> int:
    """Write keys, each in the place of what lies under it; how many. Those whose time is over do not come back.

    Of a key that comes twice the later counts.

    Raises RetryableMetricsError; MetricsError for what this Redis cannot read, because a newer one packed it.
    """
    written = 0
    with server() as client:
        pipeline = client.pipeline(transaction=False)
        for one in kept:
            if one.content:
                pipeline.restore(one.key, one.ends, one.content, replace=True, absttl=True)
            else:
                pipeline.delete(one.key)
            written += 1
            if written % _AT_ONCE == 0:
                pipeline.execute()
        pipeline.execute()
    return written


def count(*, without: Sequence[str]) -> int:
    """How many keys there are but for those of these patterns."""
    with server() as client:
        return sum(1 for _ in _others(client, without))


def others() -> int:
    """How many clients work in the database beside us; who only looks after the server is none."""
    with server() as client:
        ours = client.client_id()
        database = str(client.connection_pool.connection_kwargs.get("db", 0))
        found = client.client_list()
    there = [one for one in found if one["db"] == database and one["id"] != str(ours)]
    return sum(one["cmd"].partition("|")[0] not in _LOOKED_AFTER for one in there)


def begin_restoring(name: str) -> None:
    """Note that this backup is being restored."""
    with server() as client:
        client.set(_RESTORING, name)


def empty(name: str) -> None:
    """Remove every key, and note in the same step that this backup is being restored."""
    with server() as client:
        step = client.pipeline(transaction=True)
        step.flushdb()
        step.set(_RESTORING, name)
        step.execute()


def restoring() -> str | None:
    """Which backup is being restored, or was when that was cut off."""
    with server(patience_seconds=_SHORT_PATIENCE_SECONDS) as client:
        found = cast("bytes | None", client.get(_RESTORING))
    return None if found is None else found.decode()


def end_restoring() -> None:
    with server() as client:
        client.delete(_RESTORING)


def version() -> str:
    with server() as client:
        return str(client.info("server")["redis_version"])


def _others(client: redis.Redis, without: Sequence[str]) -> Iterator[bytes]:
    left_out = tuple(one.removesuffix("*").encode() for one in (*without, _RESTORING))
    return (key for key in names_like(client, "*") if not key.startswith(left_out))
