"""A company's figures go when they are older than it keeps them, from every tier, and nothing makes them again."""

from datetime import UTC, date, datetime, timedelta

import pytest
import redis
from django.conf import settings as django_settings

from metrics import archive, archived, counters, hours, keyring, rebuilding, recent, retention, rollups
from metrics.archived import objects, writing
from metrics.erasing import Identity
from metrics.errors import RetryableMetricsError
from metrics.hours import collections, days
from metrics.hours.collections import AWAITED, DAYS, FILLS, HOURS, REMOVED, ROLLS, ROWS
from metrics.models import ArchivedDay
from metrics.mongo_clients import collection
from metrics.retention import Held
from metrics.segments import Group, Segment
from tests.builders import make_tenant
from tests.metrics.archived import below
from tests.metrics.truth import DAY, HOUR, Truth, a_past_midnight

pytestmark = pytest.mark.usefixtures("transactional_db")
NOBODY = Held()
# A company that no other test knows: what one leaves in the archive stays there.
OWN = 970_001
FIRST = date(2026, 1, 10)
# Two days of three are older.
BEFORE = datetime(2026, 1, 12, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing(transactional_db, settings):
    settings.EARSHOT_METRICS_HOURS_DAYS = below.LONG
    redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL).flushdb()
    below.empty()
    collection(REMOVED).delete_many({})
    yield
    below.empty()
    collection(REMOVED).delete_many({})
    collection(AWAITED).delete_many({})
    hours.set_life(90)


@pytest.fixture
def tenant_id():
    return make_tenant().pk


def of_day(day, *people, session_id=None, platform="web"):
    start = below.start_of(day) + 5 * HOUR
    return [
        Segment(
            Group("news", session_id or f"{person} on {day}", person, platform, "dubbing"),
            f"{person}-{day}-{number}",
            start + number * HOUR,
            total_us=1000,
        )
        for person in people
        for number in range(2)
    ]


def three_days(tenant_id, *people):
    for number in range(3):
        day = FIRST + number * DAY
        below.put(tenant_id, day, of_day(day, *(people or ("dana", "other"))))


def remove(tenant_id, *, before=BEFORE, held=NOBODY):
    return sum(retention.remove(tenant_id, before=before, held=held))


def told(tenant_id):
    """Day → segments, as whoever reads finds them: of channels in MongoDB, and of people there."""
    since, until = below.start_of(FIRST), below.start_of(FIRST + 5 * DAY)
    of_channels = {}
    for one in hours.by_hour(tenant_id, since, until):
        day = one.start.date()
        of_channels[day] = of_channels.get(day, 0) + one.totals.segments
    of_people = {}
    for number in range(5):
        day = FIRST + number * DAY
        if rows := list(hours.rows_of_day(tenant_id, day)):
            of_people[day] = sum(row.totals.segments for row in rows)
    rolled = {one.day for one in days.by_day(tenant_id, FIRST, FIRST + 5 * DAY)}
    assert rolled == of_channels.keys() == of_people.keys()
    assert of_channels == of_people
    return of_channels


def documents(tenant_id):
    """How many there are in each collection, rows too."""
    counts = {name: collection(name).count_documents({"tenant_id": tenant_id}) for name in (FILLS, HOURS, DAYS, ROLLS)}
    return {**counts, ROWS: collection(ROWS).count_documents({"metadata.tenant_id": tenant_id})}


