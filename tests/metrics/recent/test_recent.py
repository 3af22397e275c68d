"""The first tier against a plain list of what was written, in any order of events."""

import threading
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from metrics import recent
from metrics.errors import NoRoomForSegments, SegmentsAway
from metrics.recent import clients, layout, reading, room, scripts, writing
from metrics.segments import Channel, Group, Hour, Segment
from metrics.totals import Totals
from tests.metrics.recent.segments import HOUR, segments
from tests.scale import scaled

TENANTS = (1, 2)
CHANNELS = ("a", "b:a", "é*")
USERS = ("7", "x:y")
LATER = HOUR + timedelta(hours=1)
NOW = LATER + timedelta(minutes=59)
PLATFORMS = ("web", "telegram")
PIPELINES = ("dubbing", "audio")
GROUP = Group("a", "s", "7", "web", "dubbing")

some_groups = st.builds(
    Group,
    channel_id=st.sampled_from(CHANNELS),
    session_id=st.sampled_from(["s", "b"]),
    user_id=st.sampled_from(USERS),
    platform=st.sampled_from(PLATFORMS),
    pipeline=st.sampled_from(PIPELINES),
)
some_ids = st.sampled_from(["1", "2", "3", "01", "zwei", "3f2b8a54-6f2e-4f0c-9b61-0a4f1a7c55d1"])
some_stages = st.sampled_from(["", "decode", "a.b", "l.1", "other", "é", "extraction"])
some_segments = st.one_of(
    segments(group=some_groups, segment_id=some_ids, start=HOUR, stage_names=some_stages),
    segments(group=some_groups, segment_id=some_ids, start=LATER, stage_names=some_stages),
)


@pytest.fixture(autouse=True)
def nothing_recent():
    empty()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """So that pieces meet in what is small, too."""
    monkeypatch.setattr(writing, "AT_ONCE", 4)
    for name in ("GROUPS_AT_ONCE", "CHANNELS_AT_ONCE", "DROPPED_AT_ONCE"):
        monkeypatch.setattr(reading, name, 2)


def empty():
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).flushdb()


def segment(segment_id="1", *, group=GROUP, received_at=NOW, **fields):
    return Segment(group=group, segment_id=segment_id, received_at=received_at, **fields)


def of(reading):
    return {"epoch": reading.epoch, "revision": reading.revision, "token": reading.token}


def without_latency(totals):
    return replace(totals, latency=type(totals.latency)())


