"""What is going on right now, in the Redis that keeps: losing it loses no recording. The one door to

* `audio:events:{session_id}`, a stream, four hours, trimmed: the events, for those who were cut off, and
  `audio:events:{session_id}:line`, a hash: the epoch and how many events it has had,
* `audio:session:{session_id}`, a hash, four hours: how the recording stands,
* `rate_limit:{user_id}:audio_upload`, a counter for a minute,
* `ws:sessions`, a hash: which socket watches which recording, and `ws:seen`, when each was last heard of.
"""

import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

log = structlog.get_logger("earshot.live_state")

STREAM_KEY = "audio:events:{session_id}"
LINE_KEY = "audio:events:{session_id}:line"
LIFE_SECONDS = 4 * 3600
MOST_EVENTS = 5000

SESSION_KEY = "audio:session:{session_id}"
RATE_KEY = "rate_limit:{user_id}:audio_upload"
RATE_SECONDS = 60
PATIENCE_SECONDS = 0.25
CONNECTIONS_KEY = "ws:sessions"
SEEN_KEY = "ws:seen"

# Counts one more in the window, which the first of it opens. Returns the count and how long the window lasts yet.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('TTL', KEYS[1])}
"""

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


def note_session(session_id: str, standing: Mapping[str, str | int | float]) -> None:
    """Write down how the recording stands."""
    key = SESSION_KEY.format(session_id=session_id)
    pipeline = _quick_client().pipeline(transaction=True)
    pipeline.hset(key, mapping=cast("Any", standing))
    pipeline.expire(key, LIFE_SECONDS)
    pipeline.execute()


def count_upload(user_id: int) -> tuple[int, int] | None:
    """How many uploads the user has begun in this window, this one included, and the seconds until it ends.

    None when nobody can tell: no upload waits for it.
    """
    try:
        count, seconds = cast("list[int]", _count()(keys=[RATE_KEY.format(user_id=user_id)], args=[RATE_SECONDS]))
    except redis.RedisError as error:
        log.warning("upload_not_counted", error=type(error).__name__)
        return None
    return count, max(seconds, 1)


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
def _count() -> Script:
    return _quick_client().register_script(_COUNT)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.EARSHOT_REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


@cache
def _quick_client() -> redis.Redis:
    """For what an upload would otherwise wait for: it does without rather than wait."""
    return redis.Redis.from_url(
        settings.EARSHOT_REDIS_URL,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
