"""What is going on right now, in the Redis that keeps: losing it loses no recording. The one door to

* `audio:events:{session_id}`, a stream, four hours, trimmed: the events, for those who were cut off, and
  `audio:events:{session_id}:line`, a hash: the epoch, how many events it has had, and the server that gave them,
* `audio:session:{session_id}`, a hash, four hours: how the recording stands,
* `rate_limit:{user_id}:audio_upload`, a counter for a minute,
* `ws:sessions`, a hash: which socket watches which recording, and `ws:seen`, when each was last heard of.
"""

import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script

from audio.errors import EventsAway, StateAway
from metrics.redis_clients import connected

log = structlog.get_logger("earshot.live_state")

STREAM_KEY = "audio:events:{session_id}"
LINE_KEY = "audio:events:{session_id}:line"
LIFE_SECONDS = 4 * 3600
MOST_EVENTS = 5000

SESSION_KEY = "audio:session:{session_id}"
RATE_KEY = "rate_limit:{user_id}:audio_upload"
RATE_SECONDS = 60
PATIENCE_SECONDS = 0.25
READING_SECONDS = 1.0
REST_SECONDS = 1.0
# Of what is erased, so many keys go in one command; a scan looks at so many at a time.
_AT_ONCE = 5000
CONNECTIONS_KEY = "ws:sessions"
SEEN_KEY = "ws:seen"
# True for a minute, or of a process that is gone: nobody backs these up.
KEYS_OF_THE_MOMENT = ("rate_limit:*", "ws:*")

# Counts one more in the window, which the first of it opens. Returns the count and how long the window lasts yet.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('TTL', KEYS[1])}
"""

# The number is given and the event appended in one step, so that order in the stream is the order of numbers.
# A new epoch begins, and old numbers are no longer comparable, when the line has expired or Redis has lost it; when
# somebody knows of an event that could not be appended; and when the server is not the one that gave the last number:
# it may have come back without its last second, and would give the same numbers to other events.
_APPEND = """
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local line = redis.call('HMGET', KEYS[2], 'epoch', 'server')
local epoch = line[1]
if not epoch or line[2] ~= server or ARGV[5] == '1' then
  epoch = ARGV[2]
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'server', server, 'events', 0)
  redis.call('DEL', KEYS[1])