class Writing(RuleBasedStateMachine):
    """`kept`: tenant → what is there in full; `counted`: what minutes say, of the erased too."""

    @initialize()
    def begin(self):
        empty()
        self.kept = defaultdict(list)
        self.counted = defaultdict(list)
        self.seen = defaultdict(set)
        self.filled = {}

    @rule(tenant_id=st.sampled_from(TENANTS), batch=st.lists(some_segments, max_size=6), answer_is_lost=st.booleans())
    def write(self, tenant_id, batch, answer_is_lost):
        expected = []
        for one in batch:
            name = (one.group.channel_id, one.group.session_id, one.segment_id)
            expected.append(name not in self.seen[tenant_id])
            if expected[-1]:
                self.seen[tenant_id].add(name)
                self.kept[tenant_id].append(one)
                self.counted[tenant_id].append(one)
                self.filled[Hour.of(tenant_id, one.received_at)] = False
        assert recent.write(tenant_id, batch, now=NOW) == expected
        if answer_is_lost:
            assert recent.write(tenant_id, batch, now=NOW) == [False] * len(batch)

    @rule(
        tenant_id=st.sampled_from(TENANTS),
        user_id=st.sampled_from(USERS),
        platform=st.sampled_from([None, *PLATFORMS]),
    )
    def erase(self, tenant_id, user_id, platform):
        kept, gone = [], []
        for one in self.kept[tenant_id]:
            is_theirs = one.group.user_id == user_id and platform in {None, one.group.platform}
            (gone if is_theirs else kept).append(one)
        assert recent.count_user(tenant_id, user_id, platform=platform) == len(gone)
        assert recent.erase_user(tenant_id, user_id, platform=platform) == len(gone)
        assert recent.count_user(tenant_id, user_id, platform=platform) == 0
        self.kept[tenant_id] = kept

    @rule(tenant_id=st.sampled_from(TENANTS), start=st.sampled_from([HOUR, LATER]), late=st.none() | some_segments)
    def fill(self, tenant_id, start, late):
        hour = Hour(start, tenant_id)
        reading = recent.read_hour(hour)
        if reading is None:
            assert hour not in self.filled
            return
        if late is not None:
            self.write(tenant_id, [late], answer_is_lost=False)
        stands = recent.read_hour(hour).revision == reading.revision
        assert recent.mark_filled(hour, **of(reading)) is stands
        assert recent.mark_filled(hour, **of(reading) | {"epoch": "another"}) is False
        assert recent.mark_filled(hour, **of(reading) | {"token": "another"}) is False
        self.filled[hour] = stands or self.filled[hour]

    @rule(tenant_id=st.sampled_from(TENANTS), start=st.sampled_from([HOUR, LATER]))
    def drop(self, tenant_id, start):
        hour = Hour(start, tenant_id)
        if not self.filled.get(hour):
            return
        recent.drop_filled(hour)
        del self.filled[hour]
        for held in (self.kept, self.counted):
            held[tenant_id] = [one for one in held[tenant_id] if Hour.of(tenant_id, one.received_at) != hour]

    @rule()
    def lose_everything(self):
        epochs = {hour: recent.read_hour(hour).epoch for hour in self.filled}
        self.begin()
        for hour, epoch in epochs.items():
            assert recent.read_hour(hour) is None
            assert recent.mark_filled(hour, epoch=epoch, revision=1, token="") is False

    @invariant()
    def hours_wait_until_they_are_filled(self):
        assert recent.waiting() == sorted(hour for hour, is_filled in self.filled.items() if not is_filled)

    @invariant()
    def an_hour_is_the_sum_of_its_segments(self):
        for hour in [Hour(start, tenant_id) for start in (HOUR, LATER) for tenant_id in TENANTS]:
            reading = recent.read_hour(hour)
            if reading is None:
                assert hour not in self.filled
                continue
            kept = [one for one in self.kept[hour.tenant_id] if Hour.of(hour.tenant_id, one.received_at) == hour]
            counted = [one for one in self.counted[hour.tenant_id] if Hour.of(hour.tenant_id, one.received_at) == hour]
            of_groups = defaultdict(list)
            of_channels = defaultdict(list)
            for one in kept:
                of_groups[one.group].append(one)
            for one in counted:
                of_channels[Channel(one.group.channel_id, one.group.pipeline)].append(one)
                of_channels[Channel("", one.group.pipeline)].append(one)
            assert dict(reading.groups) == {
                group: without_latency(Totals.of(several)) for group, several in of_groups.items()
            }
            assert dict(reading.channels) == {channel: Totals.of(several) for channel, several in of_channels.items()}

    @invariant()
    def minutes_are_the_sums_of_what_was_received_in_them(self):
        for tenant_id in TENANTS:
            for channel_id in ("", *CHANNELS):
                expected = defaultdict(list)
                for one in self.counted[tenant_id]:
                    if channel_id in {"", one.group.channel_id}:
                        minute = one.received_at.replace(second=0, microsecond=0)
                        expected[minute, one.group.pipeline].append(one)
                told = recent.minutes(tenant_id, since=HOUR, until=LATER + timedelta(hours=1), channel_id=channel_id)
                assert [(one.minute, one.pipeline) for one in told] == sorted(expected)
                assert all(one.totals == Totals.of(expected[one.minute, one.pipeline]) for one in told)

    @invariant()
    def the_newest_are_those_received_last(self):
        for tenant_id in TENANTS:
            kept = sorted(self.kept[tenant_id], key=lambda one: one.received_at, reverse=True)
            newest = recent.newest(tenant_id, since=HOUR)
            assert {(one.segment_id, one.group) for one in newest} == {(one.segment_id, one.group) for one in kept}
            assert sorted(newest, key=repr) == sorted(kept, key=repr)
            few = recent.newest(tenant_id, since=HOUR, limit=2)
            assert [one.received_at for one in few] == [one.received_at for one in kept[:2]]
            since = LATER + timedelta(minutes=20)
            of_channel = recent.newest(tenant_id, since=since, channel_id="b:a", pipeline="audio")
            assert sorted(of_channel, key=repr) == sorted(
                (
                    one
                    for one in kept
                    if one.received_at >= since and (one.group.channel_id, one.group.pipeline) == ("b:a", "audio")
                ),
                key=repr,
            )

    @invariant()
    def a_user_is_found_by_the_index(self):
        for tenant_id in TENANTS:
            for user_id in USERS:
                theirs = defaultdict(list)
                for one in self.kept[tenant_id]:
                    if one.group.user_id == user_id and one.received_at < LATER:
                        theirs[HOUR, one.group].append(one)
                assert recent.of_user(tenant_id, user_id, hours=[HOUR]) == [
                    (start, group, without_latency(Totals.of(theirs[start, group]))) for start, group in sorted(theirs)
                ]

    @invariant()
    def the_size_is_that_of_what_is_there(self):
        client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
        names = [one for key in client.scan_iter("*:of:*") for one in client.lrange(key, 0, -1)]
        assert len(names) == sum(map(len, self.kept.values()))


