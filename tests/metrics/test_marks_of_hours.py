"""However workers that fill one hour get in one another's way, what counts of it is what Redis said at one moment."""

import threading
from datetime import timedelta
from itertools import count

import pytest
import redis
from django.conf import settings
from django.db import connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pymongo import monitoring

from metrics import forgotten, hours, mongo_clients, recent, rollups
from metrics.hours import days
from metrics.hours.collections import AWAITED, DAYS, FILLS, HOURS, ROLLS, ROWS
from metrics.segments import Hour, person_key_of
from metrics.totals import Totals
from tests.metrics.truth import DAY, HOUR, Truth, a_past_midnight
from tests.scale import scaled

START = a_past_midnight() + 5 * HOUR
NOW = START + 2 * HOUR
MOST_WORKERS = 3
_tenants = count(7_000_001)
_here = threading.local()


class Pauses(monitoring.CommandListener):
    """Stops a worker's thread before each command it sends; others go on."""

    def started(self, event):
        worker = getattr(_here, "worker", None)
        if worker is not None:
            worker.pause()

    def succeeded(self, event):
        """Nothing: it stops before the next one."""

    def failed(self, event):
        """Nothing, as for one that succeeded."""


class Worker:
    """Does something, one command to MongoDB at each `step`. One that is never stepped again is dead."""

    def __init__(self, work):
        self.work = work
        self.may_go, self.stands = threading.Semaphore(0), threading.Semaphore(0)
        self.is_done = False
        self.failed = None
        threading.Thread(target=self._work, daemon=True).start()
        self.stands.acquire()

    def pause(self):
        self.stands.release()
        self.may_go.acquire()

    def step(self, times=1):
        for _ in range(times):
            if not self.is_done:
                self.may_go.release()
                self.stands.acquire()
        assert self.failed is None

    def finish(self):
        while not self.is_done:
            self.step()

    def _work(self):
        _here.worker = self
        try:
            self.work()
        except Exception as error:
            self.failed = error
        finally:
            self.is_done = True
            connections.close_all()
            self.stands.release()


@pytest.fixture(scope="module", autouse=True)
def watched():
    mongo_clients.close()
    monitoring.register(Pauses())
    yield
    mongo_clients.close()


@pytest.fixture(autouse=True)
def nothing(transactional_db):
    for name in (ROWS, FILLS, AWAITED, HOURS, DAYS, ROLLS):
        mongo_clients.collection(name).delete_many({})


class Marks(RuleBasedStateMachine):
    """`read`: name of a filling → what Redis said then. `fills`: all that ever counted, by number."""

    @initialize()
    def begin(self):
        self.redis = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
        self.redis.flushdb()
        self.copy = {}
        self.tenant_id = next(_tenants)
        self.hour = Hour(START, self.tenant_id)
        self.truth = Truth(tenants=(self.tenant_id,), sessions=3, channels=2)
        self.workers = []
        self.read = {}
        self.fills = {}
        self.counted = 0

    @rule(segments=st.integers(1, 5))
    def write(self, segments):
        self.truth.write(segments, START, tenant_id=self.tenant_id, again=False)

    def fill(self):
        reading = recent.read_hour(self.hour)
        fillings = reading and recent.begin_filling(self.hour, reading)
        if fillings:
            self.read[fillings[-1]] = (dict(reading.channels), dict(reading.groups))
            hours.fill(self.hour, reading, fillings)
            recent.mark_filled(self.hour, epoch=reading.epoch, revision=reading.revision, token=reading.token)

    def roll(self):
        days.roll(self.tenant_id, START.date(), is_closed=False)

    @precondition(lambda self: sum(not worker.is_done for worker in self.workers) < MOST_WORKERS)
    @rule(rolls=st.booleans())
    def begin_to_work(self, rolls):
        self.workers.append(Worker(self.roll if rolls else self.fill))

    @precondition(lambda self: any(not worker.is_done for worker in self.workers))
    @rule(which=st.integers(0, MOST_WORKERS - 1), steps=st.integers(1, 8))
    def go_on(self, which, steps):
        under_way = [worker for worker in self.workers if not worker.is_done]
        under_way[which % len(under_way)].step(steps)

    @precondition(lambda self: recent.there() and not recent.waiting())
    @rule()
    def lose_redis(self):
        """All it had was filled; a worker that has read it may still be under way."""
        self.redis.flushdb()

    @rule()
    def copy_redis(self):
        self.fill()
        if not recent.waiting():
            self.copy = {key: self.redis.dump(key) for key in self.redis.scan_iter()}

    @precondition(lambda self: self.copy)
    @rule()
    def rewind_redis(self):
        """It goes on from a copy of itself that was made when all had been filled, as all has been now."""
        self.fill()
        if recent.waiting():
            return
        self.redis.flushdb()
        for key, held in self.copy.items():
            self.redis.restore(key, 0, held)

    @invariant()
    def what_counts_is_what_redis_said_at_one_moment_of_each_epoch(self):
        """Without what it had said before it went back."""
        mark = mongo_clients.collection(FILLS).find_one({"tenant_id": self.tenant_id}) or {"counted": [], "earlier": []}
        self.fills |= {one["fill"]: one for one in [*mark["earlier"], *mark["counted"]]}
        counted = sum(one["segments"] for one in mark["counted"])
        assert counted >= self.counted, "no mark goes back, and no epoch is lost"
        self.counted = counted
        rows = [(row.group, row.totals) for row in hours.rows_of_day(self.tenant_id, START.date())]
        told = [channels_told(self.tenant_id), added_up({group: totals} for group, totals in rows)]
        assert told == [added_up(self.said(one, of) for one in mark["counted"]) for of in (0, 1)]

    def said(self, counted, of):
        base = added_up(self.said(self.fills[fill], of) for fill in counted["base"])
        said = self.read[counted["filling"]][of]
        left = {key: totals.beyond(base.get(key, Totals())) for key, totals in said.items()}
        return {key: totals for key, totals in left.items() if totals.segments}

    def teardown(self):
        """The dead come to life again, and all is filled at the end."""
        for worker in self.workers:
            worker.finish()
        rollups.fill_hours(NOW)
        rollups.roll_days(NOW)
        assert recent.waiting() == []
        true = {channel: totals for (_, _, channel), totals in self.truth.hours.items()}
        assert channels_told(self.tenant_id) == true
        assert dict(days.totals_of(self.tenant_id, START.date())) == true


