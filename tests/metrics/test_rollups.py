"""Finished hours are taken into the second tier as they are, and days add up to their hours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings as django_settings

from metrics import counters, hours, recent, rollups
from metrics.hours import days
from metrics.hours.collections import AWAITED, DAYS, FILLS, HOURS, ROLLS, ROWS
from metrics.mongo_clients import collection
from metrics.segments import Hour
from metrics.totals import Totals
from tests.metrics.truth import (
    DAY,
    HOUR,
    Truth,
    a_past_midnight,
    assert_days_are_true,
    assert_hours_are_true,
    hours_told,
)

START = a_past_midnight() + 22 * HOUR
UNTIL = START + DAY


def lose_redis():
    redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL).flushdb()


@pytest.fixture(autouse=True)
def nothing(db):
    lose_redis()
    for name in (ROWS, FILLS, AWAITED, HOURS, DAYS, ROLLS):
        collection(name).delete_many({})


@pytest.fixture
def truth():
    return Truth()


def fill(now=UNTIL, **options):
    return dict(rollups.fill_hours(now, **options).counts)


def test_finished_hours_are_filled_in_order_and_the_running_one_is_not(truth):
    for number in range(3):
        truth.write(200, START + number * HOUR, tenant_id=1)
    begun = []
    now = START + 2 * HOUR + timedelta(minutes=30)
    report = rollups.fill_hours(now, progress=begun.append)
    assert [step.start for step in begun] == [START, START + HOUR]
    assert (report.counts["done"], report.segments) == (2, 400)
    assert recent.waiting() == [Hour(START + 2 * HOUR, 1)]
    assert hours.filled(1, START, UNTIL) == {START, START + HOUR}
    assert fill(now) == {}
    assert fill(UNTIL) == {"done": 1}
    assert_hours_are_true(truth, START, UNTIL)


def test_late_segments_are_added_and_what_channels_did_before_is_removed_once_the_day_is_closed(truth):
    truth.write(300, START)
    fill(START + 2 * HOUR)
    truth.write(200, START)
    assert set(fill(START + 2 * HOUR)) == {"done"}
    rollups.roll_days(UNTIL + DAY)
    assert_hours_are_true(truth, START, UNTIL)
    counted = {(mark["tenant_id"], one["fill"]) for mark in collection(FILLS).find() for one in mark["counted"]}
    assert {(one["tenant_id"], one["fill"]) for one in collection(HOURS).find()} == counted


def test_what_redis_lost_after_it_was_filled_stays_and_what_comes_later_is_added(truth):
    for _ in range(3):
        truth.write(150, START)
        fill()
        lose_redis()
    assert_hours_are_true(truth, START, UNTIL)


def test_an_hour_that_has_been_filled_and_not_marked_is_not_filled_again(truth):
    truth.write(100, START, tenant_id=1)
    hour = Hour(START, 1)
    reading = recent.read_hour(hour)
    assert hours.fill(hour, reading) == hours.Outcome.FILLED
    assert hours.fill(hour, reading) == hours.Outcome.KNOWN
    assert fill() == {"known": 1}
    assert recent.waiting() == []
    assert_hours_are_true(truth, START, UNTIL)


def test_an_older_reading_counts_for_nothing_once_a_newer_one_was_filled(truth):
    hour = Hour(START, 1)
    truth.write(100, START, tenant_id=1)
    older = recent.read_hour(hour)
    truth.write(100, START, tenant_id=1)
    assert hours.fill(hour, recent.read_hour(hour)) == hours.Outcome.FILLED
    assert hours.fill(hour, older) == hours.Outcome.KNOWN
    assert_hours_are_true(truth, START, UNTIL)


def test_redis_that_went_back_to_an_older_copy_counts_on_beside_what_was_filled(truth):
    client = redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL)
    truth.write(10, START, tenant_id=1, again=False)
    fill()
    copy = {key: client.dump(key) for key in client.scan_iter()}
    truth.write(3, START, tenant_id=1, again=False)
    fill()
    for _ in range(2):
        lose_redis()
        for key, held in copy.items():
            client.restore(key, 0, held)
        truth.write(4, START, tenant_id=1, again=False)
        assert fill(START + 2 * HOUR) == {"done": 1}
        truth.write(2, START, tenant_id=1, again=False)
        assert fill(START + 2 * HOUR) == {"done": 1}
    assert recent.waiting() == []
    assert_hours_are_true(truth, START, UNTIL)


def test_a_copy_from_before_an_hour_was_first_filled_adds_only_what_cannot_have_been_counted(truth):
    client = redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL)
    truth.write(10, START, tenant_id=1, again=False)
    copy = {key: client.dump(key) for key in client.scan_iter()}
    truth.write(30, START, tenant_id=1, again=False)
    fill(START + 2 * HOUR)
    lose_redis()
    for key, held in copy.items():
        client.restore(key, 0, held)
    (one,) = truth.segments(1, START)
    late = [replace(one, group=replace(one.group, channel_id="late", session_id="late"))]
    recent.write(1, late, now=START + HOUR)
    truth.add(1, late)
    fill(START + 2 * HOUR)
    assert recent.waiting() == []
    told = hours_told([1], START, UNTIL)
    assert sum(totals.segments for (_, _, channel), totals in told.items() if channel.channel_id) == 41


def test_late_segments_wait_for_more_each_time_longer(truth):
    truth.write(50, START, tenant_id=1)
    hour = Hour(START, 1)
    assert fill(START + HOUR + timedelta(minutes=5), patient=True) == {"done": 1}
    attempts = hours.attempts_of(hour)
    assert (attempts.begun, attempts.tries) == (1, 0)
    ended = START + HOUR
    collection(FILLS).update_many({}, {"$set": {"filled_at": ended, "attempts": 3}})
    truth.write(50, START, tenant_id=1)
    assert fill(ended + timedelta(minutes=19), patient=True) == {"postponed": 1}
    assert fill(ended + timedelta(minutes=21), patient=True) == {"done": 1}
    assert attempts.filled_at > START
    assert_hours_are_true(truth, START, UNTIL)


def test_an_hour_that_cannot_be_filled_holds_up_no_other_and_is_tried_again_after_pauses(truth):
    client = redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL)
    truth.write(10, START - DAY, tenant_id=3)
    fill(START)
    for tenant_id in (1, 2):
        truth.write(20, START, tenant_id=tenant_id, again=False)
    kind, channel = next((key[2].pipeline, key[2].channel_id) for key in truth.hours if key[:2] == (1, START))
    broken = f"dubbing:segment:{START:%Y%m%d%H}:1:minutes:{kind}:{channel}"
    whole = client.dump(broken)
    minute = next(iter(client.hkeys(broken)))
    client.hset(broken, minute, b"no counts")
    now = datetime.now(UTC)
    assert fill(now, patient=True) == {"failed": 1, "done": 1}
    assert hours.filled(2, START, UNTIL) == {START}
    assert recent.there() == [Hour(START, 1)], "what is filled and closed is dropped all the same"
    assert fill(now + timedelta(minutes=4), patient=True) == {"postponed": 1}
    assert fill(now + timedelta(minutes=6), patient=True) == {"failed": 1}
    assert fill(now + timedelta(minutes=8), patient=True) == {"postponed": 1}
    client.restore(broken, 0, whole, replace=True)
    assert fill(now + timedelta(minutes=12), patient=True) == {"done": 1}
    assert hours.attempts_of(Hour(START, 1)).tries == 0
    assert hours_told([1, 2], START, UNTIL) == {key: one for key, one in truth.hours.items() if key[0] != 3}


def test_days_are_rolled_up_again_when_an_hour_of_theirs_is_filled_again(truth):
    for number in range(4):
        truth.write(100, START + number * HOUR)
    fill()
    assert hours.unrolled(1, START, UNTIL)
    rollups.roll_days(UNTIL)
    assert_days_are_true(truth, START, UNTIL)
    assert rollups.roll_days(UNTIL).counts.total() == 0
    assert hours.unrolled(1, START, UNTIL) == set()
    truth.write(100, START + HOUR, tenant_id=1)
    fill()
    assert days.unrolled() == [(START.date(), 1)]
    assert dict(rollups.roll_days(UNTIL).counts) == {"done": 1}
    assert_days_are_true(truth, START, UNTIL)


def test_a_day_is_closed_once_nothing_can_come_and_nothing_waits(truth):
    truth.write(100, START, tenant_id=1)
    fill()
    ended = START + 2 * HOUR
    rollups.roll_days(ended)
    assert days.closed() == []
    truth.write(10, START, tenant_id=1)
    late = ended + timedelta(hours=25)
    rollups.roll_days(late)
    assert days.closed() == []
    assert fill(late) == {"done": 1}
    rollups.roll_days(late)
    (roll,) = days.closed(START.date(), START.date())
    assert (roll.tenant_id, roll.day, roll.segments) == (1, START.date(), 110)
    assert days.closed(START.date() + DAY) == []
    assert recent.there() == []
    assert_days_are_true(truth, START, UNTIL)


def test_a_filled_hour_is_kept_in_redis_while_late_segments_may_come(truth):
    truth.write(10, START, tenant_id=1)
    fill(START + 2 * HOUR)
    assert recent.there() == [Hour(START, 1)]
    fill(START + timedelta(hours=26))
    assert recent.there() == []
    assert_hours_are_true(truth, START, UNTIL)


def test_what_is_asked_for_is_told_by_channel_pipeline_and_user(truth):
    for number in range(3):
        truth.write(200, START + number * HOUR, tenant_id=1)
        truth.write(50, START + number * HOUR, tenant_id=2)
    fill()
    truth.write(100, START, tenant_id=1)
    fill()
    since, until = START, START + 2 * HOUR
    one = [(key, totals) for key, totals in truth.groups.items() if key[0] == 1 and key[1] < until]
    of_user = sum(totals.segments for (_, _, group), totals in one if group.user_id == "1")
    assert sum(row.totals.segments for row in hours.of_user(1, "1", since, until)) == of_user
    by_user = dict(hours.by_user(1, since, until, pipeline="audio", without={START}))
    expected = Totals.summed(
        totals
        for (_, start, group), totals in one
        if group.user_id == "1" and group.pipeline == "audio" and start != START
    )
    kept = ("segments", "errors", "retries", "duration_us", "original_bytes", "dubbed_bytes", "timed", "total_us")
    assert [getattr(by_user["1"], name) for name in kept] == [getattr(expected, name) for name in kept]
    dubbing = hours.by_hour(1, since, until, channel_id="channel-1", pipeline="dubbing")
    assert [found.start for found in dubbing] == [START, START + HOUR]
    by_channel = dict(hours.by_channel(1, since, until, pipeline="dubbing"))
    assert by_channel["channel-1"] == Totals.summed(found.totals for found in dubbing)
    assert hours.tenants_of_day(START.date()) == [1, 2]
    assert hours.size().oldest == START


def test_an_erased_person_has_no_rows_also_after_the_hour_is_filled_again(truth):
    truth.write(300, START, tenant_id=1)
    fill()
    rows = hours.count_user(1, "1")
    assert rows
    recent.erase_user(1, "1")
    assert hours.erase_user(1, "1") == rows
    before = hours_told([1], START, UNTIL)
    assert before == dict(truth.hours), "the totals of channels name nobody and stay"
    late = [one for one in truth.segments(100, START) if one.group.user_id != "1"]
    recent.write(1, late, now=START + HOUR)
    fill()
    assert hours.count_user(1, "1") == 0
    truth.add(1, late)
    assert hours_told([1], START, UNTIL) == dict(truth.hours)


def test_an_hour_that_redis_no_longer_has_waits_no_more(truth):
    truth.write(10, START, tenant_id=1)
    client = redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL)
    client.delete(*client.keys(f"dubbing:segment:{START:%Y%m%d%H}:1:*"))
    before = counters.value(counters.HOURS_LOST)
    assert fill() == {"lost": 1}
    assert recent.waiting() == []
    assert counters.value(counters.HOURS_LOST) == before + 1
    assert fill() == {}


def test_what_redis_lost_before_it_was_filled_is_counted_by_hour(truth):
    for number, tenant_id in ((0, 1), (1, 1), (1, 2)):
        truth.write(10, START + number * HOUR, tenant_id=tenant_id)
    running = START + 2 * HOUR
    truth.write(10, running, tenant_id=1)
    assert fill(START + HOUR + timedelta(minutes=5)) == {"done": 1}
    lose_redis()
    truth.write(10, running, tenant_id=1)
    fill(START + HOUR + timedelta(minutes=10))
    lost = 3
    assert counters.value(counters.HOURS_LOST) == lost, "one is filled, and one goes on from nothing"
    for now in (UNTIL, UNTIL + 2 * DAY):
        fill(now)
    assert counters.value(counters.HOURS_LOST) == lost


def test_totals_beyond_32_bits_are_kept_to_the_last_unit(truth):
    (one,) = truth.segments(1, START)
    large = [replace(one, segment_id=str(number), original_bytes=2**40 + number) for number in range(100)]
    recent.write(1, large, now=START + HOUR)
    truth.add(1, large)
    fill()
    rollups.roll_days(UNTIL)
    assert_hours_are_true(truth, START, UNTIL)
    assert_days_are_true(truth, START, UNTIL)
