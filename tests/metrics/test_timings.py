import os
import statistics
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from metrics import histograms, sketches, timings
from tests.running import ROOT

DJANGO = {"DJANGO_SETTINGS_MODULE": "config.settings"}


@pytest.fixture(autouse=True)
def nothing_measured():
    timings.flush()
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).flushdb()


def summary_of(operation):
    timings.flush()
    return next((summary for summary in timings.summary() if summary.operation == operation), None)


def test_a_duration_that_is_recorded_can_be_read():
    for milliseconds in range(1, 101):
        timings.record("tests.sleep", milliseconds / 1000)
    timings.record("tests.sleep", 0.05, failed=True)
    summary = summary_of("tests.sleep")
    assert (summary.count, summary.failures) == (101, 1)
    assert summary.p50_ms == pytest.approx(50, rel=0.03)
    assert summary.p99_ms == pytest.approx(99, rel=0.03)


@given(st.lists(st.floats(min_value=1e-5, max_value=100), min_size=1, max_size=200))
def test_a_percentile_is_within_two_percent_of_the_true_one(durations):
    counts = {}
    for seconds in durations:
        bucket = str(sketches.bucket_of(seconds))
        counts[bucket] = counts.get(bucket, 0) + 1
    summary = timings.summarise("any", counts)
    true = sorted(durations)[max(0, -(-len(durations) * 95 // 100) - 1)]
    assert summary.p95_ms / 1000 == pytest.approx(true, rel=0.02)


def test_sketches_of_two_processes_merge_to_what_one_would_have_seen():
    quick, slow = [0.001] * 90, [1.0] * 10
    for seconds in quick:
        timings.record("tests.both", seconds)
    timings.flush()
    for seconds in slow:
        timings.record("tests.both", seconds)
    summary = summary_of("tests.both")
    assert summary.count == 100
    assert summary.p50_ms == pytest.approx(1, rel=0.02)
    assert summary.p99_ms == pytest.approx(1000, rel=0.02)
    averaged = statistics.mean([1, 1000])
    assert abs(summary.p95_ms - averaged) > 400


def test_measured_counts_a_failure_and_lets_it_pass():
    with pytest.raises(ZeroDivisionError), timings.measured("tests.broken"):
        1 / 0  # noqa: B018
    assert summary_of("tests.broken").failures == 1


def test_recording_goes_on_while_redis_is_away(monkeypatch):
    monkeypatch.setattr(settings, "EARSHOT_REDIS_URL", "redis://127.0.0.1:9/0")
    timings._client.cache_clear()
    timings.record("tests.away", 0.01)
    timings.flush()
    monkeypatch.undo()
    timings._client.cache_clear()
    assert summary_of("tests.away").count == 1


def test_what_took_so_long_since_ever_is_counted_by_bounds():
    for milliseconds in (0.5, 3, 40, 60, 700, 4_000_000):
        timings.record("tests.ever", milliseconds / 1000)
    timings.flush()
    timings.record("tests.ever", 0.003, failed=True)
    timings.flush()
    (one,) = [told for told in timings.since_ever() if told.operation == "tests.ever"]
    upto = dict(zip(histograms.BOUNDS, one.counts, strict=True))
    assert [upto[bound] for bound in (0.001, 0.005, 0.05, 0.1, 0.5, 1, 1800)] == [1, 3, 4, 5, 5, 6, 6]
    assert (one.count, one.failures) == (7, 1)
    assert one.seconds == pytest.approx(4000.8065, rel=0.01)


@given(st.lists(st.floats(min_value=1e-5, max_value=5000), min_size=1, max_size=50))
def test_a_bound_is_as_exact_as_the_sketch_is(durations):
    counts = {}
    for seconds in durations:
        name = f"any|{sketches.bucket_of(seconds)}"
        counts[name] = counts.get(name, 0) + 1
    (one,) = histograms.read(histograms.folded(counts))
    for bound, upto in zip(histograms.BOUNDS, one.counts, strict=True):
        surely, perhaps = sum(s <= bound / 1.011 for s in durations), sum(s <= bound * 1.011 for s in durations)
        assert surely <= upto <= perhaps
    assert one.count == len(durations)


def test_a_process_that_ends_tells_what_it_has_timed():
    program = "from metrics import timings; timings.record('tests.last', 0.01)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env={**os.environ, **DJANGO})
    assert summary_of("tests.last").count == 1


def test_an_hour_that_is_over_is_packed_and_read_as_before(monkeypatch):
    key = f"timings:{datetime.now(UTC) - timedelta(hours=2):%Y%m%d%H}"
    timings.record("tests.past", 0.01, failed=True)
    timings.record("tests.past", 0.02)
    monkeypatch.setattr(timings, "_key_of_hour", lambda moment: key)
    timings.flush()
    monkeypatch.undo()
    loose = timings.summary()
    assert redis.Redis.from_url(settings.EARSHOT_REDIS_URL).delete(key) == 1
    assert timings.summary() == loose
    assert summary_of("tests.past").count == 2
