"""Hours and days that are damaged are made again from what is left of them, and never with less than there is."""

import io

import pytest
import redis
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from metrics import recent, rollups
from metrics.hours.collections import AWAITED, DAYS, FILLS, HOURS, ROLLS, ROWS
from metrics.mongo_clients import collection
from tests.metrics.truth import (
    DAY,
    HOUR,
    Truth,
    a_past_midnight,
    assert_days_are_true,
    assert_hours_are_true,
    groups_told,
    hours_told,
    without_latency,
)

START = a_past_midnight() + 3 * HOUR
UNTIL = START + DAY
TODAY = str(START.date())


@pytest.fixture(autouse=True)
def truth(db):
    """Three hours, filled and rolled up, which Redis still has."""
    lose_redis()
    for name in (ROWS, FILLS, AWAITED, HOURS, DAYS, ROLLS):
        collection(name).delete_many({})
    truth = Truth(tenants=(1,))
    for number in range(3):
        truth.write(100, START + number * HOUR)
    rollups.fill_hours(UNTIL - 12 * HOUR)
    rollups.roll_days(UNTIL - 12 * HOUR)
    return truth


def lose_redis():
    redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL).flushdb()


def rebuild(*options, capsys):
    call_command("rebuild_metrics", "--from", TODAY, "--to", TODAY, *options)
    return capsys.readouterr().out


def counts(told):
    """What the table says: source → hours and days."""
    lines = [line.split("│")[1:-1] for line in told.splitlines() if line.startswith("│")]
    return {cells[0].strip(): (int(cells[1]), int(cells[2])) for cells in lines}


def test_what_is_whole_stays_as_it_is(truth, capsys):
    attempts = [mark["attempts"] for mark in collection(FILLS).find()]
    assert counts(rebuild(capsys=capsys)) == {"whole": (3, 1)}
    assert [mark["attempts"] for mark in collection(FILLS).find()] == attempts


def test_hours_that_redis_has_are_made_from_it_and_days_from_hours(truth, capsys):
    collection(HOURS).delete_many({"hour": START})
    collection(ROWS).delete_many({"metadata.tenant_id": 1, "metadata.user_id": "1"})
    collection(DAYS).delete_many({})
    told = rebuild("--dry-run", capsys=capsys)
    assert "from Redis" in told
    assert "Nothing was changed." in told
    assert hours_told([1], START, START + HOUR) == {}
    rebuild(capsys=capsys)
    rebuild(capsys=capsys)
    assert counts(rebuild(capsys=capsys)) == {"whole": (3, 1)}
    assert_hours_are_true(truth, START, UNTIL)
    assert_days_are_true(truth, START, UNTIL)


def test_without_redis_channels_are_made_from_rows_without_percentiles(truth, capsys):
    lose_redis()
    collection(HOURS).delete_many({"hour": START})
    assert counts(rebuild(capsys=capsys))["from rows"] == (1, 0)
    expected = {key: totals for key, totals in truth.hours.items() if key[1] == START}
    assert hours_told([1], START, START + HOUR) == without_latency(expected)
    assert groups_told([1], START, UNTIL) == without_latency(truth.groups)


def test_what_would_lose_segments_is_refused_and_left(truth, capsys):
    lose_redis()
    collection(HOURS).delete_many({"hour": START})
    collection(ROWS).delete_many({"metadata.tenant_id": 1, "metadata.user_id": "1"})
    days = list(collection(DAYS).find())
    with pytest.raises(CommandError, match="2 could not be made again"):
        rebuild(capsys=capsys)
    told = capsys.readouterr().out
    assert counts(told) == {"whole": (2, 0), "refused": (1, 1)}
    assert "100 segments by its mark, 0 by channel" in told
    assert list(collection(DAYS).find()) == days


def test_somebody_who_was_erased_is_nothing_that_is_missing(truth, capsys):
    recent.erase_user(1, "1")
    collection(ROWS).delete_many({"metadata.tenant_id": 1, "metadata.user_id": "1"})
    assert counts(rebuild(capsys=capsys)) == {"whole": (3, 1)}


def test_what_waits_is_filled_and_told(truth, capsys):
    truth.write(60, START + HOUR)
    call_command("aggregate_metrics", "--dry-run", "--from", TODAY, "--to", TODAY)
    told = capsys.readouterr().out
    assert "160 segments" in told
    assert "Nothing was changed." in told
    call_command("aggregate_metrics")
    told = capsys.readouterr().out
    assert counts(told) == {"done": (1, 1)}
    assert_hours_are_true(truth, START, UNTIL)
    assert_days_are_true(truth, START, UNTIL)


def test_days_the_wrong_way_round_are_refused():
    for command in ("aggregate_metrics", "rebuild_metrics"):
        with pytest.raises(CommandError, match="--from is later than --to"):
            call_command(command, "--from", "2026-03-02", "--to", "2026-03-01", stdout=io.StringIO())
