"""The Redis that keeps, out and back: keys of every kind, and the note of a restore that goes on."""

import time

import pytest
import redis

from config.backup import stores
from metrics import redis_dumps
from metrics.errors import MetricsError
from metrics.redis_dumps import Kept


@pytest.fixture
def client(settings):
    """A database of the server's that nobody else uses."""
    settings.EARSHOT_REDIS_URL = settings.EARSHOT_REDIS_URL.rpartition("/")[0] + "/15"
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()


def filled(client):
    client.set("text", b"\x00\xff")
    client.hset("hash", mapping={"a": 1, "b": 2})
    client.sadd("numbers", *range(600))
    client.zadd("order", {"first": 1, "second": 2})
    client.rpush("list", *range(300))
    client.xgroup_create("intake:stream", "group", mkstream=True)
    for number in range(5):
        client.xadd("intake:stream", {"n": number})
    client.xreadgroup("group", "consumer", {"intake:stream": ">"}, count=2)
    client.set("intake:passing", 1, px=60_000)
    client.set("passing", 1, px=60_000)
    client.set("segment:1", 1)


def taken(*, without=()):
    others = redis_dumps.one_by_one(without=["intake:*", "segment:*", *without])
    return [*redis_dumps.at_one_moment("intake:*"), *others]


def test_every_key_comes_back_as_it_was(client):
    filled(client)
    kept = taken()
    before = {one.key: one.content for one in kept}
    assert before.keys() == {key for key in client.scan_iter() if not key.startswith(b"segment:")}
    redis_dumps.empty("a backup")
    assert redis_dumps.put_back(kept) == len(kept)
    assert {one.key: one.content for one in taken()} == before
    pending = client.xpending("intake:stream", "group")
    assert (client.xlen("intake:stream"), pending["pending"]) == (5, 2)
    for key in ("passing", "intake:passing"):
        assert 0 < client.pttl(key) <= 60_000
    assert client.ttl("text") == -1
    # Twice is the same as once.
    redis_dumps.put_back(kept)
    assert {one.key: one.content for one in taken()} == before


def test_what_has_ended_meanwhile_does_not_come_back(client):
    filled(client)
    kept = [Kept(one.key, int(time.time() * 1000) - 1 if one.ends else 0, one.content) for one in taken()]
    client.flushdb()
    redis_dumps.put_back(kept)
    assert not client.exists("passing", "intake:passing")
    assert client.exists("text")


def test_what_is_of_the_moment_is_not_kept(client):
    client.set("rate_limit:7:audio_upload", 3)
    client.hset("ws:sessions", "socket", "session")
    redis_dumps.begin_restoring("a backup")
    assert taken(without=stores.OF_THE_MOMENT) == []
    assert redis_dumps.count(without=stores.OF_THE_MOMENT) == 0
    assert redis_dumps.count(without=[]) == 2


def test_a_restore_is_noted_until_it_ends_also_while_everything_is_removed(client):
    assert redis_dumps.restoring() is None
    redis_dumps.begin_restoring("a backup")
    filled(client)
    redis_dumps.empty("a backup")
    assert redis_dumps.restoring() == "a backup"
    assert redis_dumps.count(without=[]) == 0
    redis_dumps.end_restoring()
    assert redis_dumps.restoring() is None


def test_of_a_key_that_comes_twice_the_later_counts_and_nothing_may_lie_there_then(client):
    client.set("stays", "before")
    client.set("goes", "before")
    before = taken()
    client.set("stays", "after")
    redis_dumps.put_back([*before, *taken(without=["goes"]), Kept(b"goes", 0, b""), Kept(b"never", 0, b"")])
    assert (client.get("stays"), client.exists("goes", "never")) == (b"after", 0)


def test_keys_of_one_moment_are_taken_by_their_names_in_one_step(client):
    filled(client)
    with client.monitor() as watched:
        kept = list(redis_dumps.at_one_moment("intake:*"))
        client.echo("that was all")
        commands = []
        for one in watched.listen():
            if one["db"] == 15 and one["command"] == "ECHO that was all":
                break
            if one["db"] == 15:
                commands.append((one["client_type"], one["command"].split(" ")))
    assert {one.key for one in kept} == {b"intake:stream", b"intake:passing"}
    assert {name for _, (name, *_) in commands} <= {"CLIENT", "SELECT", "SCAN", "EVAL", "TIME", "PTTL", "DUMP"}
    assert [key for kind, (name, *key) in commands if (kind, name) == ("lua", "DUMP")] in (
        [["intake:stream"], ["intake:passing"]],
        [["intake:passing"], ["intake:stream"]],
    )


def test_what_this_redis_cannot_read_is_told(client):
    with pytest.raises(MetricsError, match="Redis refuses it"):
        redis_dumps.put_back([Kept(b"key", 0, b"nothing that Redis has packed")])