end
if ARGV[1] ~= '' then
  local number = redis.call('HINCRBY', KEYS[2], 'events', 1)
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], number .. '-0', 'event', ARGV[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return epoch .. '-' .. redis.call('HGET', KEYS[2], 'events')
"""

# By the server's own clock: those who write here may have several. Returns the connections that are gone.
_FORGET = """
local now = tonumber(redis.call('TIME')[1])
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
for _, connection in ipairs(gone) do
  redis.call('HDEL', KEYS[1], connection)
  redis.call('ZREM', KEYS[2], connection)
end
return #gone
"""
_SEE = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of Redis, in bytes. `most` is its own bound or, where none is set, what the machine has."""

    used: int
    most: int


def append_event(session_id: str, event: bytes, *, anew: bool = False) -> str:
    """Append an event, as the first of a new epoch if `anew`, and return its `seq`, `{epoch}-{n}`.

    It is tried once: an answer that got lost does not tell whether the event is there, and it must not come twice.
    """
    args: list[bytes | str | int] = [event, secrets.token_hex(4), MOST_EVENTS, LIFE_SECONDS, int(anew)]
    return cast("bytes", _append()(keys=_keys_of(session_id), args=args)).decode()


def begin_anew(session_id: str) -> str:
    """Begin a new epoch, in which nothing has happened yet. Returns its `seq`, that of the snapshot before it."""
    return append_event(session_id, b"", anew=True)


def latest_seq(session_id: str) -> str | None:
    """The `seq` of the last event; None when there was none lately. Raises EventsAway."""
    with _reading():
        epoch, events = _watching_client().hmget(LINE_KEY.format(session_id=session_id), "epoch", "events")
    return f"{cast('bytes', epoch).decode()}-{int(events)}" if epoch and events else None


def events_after(session_id: str, seq: str) -> list[tuple[str, bytes]] | None:
    """The events that followed `seq`, oldest first; None when that cannot be told any more. Raises EventsAway.

    An entry's id is its number in the line, so that only what is asked for is read.
    """
    stream, line = _keys_of(session_id)
    known, number = epoch_of(seq), number_of(seq)
    with _reading():
        # In one step: an epoch that ended between the two would lend its name to another's events.
        pipeline = _watching_client().pipeline(transaction=True)
        pipeline.hmget(line, "epoch", "events")
        pipeline.xrange(stream, min=f"{number + 1}-0")
        (epoch, events), entries = pipeline.execute()
    if not epoch or not events or epoch.decode() != known:
        return None
    missed = [(int(entry_id.partition(b"-")[0]), fields[b"event"]) for entry_id, fields in entries]
    if [one for one, _ in missed] != list(range(number + 1, int(events) + 1)):
        return None
    return [(f"{known}-{one}", event) for one, event in missed] if number <= int(events) else None


def see_socket(connection_id: str, session_id: str) -> None:
    """Write down that this socket is open now, and what it watches; best effort."""
    with _best_effort("socket_not_noted"):
        _see()(keys=[CONNECTIONS_KEY, SEEN_KEY], args=[connection_id, session_id])


def drop_socket(connection_id: str) -> None:
    """It has been closed; best effort, for what stays behind is forgotten before long."""
    with _best_effort("socket_not_noted"):
        pipeline = _quick_client().pipeline(transaction=True)
        pipeline.hdel(CONNECTIONS_KEY, connection_id)
        pipeline.zrem(SEEN_KEY, connection_id)
        pipeline.execute()


def forget_sockets(*, unseen_seconds: int) -> int:
    """Drop the sockets of which nothing was heard for so long; how many there were."""
    with _best_effort("sockets_not_forgotten"):
        return cast("int", _forget()(keys=[CONNECTIONS_KEY, SEEN_KEY], args=[unseen_seconds]))
    return 0


def watchers(session_id: str) -> int | None:
    """How many sockets watch the session now; None when nobody can tell."""
    with _best_effort("watchers_not_counted"):
        return cast("list[bytes]", _quick_client().hvals(CONNECTIONS_KEY)).count(session_id.encode())
    return None


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


def count_kept(session_ids: Collection[str]) -> int:
    """How many keys there are of these sessions. Raises StateAway."""
    with _certain():
        return sum(int(_client().exists(*some)) for some in _some(_keys_of_all(session_ids)))


def erase_kept(session_ids: Collection[str]) -> int:
    """Forget the events of these sessions and how they stood; how many keys there were. Raises StateAway."""
    with _certain():
        return sum(int(_client().unlink(*some)) for some in _some(_keys_of_all(session_ids)))


def sessions_kept() -> Iterator[str]:
    """The id of a session for each key that tells of one, by looking at every key there is. Raises StateAway."""
    with _certain():
        for key in _client().scan_iter(match="audio:*", count=_AT_ONCE):
            yield from key.decode().split(":")[2:3]


def sockets_of(session_ids: Collection[str]) -> dict[str, str]:
    """Connection → session, of the sockets that watch one of these. Raises StateAway."""
    wanted = frozenset(session_ids)
    with _certain():
        watching = cast("dict[bytes, bytes]", _client().hgetall(CONNECTIONS_KEY))
    told = {connection.decode(): session_id.decode() for connection, session_id in watching.items()}
    return {connection: session_id for connection, session_id in told.items() if session_id in wanted}


def drop_sockets(connection_ids: Collection[str]) -> int:
    """Forget these sockets; how many of them were known. Raises StateAway."""
    if not connection_ids:
        return 0
    with _certain():
        pipeline = _client().pipeline(transaction=True)
        pipeline.hdel(CONNECTIONS_KEY, *connection_ids)
        pipeline.zrem(SEEN_KEY, *connection_ids)
        return cast("int", pipeline.execute()[0])


def has_uploads(user_id: int) -> bool:
    """Whether uploads of the user are counted at this moment. Raises StateAway."""
    with _certain():
        return bool(_client().exists(RATE_KEY.format(user_id=user_id)))


def forget_uploads(user_id: int) -> int:
    """Count the user's uploads anew; how many counts there were. Raises StateAway."""
    with _certain():
        return int(_client().delete(RATE_KEY.format(user_id=user_id)))


def epoch_of(seq: str) -> str:
    return seq.partition("-")[0]


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


def memory() -> Memory:
    """How much memory it uses, and may use; raises what its driver raises."""
    facts: Any = _client().info("memory")
    return Memory(used=int(facts["used_memory"]), most=int(facts["maxmemory"]) or int(facts["total_system_memory"]))


def count_sockets() -> int | None:
    """How many sockets are open, give or take those whose server died lately; None when nobody can tell."""
    with _best_effort("sockets_not_counted"):
        return int(_quick_client().zcard(SEEN_KEY))
    return None


def check() -> list[str]:
    """What is missing for a server that may forget nothing; empty when it is all there."""
    memory: Any = _client().info("memory")
    persistence: Any = _client().info("persistence")
    kept = {
        "appendonly yes": bool(persistence["aof_enabled"]),
        "maxmemory-policy noeviction": memory["maxmemory_policy"] == "noeviction",
    }
    return [setting for setting, there in kept.items() if not there]


def _keys_of(session_id: str) -> list[str]:
    return [STREAM_KEY.format(session_id=session_id), LINE_KEY.format(session_id=session_id)]


def _keys_of_all(session_ids: Collection[str]) -> list[str]:
    return [
        key for session_id in session_ids for key in (*_keys_of(session_id), SESSION_KEY.format(session_id=session_id))
    ]


def _some(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]


@contextmanager
def _certain() -> Iterator[None]:
    """For who erases: what cannot be asked now is not taken for nothing."""
    try:
        yield
    except redis.RedisError as error:
        raise StateAway("Redis is out of reach for a moment. Try again.") from error


@contextmanager
def _reading() -> Iterator[None]:
    """For sockets. Once Redis has not answered one of them, the others do not wait for it for a moment."""
    if time.monotonic() < _rest["until"]:
        raise EventsAway("Redis did not answer a moment ago.")
    try:
        yield
    except redis.RedisError as error:
        if isinstance(error, redis.TimeoutError):
            _rest["until"] = time.monotonic() + REST_SECONDS
        raise EventsAway("Redis does not answer.") from error


_rest = {"until": 0.0}


@contextmanager
def _best_effort(event: str) -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        log.warning(event, error=type(error).__name__)


@cache
def _append() -> Script:
    return _appending_client().register_script(_APPEND)


@cache
def _see() -> Script:
    return _quick_client().register_script(_SEE)


@cache
def _forget() -> Script:
    return _quick_client().register_script(_FORGET)


@cache
def _count() -> Script:
    return _quick_client().register_script(_COUNT)


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=2, retries=1)


@cache
def _appending_client() -> redis.Redis:
    """One that tries nothing twice."""
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=2)


@cache
def _watching_client() -> redis.Redis:
    """For a socket's reading: patient enough for a long replay, and no longer."""
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=READING_SECONDS)


@cache
def _quick_client() -> redis.Redis:
    """For what an upload would otherwise wait for: it does without rather than wait."""
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=PATIENCE_SECONDS)