Writing.TestCase.settings = hypothesis_settings(
    max_examples=scaled(10, 300), stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)
TestInAnyOrder = Writing.TestCase


def test_one_that_comes_again_after_midnight_or_for_another_hour_is_known():
    before = HOUR + timedelta(minutes=59, seconds=59)
    assert recent.write(1, [segment(received_at=before)], now=before) == [True]
    again = segment(received_at=before + timedelta(seconds=2))
    assert recent.write(1, [again], now=again.received_at) == [False]
    assert recent.write(1, [segment(received_at=HOUR)], now=before + timedelta(hours=23)) == [False]


def test_two_clocks_around_midnight_see_what_the_other_has_written():
    fast, slow = LATER + timedelta(seconds=1), LATER - timedelta(seconds=1)
    assert recent.write(1, [segment()], now=fast) == [True]
    assert recent.write(1, [segment()], now=slow) == [False]


def test_two_of_one_id_in_a_batch_count_once():
    assert recent.write(1, [segment(), segment("2"), segment(duration_us=1)], now=NOW) == [True, True, False]


def test_a_group_of_very_many_goes_on_under_another_number(monkeypatch):
    monkeypatch.setattr(writing, "MOST_IN_NUMBER", 3)
    for start in range(0, 8, 2):
        recent.write(1, [segment(str(start), duration_us=5), segment(str(start + 1))], now=NOW)
    [(group, totals)] = recent.read_hour(Hour.of(1, NOW)).groups
    assert (group, totals.segments, totals.duration_us) == (GROUP, 8, 20)
    assert len(recent.newest(1, since=HOUR)) == 8
    assert recent.erase_user(1, "7") == 8
    assert recent.newest(1, since=HOUR) == []


