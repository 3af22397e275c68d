from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from audio.attention import HIGH_SUSPICION, OWED_SECONDS, SILENT_SECONDS, SLOW_SECONDS, Condition, needs

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WELL = Condition(
    is_recording=True,
    is_paused=False,
    heard_of_at=NOW,
    chunk_seconds=10.0,
    has_lost_device=False,
    owed=0,
    owed_since=None,
    failed=0,
    waiting_since=NOW,
    delay_seconds=2.0,
    suspicion_score=0.1,
)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def reasons(**values):
    return [need["reason"] for need in needs(replace(WELL, **values), NOW)]


def words(**values):
    [need] = needs(replace(WELL, **values), NOW)
    return need["words"]


def test_a_recording_that_goes_well_needs_nobody():
    assert reasons() == []
    assert reasons(waiting_since=None, delay_seconds=None, suspicion_score=None) == []


def test_silence_counts_once_several_chunks_would_have_come():
    assert reasons(heard_of_at=ago(SILENT_SECONDS)) == []
    assert reasons(heard_of_at=ago(SILENT_SECONDS + 1)) == ["silent"]
    assert reasons(heard_of_at=ago(SILENT_SECONDS + 1), chunk_seconds=30.0) == []
    assert reasons(heard_of_at=ago(91), chunk_seconds=30.0) == ["silent"]


@pytest.mark.parametrize("values", [{"is_paused": True}, {"is_recording": False}])
def test_who_has_paused_or_ended_is_not_silent(values):
    assert reasons(heard_of_at=ago(3600), **values) == []


def test_what_is_told_of_silence_stays_the_same_while_it_lasts():
    assert words(heard_of_at=ago(70)) == words(heard_of_at=ago(700))
    assert words(heard_of_at=ago(70)) == "Nothing has arrived for over a minute: the recorder may be offline or closed."
    assert "for over 90 seconds" in words(heard_of_at=ago(100), chunk_seconds=30.0)
    assert "for over 3 minutes" in words(heard_of_at=ago(200), chunk_seconds=60.0)


def test_chunks_that_overtake_each_other_are_no_news_and_those_that_stay_away_are():
    assert reasons(owed=1, owed_since=ago(OWED_SECONDS)) == []
    assert words(owed=1, owed_since=ago(OWED_SECONDS + 1)).startswith("1 chunk has not arrived")
    assert words(owed=12, owed_since=ago(OWED_SECONDS + 1)).startswith("12 chunks have not arrived")


def test_the_server_is_behind_when_chunks_wait_or_have_waited():
    assert reasons(waiting_since=ago(SLOW_SECONDS + 1)) == ["slow"]
    assert reasons(waiting_since=None, delay_seconds=SLOW_SECONDS + 1) == ["slow"]


def test_failures_and_suspicion_are_told_with_their_figures():
    assert words(failed=1) == "1 chunk could not be heard."
    assert words(failed=2) == "2 chunks could not be heard."
    assert words(suspicion_score=HIGH_SUSPICION) == "Suspicion is high: 50 %."


def test_what_is_worst_comes_first():
    everything = {
        "has_lost_device": True,
        "heard_of_at": ago(300),
        "owed": 2,
        "owed_since": ago(300),
        "failed": 1,
        "waiting_since": ago(300),
        "suspicion_score": 0.9,
    }
    assert reasons(**everything) == ["device", "silent", "owed", "failed", "suspicion", "slow"]
