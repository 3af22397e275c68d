"""Conversations on their way into calls. The one door to what they are in the Redis that keeps:

* `intake:conversations`, a stream with the consumer group `intake`: an entry for each that is not stored yet,
* `intake:standings`, a hash: how each that is here stands, and `intake:bytes`, another: how large they are together,
* `intake:wake`, a short list: a token for each batch that has become full, upon which consumers wait,
* `intake:attempts`, a hash: how often an entry has failed,
* `intake:dead`, a hash, with `intake:dead:order` and `intake:dead:order:{tenant}`: those that keep failing,
* `intake:seen`, a sorted set: when each consumer was last heard of,
* `intake:counts`, a hash: how many were stored and how many failed, and `intake:stored:{slot}`, counters for a minute.

An entry leaves the stream when it is acknowledged, so that the stream's length is the depth. Nothing is lost by a
consumer that dies: what it held is claimed by another.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NotRequired, TypedDict, cast

import orjson
import redis
from django.conf import settings

from calls import queue_scripts
from calls.errors import IntakeAway, IntakeFull
from metrics import redis_clients
from metrics.redis_clients import connected

# All that is kept of them, to be taken at one moment by who backs it up.
KEYS = "intake:*"
STREAM_KEY = "intake:conversations"
GROUP = "intake"
STANDINGS_KEY = "intake:standings"
BYTES_KEY = "intake:bytes"
WAKE_KEY = "intake:wake"
ATTEMPTS_KEY = "intake:attempts"
DEAD_KEY = "intake:dead"
DEAD_ORDER_KEY = "intake:dead:order"
SEEN_KEY = "intake:seen"
COUNTS_KEY = "intake:counts"
STORED_KEY = "intake:stored:{slot}"
# The rate is that of the last minute, added up from slots.
SLOT_SECONDS = 5
RATE_SECONDS = 60
PATIENCE_SECONDS = 2.0

# What is kept of an error in a dead letter.
LONGEST_SENTENCE = 500
MOST_FIELDS = 20
MOST_SENTENCES = 5

QueueState = Literal["queued", "failed"]


class Queued(TypedDict):
    """The body of an entry. `user_id` is the caller's own for the person, `sent_by` the id of a user of ours."""

    user_id: str
    platform: str
    transcript: str | Sequence[Mapping[str, Any]]
    summary: str
    metadata: Mapping[str, Any]
    sent_by: int | None
    # Of what was queued before there were phones, nobody knows.
    phone: NotRequired[str | None]
    # When it was queued first, of one that has been written anew since.
    queued_at: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation that a consumer holds. `given_out` says how many times it has been."""

    entry_id: str
    tenant_id: int
    conversation_id: str
    body: bytes
    given_out: int = 1

    @property
    def queued_at(self) -> datetime:
        """By Redis' clock."""
        return datetime.fromtimestamp(int(self.entry_id.partition("-")[0]) / 1000, UTC)

    def read(self) -> Queued:
        return cast("Queued", orjson.loads(self.body))


class DeadLetter(TypedDict):
    """A conversation that kept failing: what it was, with which error it failed last, and when it was given up.

    `message` and `fields` are what an error of ours says; empty for others, which may quote what somebody said.
    """

    tenant_id: int
    conversation_id: str
    code: str
    error: str
    message: str
    fields: Mapping[str, Sequence[str]]
    attempts: int
    at: datetime
    queued_at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Depths:
    """`queued` are those that nobody has taken, `processing` those that a consumer holds."""

    queued: int
    processing: int
    oldest_seconds: float
    queued_bytes: int
    dead: int
    consumers: int


def append(tenant_id: int, conversation_id: str, body: bytes) -> bool:
    """Put a conversation, a Queued as JSON, into the queue. Whether it was new: the same id again is the same as once.

    Raises IntakeFull, IntakeAway.
    """
    done = run(
        queue_scripts.APPEND,
        [STREAM_KEY, STANDINGS_KEY, BYTES_KEY, WAKE_KEY],
        GROUP,
        field_of(tenant_id, conversation_id),
        tenant_id,
        conversation_id,
        body,
        settings.EARSHOT_INTAKE_MOST_QUEUED,
        settings.EARSHOT_INTAKE_MOST_BYTES,
        settings.EARSHOT_INTAKE_BATCH,
        settings.EARSHOT_INTAKE_CONCURRENCY,
    )
    if done < 0:
        raise IntakeFull("As many conversations wait as may. Send this one again in a moment.")
    return bool(done)