def test_stages_and_languages_without_end_are_told_apart_up_to_a_number_and_counted_exactly():
    legal = segment("first", stages={"decode": 7}, source_language="fr")
    assert recent.write(1, [legal], now=NOW) == [True]
    for batch in range(3):
        names = [[f"s{batch}_{number}_{place}" for place in range(20)] for number in range(200)]
        wild = [
            segment(f"{batch}-{number}", stages=dict.fromkeys(several, 5), source_language=f"x{batch}-{number}")
            for number, several in enumerate(names)
        ]
        assert recent.write(1, wild, now=NOW) == [True] * 200
    assert recent.write(1, [replace(legal, segment_id="last")], now=NOW) == [True]
    there = recent.read_hour(Hour.of(1, NOW))
    for _, totals in (*there.groups, *there.channels):
        assert totals.segments == 602
        assert (totals.stage_us["decode"], totals.stage_count["decode"]) == (14, 2)
        assert sum(totals.stage_us.values()) == 14 + 3 * 200 * 20 * 5
        assert totals.source_languages["fr"] == 2
        assert totals.source_languages.total() == 602
        assert len(totals.stage_us) <= writing.MOST_STAGES + 1
        assert len(totals.source_languages) <= writing.MOST_LANGUAGES + 1
    # What a write of one segment has to unpack and pack again.
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    hashes = [
        key for name in ("sums", "minutes:*") for key in client.scan_iter(f"{layout.prefix_of(Hour.of(1, NOW))}{name}")
    ]
    assert len(hashes) == 3
    assert max(len(counts) for key in hashes for counts in client.hvals(key)) < 10_000


def test_an_hour_takes_so_many_groups_channels_and_segments_and_more_of_those_it_has(monkeypatch, settings):
    settings.EARSHOT_METRICS_MOST_GROUPS = 5
    sessions = [replace(GROUP, session_id=str(number)) for number in range(8)]
    batch = [segment(group=group) for group in sessions]
    assert recent.write(1, batch, now=NOW) == [True, True, True, True, True, None, None, None]
    assert recent.write(1, batch, now=NOW) == [False, False, False, False, False, None, None, None]
    assert recent.write(1, [segment("2", group=group) for group in sessions[3:6]], now=NOW) == [True, True, None]
    assert recent.write(2, [segment()], now=NOW) == [True]
    # Another hour has room of its own.
    assert recent.write(1, [segment(group=sessions[7], received_at=HOUR)], now=NOW) == [True]

    monkeypatch.setattr(writing, "MOST_CHANNELS", 2)
    channels = [segment(group=replace(GROUP, channel_id=name)) for name in "abcd"]
    assert recent.write(3, channels, now=NOW) == [True, True, None, None]
    monkeypatch.setattr(writing, "MOST_SEGMENTS", 3)
    assert recent.write(3, [segment("2"), segment("3")], now=NOW) == [None, None]
    assert recent.write(3, [segment("2")], now=NOW) == [True]
    assert len(recent.newest(3, since=HOUR)) == 3


def test_an_hour_of_which_half_was_dropped_is_not_read_takes_nothing_and_is_dropped_by_the_next_call():
    groups = [replace(GROUP, session_id=str(number), user_id=str(number)) for number in range(7)]
    recent.write(1, [segment(group=group) for group in groups], now=NOW)
    hour = Hour.of(1, NOW)
    there = recent.read_hour(hour)
    assert recent.drop_filled(hour) is False
    assert recent.mark_filled(hour, epoch=there.epoch, revision=there.revision, token=there.token)
    prefix = layout.prefix_of(hour)
    # As a process that is killed after its first piece leaves it.
    clients.run(scripts.BEGIN_DROPPING, [f"{prefix}state", layout.WAITING_KEY], [layout.name_of(hour)])
    indexes = [layout.active_prefix(1), layout.user_prefix(1), layout.name_of_start(hour.start)]
    clients.run(scripts.DROP_GROUPS, [f"{prefix}groups", f"{prefix}sums"], [prefix, *indexes, 1, 2])
    assert recent.read_hour(hour) is None
    assert recent.write(1, [segment("late")], now=NOW) == [None]
    assert recent.there() == [hour]
    assert recent.drop_filled(hour) is True
    assert recent.there() == []
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    assert {key.decode().split(":")[2] for key in client.scan_iter("dubbing:segment:*")} == {"seen"}


