"""Whatever is killed in the midst of filling hours, and whatever comes late, each segment counts once."""

from itertools import count

import pytest
import redis
from django.conf import settings as django_settings

from metrics import archived, hours, recent
from metrics.errors import RetryableMetricsError
from metrics.hours.collections import AWAITED, DAYS, FILLS, HOURS, ROLLS, ROWS
from metrics.mongo_clients import collection
from metrics.segments import Hour
from tests.faults.test_beat import address_of_the_test_database
from tests.metrics.dying import Workers
from tests.metrics.truth import (
    DAY,
    HOUR,
    Truth,
    a_past_midnight,
    assert_days_are_true,
    assert_hours_are_true,
    assert_the_archive_is_true,
    hours_told,
)
from tests.scale import scaled
from tests.waiting import wait_until

SEGMENTS = scaled(20_000, 1_000_000)
# The hours on both sides of a midnight, a day ago: late segments may still come.
HOURS_FED = 2
START = a_past_midnight(2) - HOUR
SINCE, UNTIL = START - DAY, START + DAY
NOW = START + (HOURS_FED + 1) * HOUR
# A tenth of the segments comes before the first fill is begun, and as many each time that all is well again.
PART = SEGMENTS // 10


@pytest.fixture
def workers(transactional_db):
    empty()
    running = Workers({"EARSHOT_DATABASE_URL": address_of_the_test_database()})
    yield running
    running.stop()


def empty():
    lose_redis()
    for name in (ROWS, FILLS, AWAITED, HOURS, DAYS, ROLLS):
        collection(name).delete_many({})


def lose_redis():
    redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL).flushdb()


def feed(truth, segments):
    for number in range(HOURS_FED):
        truth.write(segments // HOURS_FED, START + number * HOUR)


def assert_every_hour_is_as_it_was_or_as_it_should_be(truth, before):
    """In the midst of it too nobody is told a part of a fill."""
    for key, totals in hours_told(truth.tenants, SINCE, UNTIL).items():
        assert totals in (before.get(key), truth.hours[key]), key


def finish(workers, truth):
    (ended,), _ = workers.run(NOW)
    assert ended == "done"
    assert recent.waiting() == []
    assert_hours_are_true(truth, SINCE, UNTIL)
    assert_days_are_true(truth, SINCE, UNTIL)


@pytest.mark.timeout(scaled(300, 3600))
def test_a_job_that_is_killed_at_each_of_its_steps_counts_every_segment_once(workers):
    truth = Truth()
    feed(truth, PART)
    kills = 0
    died_at = set()
    for step in count(1):
        before = hours_told(truth.tenants, SINCE, UNTIL)
        (ended,), steps = workers.run(NOW, step=step)
        assert_every_hour_is_as_it_was_or_as_it_should_be(truth, before)
        if ended == "done":
            break
        assert ended == "killed"
        kills += 1
        died_at.add(steps[-1])
        # Late ones, into an hour that may be half filled and into one that may be whole.
        truth.write(max(PART // 40, 8), START + step % HOURS_FED * HOUR)
    assert {f"insert {ROWS}", f"insert {HOURS}", f"update {FILLS}", f"insert {DAYS}", f"update {ROLLS}"} <= died_at
    assert kills >= 20
    finish(workers, truth)

    # Redis loses what it had, all of which was filled, and counts on from nothing.
    lose_redis()
    feed(truth, PART)
    for step in ("insert", "find", "delete", "EVALSHA"):
        workers.run(NOW, at=step)
    finish(workers, truth)

    # Several at once, the first of which is killed.
    while truth.numbers < SEGMENTS:
        feed(truth, PART)
        ended, _ = workers.run(NOW, at=f"insert {HOURS}", together=3)
        assert set(ended) <= {"killed", "done"}
    finish(workers, truth)
    assert sum(totals.segments for totals in truth.groups.values()) >= SEGMENTS

    # No segment can come any more: the days are closed, and the archive takes them.
    later = NOW + 3 * DAY
    workers.run(later)
    assert archived.archive_days(later).failed == []
    assert_the_archive_is_true(truth, SINCE, UNTIL)


def answers():
    try:
        hours.ping()
    except RetryableMetricsError:
        return False
    return True


def test_mongodb_is_killed_in_the_midst_of_a_fill(stack, in_stack, transactional_db):
    workers = Workers({**in_stack, "EARSHOT_DATABASE_URL": address_of_the_test_database()})
    # Of nobody that the stack knows.
    truth = Truth(tenants=(900_001,))
    truth.write(PART, START)
    ended = []
    for step in (f"insert {ROWS}", f"insert {HOURS}", f"update {FILLS}", f"insert {DAYS}"):
        (mongod,) = stack.processes("mongod")
        ended += workers.run(NOW, at=step, kill=mongod)[0]
        wait_until(answers, what="MongoDB to come back")
        truth.write(PART // 4, START)
    workers.run(NOW)
    # The stack's own workers may be at the same hour, and have hours of their own that go on.
    hour = Hour(START, 900_001)
    wait_until(lambda: workers.run(NOW)[0] == ["done"] and hour not in recent.waiting(), what="the hour to be filled")
    workers.stop()
    assert set(ended) <= {"done", "away"}
    assert_hours_are_true(truth, SINCE, UNTIL)
    assert_days_are_true(truth, SINCE, UNTIL)