def standing(tenant_id: int, conversation_id: str) -> QueueState | None:
    """How a conversation stands here; None for one that is not here, or not any more. Raises IntakeAway."""
    with reachable():
        found = cast("bytes | None", _client().hget(STANDINGS_KEY, field_of(tenant_id, conversation_id)))
    return cast("QueueState", found.partition(b":")[0].decode()) if found else None


def take(consumer: str, *, most: int, age_seconds: float) -> list[Entry]:
    """A batch that is full, or all there is when the oldest has waited so long; else nothing."""
    given = run(queue_scripts.TAKE, [STREAM_KEY], GROUP, consumer, most, int(age_seconds * 1000))
    return [entry_in(entry_id, fields) for entry_id, fields in given]


def claim(consumer: str, *, most: int, idle_seconds: float) -> list[Entry]:
    """Take over entries whose consumer has shown no sign of life for so long."""
    given = run(queue_scripts.CLAIM, [STREAM_KEY], GROUP, consumer, int(idle_seconds * 1000), most)
    return [entry_in(entry_id, fields, given_out=int(times)) for entry_id, fields, times in given]


def hold(consumer: str, entry_ids: Sequence[str]) -> None:
    """Say that these are still being worked on, so that nobody claims them."""
    if entry_ids:
        with reachable():
            _client().xclaim(STREAM_KEY, GROUP, consumer, min_idle_time=0, message_ids=list(entry_ids), justid=True)


def acknowledge(entries: Sequence[Entry]) -> int:
    """These are stored: they leave the queue. Again is the same as once; returns how many left by this."""
    named = [(entry.entry_id, field_of(entry.tenant_id, entry.conversation_id), entry.tenant_id) for entry in entries]
    keys = [STREAM_KEY, STANDINGS_KEY, BYTES_KEY, COUNTS_KEY, ATTEMPTS_KEY, _slots(time.time())[0]]
    words = [word for three in named for word in three]
    return int(run(queue_scripts.ACKNOWLEDGE, keys, GROUP, RATE_SECONDS + 2 * SLOT_SECONDS, *words))


def count_attempt(entry: Entry) -> int:
    """How often it has failed now."""
    with reachable():
        return _client().hincrby(ATTEMPTS_KEY, entry.entry_id, 1)


def bury(
    entry: Entry,
    *,
    code: str,
    error: str,
    attempts: int,
    message: str = "",
    fields: Mapping[str, Sequence[str]] | None = None,
) -> bool:
    """Lay it among the dead letters, which acknowledges it. False when there is no room: it then stays in the queue.

    `error` is the error's class; `message` and `fields` may quote nobody.
    """
    now = datetime.now(UTC)
    letter = {
        "tenant_id": entry.tenant_id,
        "conversation_id": entry.conversation_id,
        "code": code,
        "error": error,
        "message": message[:LONGEST_SENTENCE],
        "fields": {
            name[:LONGEST_SENTENCE]: [sentence[:LONGEST_SENTENCE] for sentence in sentences[:MOST_SENTENCES]]
            for name, sentences in list((fields or {}).items())[:MOST_FIELDS]
        },
        "attempts": attempts,
        "at": now,
        "queued_at": entry.queued_at,
        "body": entry.body.decode(errors="replace"),
    }
    done = run(
        queue_scripts.BURY,
        [STREAM_KEY, STANDINGS_KEY, BYTES_KEY, COUNTS_KEY, ATTEMPTS_KEY, *_dead_keys(entry.tenant_id)],
        GROUP,
        entry.entry_id,
        field_of(entry.tenant_id, entry.conversation_id),
        entry.tenant_id,
        orjson.dumps(letter),
        int(now.timestamp() * 1000),
        settings.EARSHOT_INTAKE_MOST_DEAD,
        settings.EARSHOT_INTAKE_MOST_BYTES,
    )
    return bool(done >= 0)


