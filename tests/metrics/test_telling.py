"""A process tells of its work whatever Redis does, and hears nothing of its troubles."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection, transaction

from metrics import counters, recent, telling
from metrics.models import Forgotten
from metrics.recent import clients
from metrics.segments import Group, Segment
from tests.waiting import wait_until

GROUP = Group("recorder", "s-1", "7", "web", "audio")
TENANT = 1

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL).flushdb()
    monkeypatch.setattr(telling, "_waiting", telling._Waiting())
    yield
    telling.end()


def forget_clients():
    for client in (clients.patient, counters._client):
        client.cache_clear()


@pytest.fixture
def redis_away(settings):
    there = settings.EARSHOT_REDIS_URL
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    forget_clients()

    def come_back():
        settings.EARSHOT_REDIS_URL = there
        forget_clients()

    yield come_back
    come_back()


def segment(segment_id="1", *, group=GROUP, ago=timedelta()):
    return Segment(group=group, segment_id=segment_id, received_at=datetime.now(UTC) - ago, stages={"decode": 5})


def there():
    newest = recent.newest(TENANT, since=datetime.now(UTC) - timedelta(hours=25), limit=10_000)
    return sorted(one.segment_id for one in newest)


def test_what_is_told_is_there():
    for name in ("a", "b", "a"):
        telling.tell(TENANT, segment(name))
    # Whether each was taken at once is up to how fast Redis was.
    wait_until(lambda: telling.flush() is None and there() == ["a", "b"], what="both to be there")
    assert telling.dropped() == 0


def test_what_is_told_while_redis_is_away_is_there_once_it_is_back(redis_away):
    for number in range(250):
        telling.tell(TENANT + number % 2, segment(str(number)))
    redis_away()
    wait_until(lambda: len(there()) == 125, what="what had waited")
    assert len(recent.newest(TENANT + 1, since=datetime.now(UTC) - timedelta(hours=1), limit=1000)) == 125
    assert telling.dropped() == 0


def test_what_finds_no_room_is_counted_and_shown(redis_away, monkeypatch):
    monkeypatch.setattr(telling, "MOST_WAITING", 10)
    for number in range(25):
        telling.tell(TENANT, segment(str(number)))
    telling.flush()
    assert telling.dropped() is None
    redis_away()
    wait_until(lambda: telling.dropped() == 15, what="the loss to be counted")
    assert len(there()) == 10
    assert counters.all_told()[counters.SEGMENTS_DROPPED] == 15


def test_what_waits_when_the_process_ends_is_sent_or_counted_as_dropped(redis_away):
    telling.tell(TENANT, segment("old", ago=timedelta(hours=24)))
    telling.tell(TENANT, segment("new"))
    telling.end()
    redis_away()
    telling.end()
    assert (there(), telling.dropped()) == ([], 2)


def test_one_that_nobody_can_take_keeps_none_of_the_others_waiting():
    telling.tell(TENANT, segment(group=Group("recorder", "s-1", "7", "web", "\ud800")))
    telling.tell(TENANT, segment("good"))
    wait_until(lambda: (there(), telling.dropped()) == (["good"], 1), what="the one to be there and the other counted")


def test_who_tells_waits_for_no_database_either():
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever writes asks who is forgotten.
        cursor.execute(f"LOCK TABLE {Forgotten._meta.db_table}")
        telling.tell(TENANT, segment())
        assert there() == []
    wait_until(lambda: there() == ["1"], what="the segment to be there")


def test_what_an_hour_has_no_room_for_is_counted_as_dropped(settings):
    settings.EARSHOT_METRICS_MOST_GROUPS = 1
    for number in range(3):
        telling.tell(TENANT, segment(str(number), group=replace(GROUP, session_id=str(number))))
    telling.flush()
    assert (there(), telling.dropped()) == (["0"], 2)


def test_many_threads_tell_at_once(redis_away):
    def work(thread):
        for number in range(50):
            telling.tell(TENANT, segment(f"{thread}-{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    redis_away()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(there()) == 400, what="all to be there")