def channels_told(tenant_id):
    channels = ["", *(channel_id for channel_id, _ in hours.by_channel(tenant_id, START, START + DAY))]
    return {
        one.channel: one.totals
        for channel_id in channels
        for one in hours.by_hour(tenant_id, START, START + timedelta(hours=1), channel_id=channel_id)
    }


def added_up(several):
    found = {}
    for one in several:
        for key, totals in one.items():
            found.setdefault(key, Totals()).add(totals)
    return found


def test_in_any_order():
    run_state_machine_as_test(
        Marks,
        settings=hypothesis_settings(
            max_examples=scaled(10, 200),
            stateful_step_count=scaled(15, 40),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )


@pytest.mark.parametrize("works", ["fill", "roll"])
def test_a_worker_that_stands_still_while_others_go_on_changes_nothing_that_counts(works):
    """At whatever command it stands, and however far another came that died."""
    for stands_at in range(1, 10):
        marks = Marks()
        marks.begin()
        marks.write(3)
        marks.fill()
        marks.roll()
        for _ in range(2):
            marks.write(2)
            if works == "roll":
                marks.fill()
            slow = Worker(getattr(marks, works))
            slow.step(stands_at)
            marks.write(2)
            marks.what_counts_is_what_redis_said_at_one_moment_of_each_epoch()
            dead = Worker(getattr(marks, works))
            dead.step(10 - stands_at)
            marks.workers += [slow, dead]
            marks.fill()
            marks.roll()
            marks.what_counts_is_what_redis_said_at_one_moment_of_each_epoch()
            slow.finish()
            marks.what_counts_is_what_redis_said_at_one_moment_of_each_epoch()
        marks.teardown()


def test_a_worker_that_read_somebody_before_they_were_erased_writes_no_row_of_theirs():
    """Wherever it dies, so that none is left by what counts for nothing."""
    marks = Marks()
    marks.begin()
    marks.write(5)
    reading = recent.read_hour(marks.hour)
    user_id = next(group.user_id for group, _ in reading.groups if group.user_id)
    worker = Worker(lambda: hours.fill(marks.hour, reading))
    for key in {person_key_of(group.platform, user_id) for group, _ in reading.groups if group.user_id == user_id}:
        forgotten.forget(marks.tenant_id, key)
    recent.erase_user(marks.tenant_id, user_id)
    hours.erase_user(marks.tenant_id, user_id)
    while not worker.is_done:
        assert hours.count_user(marks.tenant_id, user_id) == 0
        worker.step()
    assert hours.count_user(marks.tenant_id, user_id) == 0
    others = {group.user_id for group, _ in reading.groups} - {user_id}
    assert any(hours.count_user(marks.tenant_id, other) for other in others)
