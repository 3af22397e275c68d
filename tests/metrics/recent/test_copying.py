"""Segments copied out of Redis while more come, and what a Redis has that they were put back into."""

from collections import Counter
from datetime import timedelta

import pytest
import redis
from django.conf import settings

from metrics import recent, redis_dumps
from metrics.recent import layout
from metrics.segments import Group, Hour, Segment
from metrics.totals import Totals
from tests.metrics.recent.segments import HOUR

TENANT = 1
OVER = Hour(HOUR, TENANT)
RUNNING = Hour(HOUR + timedelta(hours=1), TENANT)
NOW = RUNNING.start + timedelta(minutes=30)


@pytest.fixture
def client():
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()


def write(hour, segment_id, *, user="7", session="s", channel="a"):
    group = Group(channel, session, user, "web", "dubbing")
    one = Segment(group=group, segment_id=segment_id, received_at=hour.start + timedelta(minutes=1), total_us=500_000)
    return recent.write(TENANT, [one], now=NOW)[0]


def everything(client):
    """Key → what lies there, whatever order Redis keeps it in."""
    read = {
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return {key: read[client.type(key)](key) for key in client.scan_iter(f"{layout.PREFIX}*")}


def put_back(client, kept):
    """Into a Redis that has nothing of segments."""
    for key in client.scan_iter(f"{layout.PREFIX}*"):
        client.delete(key)
    redis_dumps.put_back(kept)


def until(copying, wanted):
    """What is copied up to a key that is `wanted`, and no further."""
    taken = []
    for kept in copying:
        taken.append(kept)
        if wanted(kept.key.decode()):
            return taken
    raise AssertionError("No such key was copied.")


def is_of_the_hour_that_is_over(key):
    return key == f"{layout.prefix_of(OVER)}sums"


def is_of_the_step(key):
    return key == layout.HOURS_KEY


def groups_and_channels(hour):
    """How many segments each user's groups have, and how many all channels have together."""
    reading = recent.read_hour(hour)
    by_user = Counter()
    for group, totals in reading.groups:
        by_user[group.user_id] += totals.segments
    together = Totals()
    for channel, totals in reading.channels:
        if not channel.channel_id:
            together.add(totals)
    return by_user, together.segments


def test_what_is_put_back_is_what_there_was_key_by_key(client):
    for number in range(30):
        hour = OVER if number % 2 else RUNNING
        write(hour, str(number), user=f"u:{number % 5}", session=f"s{number % 3}", channel=f"a:of:{number % 4}")
    before = everything(client)
    kept = list(recent.copied(now=NOW))
    assert sorted(one.key for one in kept) == sorted(before)
    put_back(client, kept)
    assert everything(client) == before
    assert all(client.ttl(one.key) > 0 for one in kept if one.ends)
    assert write(OVER, "1", user="u:1", session="s1", channel="a:of:1") is False


def test_where_nothing_is_nothing_is_copied(client):
    assert list(recent.copied(now=NOW)) == []


def test_what_comes_late_while_its_hour_is_copied_is_counted_everywhere_or_nowhere(client):
    write(OVER, "1")
    write(RUNNING, "2")
    copying = recent.copied(now=NOW)
    taken = until(copying, is_of_the_hour_that_is_over)
    assert write(OVER, "late", user="8", session="t", channel="b") is True
    put_back(client, [*taken, *copying])
    assert groups_and_channels(OVER) == ({"7": 1, "8": 1}, 2)
    assert recent.count_user(TENANT, "8") == 1
    assert OVER in recent.waiting()
    assert write(OVER, "late", user="8", session="t", channel="b") is False


@pytest.mark.parametrize("others", [True, False])
def test_who_is_erased_while_their_hour_is_copied_does_not_come_back(client, others):
    write(OVER, "1", user="erased")
    write(OVER, "2", user="erased", channel="b")
    if others:
        write(OVER, "3", user="stays", session="t")
    write(RUNNING, "4", user="erased")
    copying = recent.copied(now=NOW)
    taken = until(copying, is_of_the_hour_that_is_over)
    assert recent.erase_user(TENANT, "erased") == 3
    put_back(client, [*taken, *copying])
    assert set(recent.people(TENANT)) == ({("web", "stays")} if others else set())
    assert recent.count_user(TENANT, "erased") == 0
    assert [one for one in client.scan_iter(f"{layout.PREFIX}*:of:*") if client.llen(one)] == (
        [f"{layout.prefix_of(OVER)}of:3".encode()] if others else []
    )


@pytest.mark.parametrize("where", [layout.HOURS_KEY, f"{layout.user_prefix(TENANT)}erased"])
def test_who_is_erased_after_the_step_does_not_come_back_nor_does_their_index(client, where):
    for hour, session_id in ((OVER, "1"), (RUNNING, "2")):
        write(hour, session_id, user="erased")
        write(hour, f"{session_id}0", user="stays")
    copying = recent.copied(now=NOW)
    taken = until(copying, lambda key: key == where)
    recent.erase_user(TENANT, "erased")
    # As many groups come as went.
    write(RUNNING, "3", user="new", session="t")
    put_back(client, [*taken, *copying])
    assert {user for _, user in recent.people(TENANT)} - {"new"} == {"stays"}
    assert recent.search(TENANT, [("erased", None)]) == 0
    assert recent.count_user(TENANT, "stays") == 2


def test_an_hour_that_is_dropped_while_it_is_copied_is_not_there_by_halves(client):
    write(OVER, "1")
    write(RUNNING, "2")
    reading = recent.read_hour(OVER)
    copying = recent.copied(now=NOW)
    taken = until(copying, is_of_the_hour_that_is_over)
    assert recent.mark_filled(OVER, epoch=reading.epoch, revision=reading.revision, token=reading.token)
    assert recent.drop_filled(OVER)
    put_back(client, [*taken, *copying])
    assert recent.there() == [RUNNING]
    assert list(client.scan_iter(f"{layout.prefix_of(OVER)}*")) == []


def test_a_filling_that_begins_while_its_hour_is_copied_is_known_when_the_hour_no_longer_waits(client):
    write(OVER, "1")
    copying = recent.copied(now=NOW)
    taken = until(copying, is_of_the_hour_that_is_over)
    reading = recent.read_hour(OVER)
    (name,) = recent.begin_filling(OVER, reading)
    assert recent.mark_filled(OVER, epoch=reading.epoch, revision=reading.revision, token=reading.token)
    put_back(client, [*taken, *copying])
    assert (recent.waiting(), recent.states([OVER])[OVER].fillings) == ([], [name])


def test_a_group_that_begins_after_the_step_leaves_nothing_to_who_is_given_its_number(client):
    write(RUNNING, "1")
    copying = recent.copied(now=NOW)
    taken = until(copying, is_of_the_step)
    write(RUNNING, "2", user="later", session="t")
    write(RUNNING, "3")
    put_back(client, [*taken, *copying])
    assert groups_and_channels(RUNNING) == ({"7": 1}, 1)
    # Nobody needs to send again what was acknowledged in that moment; it may be known, and is not counted twice.
    assert write(RUNNING, "3") is False
    assert write(RUNNING, "4", user="another", session="u") is True
    assert [one.segment_id for one in recent.segments_of_user(TENANT, "another")] == ["4"]


def test_one_step_touches_what_must_agree_and_nobody_looks_through_all_keys_at_once(client):
    for number in range(40):
        write(OVER, str(number), session=f"s{number}", user=f"u{number % 3}")
        write(RUNNING, str(number + 40), session=f"s{number}", user=f"u{number % 3}")
    database = client.connection_pool.connection_kwargs["db"]
    with client.monitor() as watched:
        kept = list(recent.copied(now=NOW))
        client.echo("that was all")
        commands = []
        for one in watched.listen():
            if one["db"] != database:
                continue
            if one["command"] == "ECHO that was all":
                break
            commands.append((one["client_type"] == "lua", *one["command"].split(" ", 1)))
    assert "KEYS" not in {name.upper() for _, name, *_ in commands}
    of_running = [key for key in map(bytes.decode, everything(client)) if key.startswith(layout.prefix_of(RUNNING))]
    in_step = Counter(rest[0].split(" ")[0] for is_in_step, name, *rest in commands if is_in_step and name == "DUMP")
    assert {one for one in in_step if client.exists(one)} == {
        layout.HOURS_KEY,
        layout.WAITING_KEY,
        f"{layout.prefix_of(OVER)}state",
        *(key for key in of_running if ":of:" not in key),
    }
    assert len(kept) > 120
    assert len(in_step) < 25