def entries_from(entry_id: str = "-", *, most: int = 500) -> list[Entry]:
    """What is in the stream from an entry on, held or not, in order; `(` before an id leaves that one out."""
    with reachable():
        found = cast("list[tuple[bytes, dict[bytes, bytes]]]", _client().xrange(STREAM_KEY, min=entry_id, count=most))
    return [entry_in(one, [word for pair in fields.items() for word in pair]) for one, fields in found]


def dead_bodies() -> Iterator[tuple[str, bytes]]:
    """Every dead letter as it lies there, `{tenant}:{id}` and the letter, without a look at their order."""
    with reachable():
        for field, letter in _client().hscan_iter(DEAD_KEY, count=200):
            yield field.decode(), letter


def dead_letters(tenant_id: int | None, *, first: int = 0, most: int = 50) -> tuple[list[DeadLetter], int]:
    """The newest dead letters of a tenant from the `first` on, all tenants' for None; and how many there are."""
    order = DEAD_ORDER_KEY if tenant_id is None else _dead_order(tenant_id)
    with reachable():
        letters = letters_named(cast("list[bytes]", _client().zrevrange(order, first, first + most - 1)))
    return letters, count_dead(tenant_id)


def count_dead(tenant_id: int | None) -> int:
    """How many dead letters a tenant has, or all have for None."""
    with reachable():
        return _client().zcard(DEAD_ORDER_KEY if tenant_id is None else _dead_order(tenant_id))


def dead_letters_named(tenant_id: int | None, conversation_id: str) -> list[DeadLetter]:
    """Those of this id: a tenant's own, or every tenant's for None."""
    with reachable():
        if tenant_id is not None:
            return letters_named([field_of(tenant_id, conversation_id).encode()])
        end = f":{conversation_id}".encode()
        fields = cast("list[bytes]", _client().hkeys(DEAD_KEY))
        return letters_named([field for field in fields if field.endswith(end)])


def replay(tenant_id: int, conversation_id: str) -> bool:
    """Put a dead letter back into the queue. False when there is none of this id. Raises IntakeFull."""
    letters = dead_letters_named(tenant_id, conversation_id)
    if not letters:
        return False
    done = _unearth(tenant_id, conversation_id, letters[0]["body"], settings.EARSHOT_INTAKE_MOST_QUEUED)
    if done < 0:
        raise IntakeFull("As many conversations wait as may. Replay this one in a moment.")
    return bool(done)


def discard(tenant_id: int, conversation_id: str) -> bool:
    """Drop a dead letter for good. False when there is none of this id."""
    return bool(_unearth(tenant_id, conversation_id))


def see(consumer: str) -> int:
    """Note that a consumer lives, and forget those that do not and hold nothing. How many live."""
    return int(run(queue_scripts.SEE, [STREAM_KEY, SEEN_KEY], GROUP, consumer, _life_seconds()))


def leave(consumer: str) -> None:
    """A consumer ends. What it still holds is claimed by another."""
    run(queue_scripts.SEE, [STREAM_KEY, SEEN_KEY], GROUP, consumer, _life_seconds(), 1)


def depths() -> Depths:
    """How the queue stands. Raises IntakeAway."""
    keys = [STREAM_KEY, BYTES_KEY, DEAD_KEY, SEEN_KEY]
    entries, held, age_ms, size, dead, consumers = run(queue_scripts.FIGURES, keys, GROUP, _life_seconds())
    return Depths(
        queued=max(entries - held, 0),
        processing=held,
        oldest_seconds=age_ms / 1000,
        queued_bytes=size,
        dead=dead,
        consumers=consumers,
    )


def counts(tenant_id: int | None) -> tuple[int, int]:
    """How many were stored and how many became dead letters since ever, of a tenant or of all for None."""
    whose = "all" if tenant_id is None else tenant_id
    with reachable():
        found = cast("list[bytes | None]", _client().hmget(COUNTS_KEY, [f"{whose}:completed", f"{whose}:failed"]))
    completed, failed = (int(one or 0) for one in found)
    return completed, failed


def stored_per_second() -> float:
    """Over the last minute."""
    with reachable():
        slots = cast("list[bytes | None]", _client().mget(_slots(time.time())))
    return sum(int(one or 0) for one in slots) / RATE_SECONDS


