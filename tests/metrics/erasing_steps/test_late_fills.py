"""Nothing that is cached, waits or is made again brings somebody back who was forgotten and erased."""

from datetime import UTC, date, datetime, timedelta

import pytest
import redis
from django.conf import settings as django_settings

from metrics import archive, archived, counters, forgotten, hours, intake, keyring, rebuilding, recent, rollups
from metrics.archived import objects, reading, verification, writing
from metrics.archived.writing import pseudonym_text
from metrics.erasing_steps import hours as of_hours
from metrics.erasing_steps import pseudonyms
from metrics.erasing_steps import recent as of_recent
from metrics.hours.collections import HOURS
from metrics.models import ArchivedDay
from metrics.mongo_clients import collection
from metrics.rebuilding import Source
from metrics.segments import Group, Hour, Segment
from tests.builders import make_tenant
from tests.metrics.archived import below
from tests.metrics.erasing_steps.people import HOUR, customer, measured

pytestmark = pytest.mark.usefixtures("nothing")
NOW = datetime.now(UTC)
LAST = NOW.replace(minute=0, second=0, microsecond=0) - 2 * HOUR


@pytest.fixture
def them():
    return customer(make_tenant().pk, ("web", "dana"))


@pytest.fixture
def hour(them):
    """An hour with two of their segments and three of another person's, which waits to be filled."""
    measured(them.tenant_id, "dana", at=LAST, times=2)
    measured(them.tenant_id, "other", at=LAST, times=3)
    return Hour(LAST, them.tenant_id)


def forget(them):
    for person_key in them.person_keys:
        forgotten.forget(them.tenant_id, person_key)


def erase(them):
    forget(them)
    for step in (of_recent, of_hours):
        step.erase(them)


def left(them):
    return [look(them) for step in (of_recent, of_hours) for look in (step.count, step.search)]


def by_user(them):
    return [(user_id, totals.segments) for user_id, totals in hours.by_user(them.tenant_id, LAST, NOW)]


def of_all(them):
    return sum(one.totals.segments for one in hours.by_hour(them.tenant_id, LAST, NOW))


def test_an_hour_that_was_read_before_they_were_erased_is_filled_without_them(them, hour):
    read_before = recent.read_hour(hour)
    erase(them)
    assert hours.fill(hour, read_before) == hours.Outcome.FILLED
    assert left(them) == [0, 0, 0, 0]
    assert by_user(them) == [("other", 3)]
    assert of_all(them) == 5


def test_an_hour_that_was_half_filled_when_they_were_forgotten_has_nothing_left_of_them(them, hour):
    forget(them)
    rollups.fill_hours(NOW)
    for step in (of_recent, of_hours):
        step.erase(them)
    assert left(them) == [0, 0, 0, 0]
    assert by_user(them) == [("other", 3)]


def test_an_hour_that_still_waits_is_filled_without_them_and_is_not_taken_for_lost(them, hour):
    lost = counters.value(counters.HOURS_LOST)
    # It is noted as one that is awaited, and not over yet.
    rollups.fill_hours(LAST + timedelta(minutes=30))
    erase(them)
    assert dict(rollups.fill_hours(NOW).counts) == {"done": 1}
    assert recent.waiting() == []
    assert counters.value(counters.HOURS_LOST) == lost
    assert (by_user(them), of_all(them)) == ([("other", 3)], 5)


def test_an_hour_of_nobody_else_is_filled_without_anybody(them):
    measured(them.tenant_id, "dana", at=LAST, times=2)
    erase(them)
    assert dict(rollups.fill_hours(NOW).counts) == {"done": 1}
    assert (by_user(them), of_all(them), left(them)) == ([], 2, [0, 0, 0, 0])


def test_an_hour_that_is_filled_again_for_late_segments_stays_without_them(them, hour):
    rollups.fill_hours(NOW)
    erase(them)
    measured(them.tenant_id, "late", at=LAST)
    assert dict(rollups.fill_hours(NOW).counts) == {"done": 1}
    assert left(them) == [0, 0, 0, 0]
    assert by_user(them) == [("other", 3), ("late", 1)]
    assert of_all(them) == 6


