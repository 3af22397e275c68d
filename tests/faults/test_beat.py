"""However many beats run, one sends; and when it is gone another does."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from celery import Celery
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from psycopg.conninfo import make_conninfo

from config import beat
from config.celery import app
from tests.running import ROOT
from tests.waiting import wait_until

QUEUE = "beat-test"
# Other databases of the server may have leaders of their own.
LEAD = (
    "FROM pg_locks WHERE locktype = 'advisory' AND objid = %s "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Beat:
    """A `celery beat` of its own on the test database."""

    def __init__(self, log):
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "--quiet", "-A", "config", "beat", "-l", "INFO", "--pidfile="],
            cwd=ROOT,
            env={**os.environ, "EARSHOT_DATABASE_URL": address_of_the_test_database()},
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def said(self, word):
        return self.log.read_text().count(word)

    def leads(self):
        return self.process.poll() is None and self.said("beat_leads") > self.said("beat_leads_no_more") + self.said(
            "beat_without_database"
        )


@pytest.fixture
def beats(transactional_db, tmp_path):
    """Two beats, the first of which leads."""
    empty_queue()
    running = []
    try:
        for number in range(2):
            running.append(Beat(tmp_path / f"beat-{number}.log"))
            wait_until(running[0].leads, timeout=90, what="the first beat to lead")
        wait_until(lambda: lock_holders() == 1 and askers() == 2, timeout=90, what="the second to stand by")
        yield running
    finally:
        for one in running:
            one.process.kill()
            one.process.wait()
        wait_until(lambda: lock_holders() == 0, what="the lock to be free")
        empty_queue()


def address_of_the_test_database():
    parts = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    return make_conninfo("", **{name: parts[key] for name, key in names.items() if parts[key]})


def lock_holders():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {LEAD}", [beat.LOCK])
        return cursor.fetchone()[0]


def askers():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%advisory%' AND pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        return cursor.fetchone()[0]


def end_connection_of_the_lead():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) {LEAD}", [beat.LOCK])


def end_every_other_connection():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


def sent():
    with app.connection_for_read() as broker:
        return broker.default_channel._size(QUEUE)


def empty_queue():
    with app.connection_for_read() as broker:
        broker.default_channel._purge(QUEUE)


def runs(task):
    task.refresh_from_db()
    return task.total_run_count


def every_second():
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    return PeriodicTask.objects.create(name="Often", task="test.often", interval=second, queue=QUEUE)


def missed_since_the_day_before_yesterday():
    at_midnight, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="0", timezone="UTC")
    return PeriodicTask.objects.create(
        name="Daily",
        task="test.daily",
        crontab=at_midnight,
        queue=QUEUE,
        last_run_at=timezone.now() - timedelta(days=2),
    )


def test_one_of_two_sends_and_what_is_edited_is_heeded_without_a_restart(beats):
    task = every_second()
    wait_until(lambda: runs(task) >= 4, what="four runs")
    assert not beats[1].leads()
    PeriodicTask.objects.get(pk=task.pk).delete()
    daily = missed_since_the_day_before_yesterday()
    count = wait_until(lambda: runs(daily) and sent(), what="a new schedule to be heeded")
    # What was written down and what was sent differ by the task that was going out as its schedule was deleted.
    assert task.total_run_count + 1 <= count <= task.total_run_count + 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_leader_ends_the_other_takes_over_and_sends_nothing_twice(beats, number):
    daily = missed_since_the_day_before_yesterday()
    wait_until(lambda: runs(daily) == 1, what="the daily task to be sent")
    beats[0].process.send_signal(number)
    wait_until(beats[1].leads, what="the other to take over")
    often = every_second()
    wait_until(lambda: runs(often) >= 2, what="the other to send")
    beats[1].process.kill()
    beats[1].process.wait()
    assert runs(daily) == 1
    assert sent() <= 1 + runs(often) + 1


def test_a_leader_that_lost_its_connection_sends_no_more_until_it_leads_again(beats):
    often = every_second()
    wait_until(lambda: runs(often) >= 2, what="the first to send")
    end_connection_of_the_lead()
    wait_until(lambda: beats[0].said("beat_without_database") or beats[0].said("beat_leads_no_more"))
    before = runs(often)
    wait_until(lambda: runs(often) >= before + 3, what="somebody to send again")
    assert lock_holders() == 1
    assert [one.leads() for one in beats].count(True) == 1
    assert sent() <= runs(often) + 2


def test_a_schedule_that_nobody_can_reckon_with_keeps_no_other_from_going_out(beats):
    endless = IntervalSchedule.objects.create(every=2147483647, period="days")
    PeriodicTask.objects.create(name="Never", task="test.never", interval=endless, queue=QUEUE)
    often = every_second()
    wait_until(lambda: runs(often) >= 2, what="the other to be sent")


def test_beats_that_have_lost_every_connection_they_had_send_again(beats):
    often = every_second()
    wait_until(lambda: runs(often) >= 2, what="the first to send")
    for _ in range(3):
        # As when PostgreSQL is killed: not the lead's alone, but also the one by which the schedule is read.
        end_every_other_connection()
        before = runs(often)
        wait_until(lambda before=before: runs(often) >= before + 2, timeout=90, what="somebody to send again")
    assert lock_holders() == 1


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_what_the_broker_does_not_take_stays_due(transactional_db):
    daily = missed_since_the_day_before_yesterday()
    scheduler = beat.OneLeader(
        app=Celery("nowhere", broker="redis://127.0.0.1:9/0", set_as_current=False), max_interval=1
    )
    try:
        for _ in range(3):
            assert scheduler.tick() == beat.STANDBY_SECONDS
        before = daily.last_run_at
        assert runs(daily) == 0
        assert daily.last_run_at == before
        scheduler.app = app
        wait_until(lambda: scheduler.tick() is not None and runs(daily), what="the task to be sent after all")
        assert sent() == 1
    finally:
        scheduler.close()
        scheduler.lead.let_go()
        empty_queue()