def wait_for_batch(seconds: int) -> bool:
    """Wait until a batch is full; False when none was for so long."""
    with reachable():
        return _waiting_client().blpop([WAKE_KEY], timeout=seconds) is not None


def create() -> None:
    """Make the stream with its group; again is the same as once."""
    with reachable():
        try:
            _client().xgroup_create(STREAM_KEY, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def check() -> list[str]:
    """What is missing of what `create` makes; empty when it is all there."""
    with reachable():
        try:
            groups: Any = _client().xinfo_groups(STREAM_KEY)
        except redis.ResponseError:
            return [f"stream {STREAM_KEY}"]
    return [] if any(group["name"] == GROUP.encode() for group in groups) else [f"group {GROUP} of {STREAM_KEY}"]


def ping() -> None:
    _client().ping()


def reachable() -> AbstractContextManager[None]:
    """For whatever asks it. The driver's connection troubles as the app's own error."""
    return redis_clients.reachable(_away)


def _away() -> IntakeAway:
    return IntakeAway("Conversations cannot be taken for a moment. Send this one again.")


def field_of(tenant_id: int, conversation_id: str) -> str:
    return f"{tenant_id}:{conversation_id}"


def _dead_order(tenant_id: int) -> str:
    return f"{DEAD_ORDER_KEY}:{tenant_id}"


def _dead_keys(tenant_id: int) -> list[str]:
    return [DEAD_KEY, DEAD_ORDER_KEY, _dead_order(tenant_id)]


def _unearth(tenant_id: int, conversation_id: str, *how: str | int) -> int:
    keys = [STREAM_KEY, STANDINGS_KEY, BYTES_KEY, *_dead_keys(tenant_id)]
    field = field_of(tenant_id, conversation_id)
    named = (tenant_id, conversation_id) if how else ()
    return int(run(queue_scripts.UNEARTH, keys, field, *named, *how))


def letters_named(fields: Sequence[bytes]) -> list[DeadLetter]:
    found = cast("list[bytes | None]", _client().hmget(DEAD_KEY, list(fields))) if fields else []
    return [letter_in(orjson.loads(one)) for one in found if one]


def letter_in(told: Mapping[str, Any]) -> DeadLetter:
    times = {name: datetime.fromisoformat(told[name]) for name in ("at", "queued_at")}
    # Those that an older version buried say nothing of their errors.
    return cast("DeadLetter", {"message": "", "fields": {}, **told, **times})


def entry_in(entry_id: bytes, fields: Sequence[bytes], *, given_out: int = 1) -> Entry:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return Entry(
        entry_id=entry_id.decode(),
        tenant_id=int(named[b"tenant"]),
        conversation_id=named[b"id"].decode(),
        body=named[b"body"],
        given_out=given_out,
    )


def _slots(moment: float) -> list[str]:
    """The keys of a minute's slots, that of the moment first."""
    now = int(moment) // SLOT_SECONDS
    return [STORED_KEY.format(slot=now - ago) for ago in range(RATE_SECONDS // SLOT_SECONDS)]


def _life_seconds() -> int:
    """A consumer says at every look that it lives; after three that it missed it counts as gone."""
    return 3 * settings.EARSHOT_INTAKE_LOOK_SECONDS + 1


def run(script: str, keys: Sequence[str], *arguments: str | int | bytes) -> Any:
    with reachable():
        return _script(script)(keys=keys, args=arguments)


@cache
def _script(text: str) -> Callable[..., Any]:
    return _client().register_script(text)


@cache
def _client() -> redis.Redis:
    """One that tries once more, for a pooled connection may have died meanwhile. Nothing here minds coming twice."""
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=PATIENCE_SECONDS, retries=1)


@cache
def _waiting_client() -> redis.Redis:
    """For waiting on a list, for which a socket must be more patient than the wait is long."""
    return connected(
        settings.EARSHOT_REDIS_URL,
        patience_seconds=settings.EARSHOT_INTAKE_LOOK_SECONDS + PATIENCE_SECONDS,
        connect_patience_seconds=PATIENCE_SECONDS,
    )