def test_a_redis_that_came_back_from_an_older_copy_fills_nothing_of_theirs(them, hour):
    client = redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL)
    copy = {key: client.dump(key) for key in client.scan_iter("dubbing:segment:*")}
    rollups.fill_hours(NOW)
    erase(them)
    for key in client.scan_iter("dubbing:segment:*"):
        client.delete(key)
    for key, value in copy.items():
        client.restore(key, 0, value)
    rollups.fill_hours(NOW)
    assert of_hours.search(them) == 0
    assert [user_id for user_id, _ in by_user(them)] == ["other"]
    # Redis itself has to forget them again.
    assert of_recent.count(them) == 2


def test_rebuilding_finds_all_whole_and_makes_nothing_of_theirs(them, hour):
    rollups.fill_hours(NOW)
    rollups.roll_days(NOW)
    erase(them)
    assert {one.source for one in rebuilding.rebuild(LAST.date(), NOW.date())} == {Source.WHOLE}
    collection(HOURS).delete_many({"tenant_id": them.tenant_id, "channel_id": ""})
    sources = {one.source for one in rebuilding.rebuild(LAST.date(), NOW.date()) if one.tenant_id == them.tenant_id}
    assert Source.REDIS in sources
    assert left(them) == [0, 0, 0, 0]
    assert (by_user(them), of_all(them)) == ([("other", 3)], 5)


def test_what_comes_late_over_rest_is_not_kept(them):
    erase(them)
    group = Group("news", "s-1", "dana", "web", "dubbing")
    intake.keep(them.tenant_id, [Segment(group, "late", NOW, total_us=1)])
    assert left(them) == [0, 0, 0, 0]


@pytest.fixture
def long_ago(settings):
    settings.EARSHOT_METRICS_HOURS_DAYS = below.LONG
    below.empty()
    yield date(2026, 1, 28)
    below.empty()
    hours.set_life(90)


def of_day(day, *people):
    start = below.start_of(day)
    return [
        Segment(Group("news", f"s-{person}", person, "web", "dubbing"), f"{person}-{number}", start, total_us=number)
        for person in people
        for number in range(3)
    ]


def test_a_day_that_is_archived_afterwards_has_no_pseudonym_of_theirs_and_all_of_the_sums(them, long_ago):
    below.put(them.tenant_id, long_ago, of_day(long_ago, "dana", "other"))
    keyring.pseudonym(them.tenant_id, "external:web:dana")
    erase(them)
    pseudonyms.erase(them)
    writing.archive_day(them.tenant_id, long_ago)
    (row,) = ArchivedDay.objects.filter(tenant_id=them.tenant_id)
    _, of_people = verification.objects_of(row)
    table = objects.opened(of_people, archive.read(of_people.name))
    told = keyring.known_pseudonym(them.tenant_id, "external:web:other", pseudonym_text(long_ago))
    assert dict(zip(table["pseudonym"].to_pylist(), table["segments"].to_pylist(), strict=True)) == {None: 3, told: 3}
    assert row.segments == 6
    assert archived.verify_days() == []


def test_a_day_that_was_archived_before_names_nobody_once_the_key_is_destroyed(them, long_ago):
    below.put(them.tenant_id, long_ago, of_day(long_ago, "dana", "other"))
    writing.archive_day(them.tenant_id, long_ago)
    assert reading.of_user(them.tenant_id, "dana", long_ago, long_ago)
    erase(them)
    pseudonyms.erase(them)
    assert reading.of_user(them.tenant_id, "dana", long_ago, long_ago) == []
    assert archived.verify_days() == []
    # And what is archived once more has nothing of them either.
    writing.archive_day(them.tenant_id, long_ago)
    assert archived.verify_days() == []
    assert reading.of_user(them.tenant_id, "dana", long_ago, long_ago) == []
