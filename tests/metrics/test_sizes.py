"""How the tiers of the figures stand: how much they hold, until when, and what is late."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings
from django.core.management import call_command

from metrics import counters, gauges, recent, rollups, sizes
from metrics.archived import archiving
from metrics.hours.collections import INDEXES
from metrics.mongo_clients import collection
from metrics.segments import Group, Segment
from tests.builders import make_tenant

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def nothing_there(db):
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).flushdb()
    for name in INDEXES:
        collection(name).delete_many({})


def count(tenant, moment, now=None):
    group = Group(channel_id="news", session_id="s", user_id="5", platform="web", pipeline="dubbing")
    segment = Segment(group, f"{moment.timestamp()}", moment, total_us=1000)
    assert recent.write(tenant.pk, [segment], now=now or moment) == [True]


def standing(now=NOW):
    return {tier.name: tier for tier in sizes.tiers(now)}


def status(*options):
    output = io.StringIO()
    try:
        call_command("metrics_status", *options, stdout=output)
    except SystemExit as ended:
        return ended.code, output.getvalue()
    return 0, output.getvalue()


def test_where_nothing_was_ever_counted_nothing_is_late():
    tiers = standing()
    assert [name for name, tier in tiers.items() if tier.is_late or tier.behind] == []
    assert {tier.filled_until for tier in tiers.values()} == {None}
    assert status()[0] == 0


def test_an_hour_that_is_over_is_late_after_a_quarter_of_an_hour_and_not_once_it_is_filled():
    tenant, start = make_tenant(), NOW.replace(minute=0, second=0, microsecond=0) - 3 * HOUR
    count(tenant, start + timedelta(minutes=5))
    assert not standing(start + HOUR + timedelta(minutes=10))["mongodb"].is_late
    late = standing()["mongodb"]
    assert (late.is_late, late.behind, late.filled_until) == (True, 1, start)
    assert standing()["redis"].oldest == start + timedelta(minutes=5)
    ended, said = status()
    assert ended == 1
    assert "MongoDB  late" in said
    assert f"filled until {start:%Y-%m-%d %H:%M}, 1 hour of companies to come" in said
    rollups.fill_hours()
    filled = standing()["mongodb"]
    assert (filled.is_late, filled.behind) == (False, 0)
    assert filled.filled_until == NOW.replace(minute=0, second=0, microsecond=0)
    assert (filled.oldest, filled.newest) == (start, start + HOUR)
    assert filled.bytes > 0


def test_late_segments_of_an_hour_that_is_filled_do_not_make_it_late():
    tenant, start = make_tenant(), NOW.replace(minute=0, second=0, microsecond=0) - 3 * HOUR
    count(tenant, start + timedelta(minutes=5))
    rollups.fill_hours()
    count(tenant, start + timedelta(minutes=6))
    waiting = standing()["mongodb"]
    assert (waiting.is_late, waiting.behind, waiting.refilling) == (False, 0, 1)
    assert "waiting for late segments: 1 hour\n" in status()[1]


def test_an_hour_that_had_none_is_late_only_when_its_first_late_segment_has_waited_for_long():
    tenant, start = make_tenant(), NOW.replace(minute=0, second=0, microsecond=0) - 20 * HOUR
    count(tenant, start + timedelta(minutes=5), now=NOW)
    new = standing()["mongodb"]
    assert (new.is_late, new.behind) == (False, 1)
    count(tenant, start + timedelta(minutes=6), now=NOW + timedelta(minutes=10))
    assert not standing(NOW + timedelta(minutes=14))["mongodb"].is_late
    assert standing(NOW + timedelta(minutes=16))["mongodb"].is_late


def test_a_day_that_is_closed_is_late_unless_it_is_archived():
    tenant, moment = make_tenant(), NOW - timedelta(days=5)
    count(tenant, moment)
    rollups.fill_hours()
    rollups.roll_days()
    late = standing()["archive"]
    assert (late.is_late, late.behind, late.filled_until.date()) == (True, 1, moment.date())
    archiving.archive_days()
    archived = standing()["archive"]
    assert (archived.is_late, archived.behind, archived.oldest.date()) == (False, 0, moment.date())
    assert archived.filled_until == archived.newest
    assert archived.bytes > 0


def test_programs_are_told_the_same_as_json():
    counters.add(counters.SEGMENTS_DROPPED, 3)
    ended, said = status("--json")
    told = json.loads(said)
    assert (ended, told["is_late"], told["dropped"], told["timezone"]) == (0, False, 3, "UTC")
    assert [tier["name"] for tier in told["tiers"]] == ["redis", "mongodb", "archive"]


def test_whoever_watches_is_told_by_gauges_that_are_described():
    moment = datetime.now(UTC) - timedelta(minutes=1)
    count(make_tenant(), moment)
    sizes.tell_gauges()
    told = {(gauge.name, gauge.labels["tier"]): gauge.value for gauge in gauges.all_told()}
    assert {name for name, _ in told} <= set(gauges.KNOWN)
    assert told["tier.late", "mongodb"] == 0
    assert told["tier.newest_timestamp_seconds", "redis"] == pytest.approx(moment.timestamp(), abs=1)
    assert told["tier.behind", "archive"] == 0