def test_days_that_are_over_before_the_moment_go_and_later_ones_stay(tenant_id):
    other = make_tenant().pk
    for one in (tenant_id, other):
        three_days(one)
    before = documents(tenant_id)
    assert retention.oldest(tenant_id) == below.start_of(FIRST)
    assert retention.count(tenant_id, before=BEFORE, held=NOBODY) == (2, 0)
    assert remove(tenant_id) == 2
    assert told(tenant_id) == {FIRST + 2 * DAY: 4}
    assert told(other) == {FIRST: 4, FIRST + DAY: 4, FIRST + 2 * DAY: 4}
    assert documents(tenant_id) == {name: count // 3 for name, count in before.items()}
    assert documents(other) == before
    assert retention.oldest(tenant_id) == below.start_of(FIRST + 2 * DAY)


def test_again_is_the_same_as_once(tenant_id):
    three_days(tenant_id)
    remove(tenant_id)
    left = documents(tenant_id)
    assert retention.count(tenant_id, before=BEFORE, held=NOBODY) == (0, 0)
    assert remove(tenant_id) == 0
    assert documents(tenant_id) == left


def test_rows_of_a_session_that_goes_on_count_for_nothing_and_go_when_it_is_old(tenant_id):
    for number in range(3):
        day = FIRST + number * DAY
        below.put(tenant_id, day, of_day(day, "dana", session_id="goes on"))
    remove(tenant_id)
    assert told(tenant_id) == {FIRST + 2 * DAY: 2}
    assert [user for user, _ in hours.by_user(tenant_id, below.start_of(FIRST), below.start_of(FIRST + 2 * DAY))] == []
    assert remove(tenant_id, before=BEFORE + DAY) == 1
    assert set(documents(tenant_id).values()) == {0}


def test_archived_days_go_with_their_objects_and_are_not_found_again(tenant_id):
    three_days(tenant_id)
    for number in range(3):
        writing.archive_day(tenant_id, FIRST + number * DAY)
    kept = {name: archive.read(name) for name in objects.of_day(tenant_id, FIRST)}
    assert remove(tenant_id) == 2
    assert archived.days_there(tenant_id, FIRST, FIRST + 5 * DAY) == {FIRST + 2 * DAY: True}
    assert objects.of_day(tenant_id, FIRST) == objects.of_day(tenant_id, FIRST + DAY) == []
    assert archived.verify_days() == []
    # An archive that was itself restored from an older copy.
    for name, content in kept.items():
        archive.write(name, content)
    ArchivedDay.objects.all().delete()
    archived.find()
    assert set(archived.days_there(tenant_id, FIRST, FIRST + 5 * DAY)) == {FIRST + 2 * DAY}
    assert retention.count(tenant_id, before=BEFORE, held=NOBODY) == (1, 0)
    assert remove(tenant_id) == 1
    assert objects.of_day(tenant_id, FIRST) == []


def test_a_day_that_is_in_the_archive_alone_goes(tenant_id):
    three_days(tenant_id)
    writing.archive_day(tenant_id, FIRST)
    below.empty()
    assert retention.oldest(tenant_id) == below.start_of(FIRST)
    assert retention.count(tenant_id, before=BEFORE, held=NOBODY) == (1, 0)
    assert remove(tenant_id) == 1
    assert not ArchivedDay.objects.filter(tenant_id=tenant_id).exists()


def test_what_was_left_half_removed_is_gone_on_with(tenant_id, monkeypatch):
    three_days(tenant_id)
    writing.archive_day(tenant_id, FIRST)
    removal = retention.remove(tenant_id, before=BEFORE, held=NOBODY)
    next(removal)
    removal.close()
    collection(HOURS).delete_many({"tenant_id": tenant_id, "hour": {"$lt": below.start_of(FIRST + DAY)}})
    collection(FILLS).update_many(
        {"tenant_id": tenant_id, "hour": {"$lt": below.start_of(FIRST + DAY)}},
        {"$set": {"counted": [], "is_plain": False, "is_rolled": True}},
    )
    assert remove(tenant_id) == 2
    assert told(tenant_id) == {FIRST + 2 * DAY: 4}
    assert retention.count(tenant_id, before=BEFORE, held=NOBODY) == (0, 0)


def test_nothing_archives_or_rebuilds_what_was_removed(tenant_id):
    three_days(tenant_id)
    remove(tenant_id)
    now = BEFORE + 30 * DAY
    archived.archive_days(now)
    rollups.roll_days(now)
    findings = rebuilding.rebuild(FIRST, FIRST + 3 * DAY)
    assert {one.start.date() if isinstance(one.start, datetime) else one.start for one in findings} == {FIRST + 2 * DAY}
    assert archived.days_there(tenant_id, FIRST, FIRST + 5 * DAY) == {FIRST + 2 * DAY: True}
    assert told(tenant_id) == {FIRST + 2 * DAY: 4}


def test_a_days_hours_that_come_once_more_are_not_filled(tenant_id):
    three_days(tenant_id)
    remove(tenant_id)
    below._known.clear()
    with pytest.raises(AssertionError):
        below.put(tenant_id, FIRST, of_day(FIRST, "dana"))
    assert told(tenant_id) == {FIRST + 2 * DAY: 4}


def test_what_redis_has_of_removed_days_goes_and_is_not_missed():
    lost = counters.value(counters.HOURS_LOST)
    start = a_past_midnight() + 3 * HOUR
    truth = Truth(tenants=(OWN,))
    for number in (0, 1, 24):
        truth.write(50, start + number * HOUR)
    rollups.fill_hours(start + 26 * HOUR, drop_closed=False)
    rollups.roll_days(start + 26 * HOUR)
    assert remove(OWN, before=start + DAY) == 1
    assert {hour.start for hour in recent.there()} == {start + DAY}
    # And what comes too late for it.
    truth.write(50, start)
    rollups.fill_hours(start + 26 * HOUR, drop_closed=False)
    assert recent.waiting() == []
    assert hours.filled(OWN, start, start + 2 * DAY) == {start + DAY}
    assert counters.value(counters.HOURS_LOST) == lost


def test_a_day_of_which_something_waits_stays_until_it_is_filled():
    start = a_past_midnight() + 3 * HOUR
    truth = Truth(tenants=(OWN,))
    truth.write(50, start)
    rollups.fill_hours(start + 2 * HOUR)
    truth.write(50, start + HOUR)
    assert retention.count(OWN, before=start + 2 * DAY, held=NOBODY) == (0, 0)
    assert remove(OWN, before=start + 2 * DAY) == 0
    assert dict(rollups.fill_hours(start + 3 * HOUR).counts) == {"done": 1}
    assert hours.filled(OWN, start, start + DAY) == {start, start + HOUR}
    assert remove(OWN, before=start + 2 * DAY) == 1
    assert hours.filled(OWN, start, start + DAY) == set()


@pytest.mark.parametrize(
    ("held", "who"),
    [
        (Held(user_ids=frozenset({7})), "user:7"),
        (Held(identities=frozenset({Identity("web", "dana")})), "dana"),
    ],
    ids=["a colleague", "an id on a platform"],
)
def test_a_day_on_which_somebody_held_did_something_stays_whole(tenant_id, held, who):
    below.put(tenant_id, FIRST, of_day(FIRST, who, "other"))
    below.put(tenant_id, FIRST + DAY, of_day(FIRST + DAY, "other"))
    writing.archive_day(tenant_id, FIRST)
    writing.archive_day(tenant_id, FIRST + DAY)
    assert retention.count(tenant_id, before=BEFORE, held=held) == (1, 1)
    assert remove(tenant_id, held=held) == 1
    assert told(tenant_id) == {FIRST: 4}
    assert archived.days_there(tenant_id, FIRST, FIRST + DAY) == {FIRST: True}
    # In the archive alone it is found by the pseudonym of the day.
    below.empty()
    assert retention.count(tenant_id, before=BEFORE, held=held) == (0, 1)
    assert remove(tenant_id, held=held) == 0
    # Once the hold is lifted it goes.
    assert remove(tenant_id) == 1
    assert archived.days_there(tenant_id, FIRST, FIRST + DAY) == {}


def test_an_id_that_is_held_is_somebody_elses_on_another_platform(tenant_id):
    below.put(tenant_id, FIRST, of_day(FIRST, "dana", platform="zoom"))
    held = Held(identities=frozenset({Identity("web", "dana")}))
    assert retention.count(tenant_id, before=BEFORE, held=held) == (1, 0)


def test_a_company_that_keeps_more_again_gets_back_nothing(tenant_id):
    three_days(tenant_id)
    remove(tenant_id)
    assert remove(tenant_id, before=below.start_of(FIRST + DAY)) == 0
    below._known.clear()
    with pytest.raises(AssertionError):
        below.put(tenant_id, FIRST + DAY, of_day(FIRST + DAY, "dana"))


def test_while_the_archive_is_away_nothing_is_lost(tenant_id, archive_away):
    three_days(tenant_id)
    with pytest.raises(RetryableMetricsError):
        remove(tenant_id)
    assert told(tenant_id) == {FIRST: 4, FIRST + DAY: 4, FIRST + 2 * DAY: 4}
    assert keyring.is_open() is False
    assert collections.check() == []


def test_an_unknown_company_has_no_figures(tenant_id):
    assert retention.oldest(tenant_id) is None
    assert retention.count(tenant_id, before=datetime.now(UTC) - timedelta(days=1), held=NOBODY) == (0, 0)
