"""What is going on right now, in Redis: the events of each session, for those who were cut off.

The one door to the keys `audio:events:{session_id}` (a stream, four hours, trimmed) and
`audio:events:{session_id}:line` (a hash: the epoch and how many events it has had).
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import redis
from django.conf import settings
from redis.commands.core import Script

STREAM_KEY = "audio:events:{session_id}"
LINE_KEY = "audio:events:{session_id}:line"
LIFE_SECONDS = 4 * 3600
MOST_EVENTS = 5000

# The number is given and the event appended in one step, so that order in the stream is the order of numbers.
# When the line has expired or Redis lost it, a new epoch begins and old numbers are no longer comparable.
_APPEND = """
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  epoch = ARGV[2]
  redis.call('HSET', KEYS[2], 'epoch', epoch)
  redis.call('DEL', KEYS[1])
end
local number = redis.call('HINCRBY', KEYS[2], 'events', 1)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], number .. '-0', 'event', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return epoch .. '-' .. number
"""


def append_event(session_id: str, event: bytes) -> str:
    """Append an event and return its `seq`, `{epoch}-{n}`."""
    keys = [STREAM_KEY.format(session_id=session_id), LINE_KEY.format(session_id=session_id)]
    seq = _append()(keys=keys, args=[event, secrets.token_hex(4), MOST_EVENTS, LIFE_SECONDS])
    return cast("bytes", seq).decode()


def latest_seq(session_id: str) -> str | None:
    """The `seq` of the last event; None when there was none lately."""
    epoch, events = _client().hmget(LINE_KEY.format(session_id=session_id), "epoch", "events")
    return f"{cast('bytes', epoch).decode()}-{int(events)}" if epoch and events else None


def events_after(session_id: str, seq: str) -> list[tuple[str, bytes]] | None:
    """The events that followed `seq`, oldest first; None when that cannot be told any more."""
    latest = latest_seq(session_id)
    if latest is None or latest.partition("-")[0] != seq.partition("-")[0]:
        return None
    missed = list(_after(session_id, seq))
    expected = number_of(latest) - number_of(seq)
    return missed if 0 <= expected <= len(missed) else None


def number_of(seq: str) -> int:
    number = seq.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def ping() -> None:
    _client().ping()


def version() -> str:
    """The server's own; a Valkey tells the Redis that it stands in for."""
    facts: Any = _client().info("server")
    return str(facts["redis_version"])


def clock() -> datetime:
    """What time it is there."""
    moment: Any = _client().time()
    seconds, microseconds = moment
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)


def check() -> list[str]:
    """What is missing for a server that may forget nothing; empty when it is all there."""
    memory: Any = _client().info("memory")
    persistence: Any = _client().info("persistence")
    kept = {
        "appendonly yes": bool(persistence["aof_enabled"]),
        "maxmemory-policy noeviction": memory["maxmemory_policy"] == "noeviction",
    }
    return [setting for setting, there in kept.items() if not there]


def _after(session_id: str, seq: str) -> Iterator[tuple[str, bytes]]:
    """An entry's id is its number in the line, so that only what is asked for is read."""
    epoch, number = seq.partition("-")[0], number_of(seq)
    entries: Any = _client().xrange(STREAM_KEY.format(session_id=session_id), min=f"{number + 1}-0")
    for entry_id, fields in entries:
        yield f"{epoch}-{entry_id.decode().partition('-')[0]}", fields[b"event"]


@cache
def _append() -> Script:
    return _client().register_script(_APPEND)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.EARSHOT_REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