def test_an_hour_that_is_written_to_while_it_is_read_is_not_taken_for_all_of_it():
    hour = Hour.of(1, NOW)
    groups = [replace(GROUP, session_id=str(number), channel_id=str(number % 5)) for number in range(12)]

    def work():
        for number in range(40):
            recent.write(1, [segment(str(number), group=group) for group in groups], now=NOW)

    writer = threading.Thread(target=work)
    writer.start()
    is_over = False
    while not is_over:
        is_over = not writer.is_alive()
        there = recent.read_hour(hour)
        if there and recent.mark_filled(hour, epoch=there.epoch, revision=there.revision, token=there.token):
            counted = [
                sum(totals.segments for _, totals in there.groups),
                sum(totals.segments for channel, totals in there.channels if channel.channel_id),
                sum(totals.segments for channel, totals in there.channels if not channel.channel_id),
            ]
            assert counted == [counted[0]] * 3
    writer.join()
    assert counted == [480] * 3


def test_the_largest_of_all_values_are_added_up_exactly():
    largest = 3_600_000_001
    for start in range(0, 3000, 1000):
        batch = [segment(str(start + one), duration_us=largest, original_bytes=2**32 - 1) for one in range(1000)]
        recent.write(1, batch, now=NOW)
    [(_, totals)] = recent.read_hour(Hour.of(1, NOW)).groups
    assert (totals.duration_us, totals.original_bytes) == (3000 * largest, 3000 * (2**32 - 1))


def test_a_list_read_from_its_end_is_in_order_however_late_its_segments_came():
    for minute in (30, 10, 50, 20, 40, 20, 0):
        one = segment(f"{minute}-{len(recent.newest(1, since=HOUR))}", received_at=LATER + timedelta(minutes=minute))
        recent.write(1, [one], now=NOW)
    minutes = [one.received_at.minute for one in recent.newest(1, since=HOUR)]
    assert minutes == [50, 40, 30, 20, 20, 10, 0]


def test_everything_that_is_written_goes_away_by_itself():
    recent.write(1, [segment(), segment("2", received_at=HOUR)], now=NOW)
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    lasting = {key for key in client.scan_iter("*") if client.ttl(key) < 0}
    assert lasting == {layout.WAITING_KEY.encode(), layout.HOURS_KEY.encode()}
    of_list = client.ttl(f"{layout.prefix_of(Hour.of(1, NOW))}of:1")
    assert 24 * 3600 <= of_list <= 25 * 3600


def test_the_size_is_reckoned_within_a_third_of_what_redis_says():
    now = datetime.now(UTC)
    batch = [
        segment(
            f"{one}",
            group=replace(GROUP, user_id=str(one % 20), session_id=str(one % 20)),
            received_at=now,
            original_bytes=2**20,
        )
        for one in range(1000)
    ]
    recent.write(1, batch)
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    taken = sum(client.memory_usage(key, samples=0) for key in client.scan_iter("dubbing:*") if b":minutes:" not in key)
    size = recent.size()
    assert (size.segments, size.oldest, size.newest) == (1000, now, now)
    assert taken * 2 / 3 < size.bytes < taken * 4 / 3


def test_while_redis_is_away_that_is_said(settings):
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    clients.patient.cache_clear()
    try:
        with pytest.raises(SegmentsAway):
            recent.write(1, [segment()])
        with pytest.raises(SegmentsAway):
            recent.newest(1, since=HOUR)
    finally:
        clients.patient.cache_clear()


def test_a_redis_that_is_nearly_full_takes_no_segments_before_it_takes_no_tasks():
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", int(used / room.MOST_SHARE * 0.9))
    room._is_there.cache_clear()
    try:
        with pytest.raises(NoRoomForSegments):
            recent.write(1, [segment()], now=NOW)
        client.set("a-task", "is taken")
    finally:
        client.config_set("maxmemory", 0)
        room._is_there.cache_clear()
    assert recent.write(1, [segment()], now=NOW) == [True]
