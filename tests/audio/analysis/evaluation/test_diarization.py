"""Diarization and voice activity errors against cases counted by hand."""

import pytest

from audio.analysis.evaluation.diarization import diarization_error, voice_activity_error
from audio.analysis.evaluation.rttm import SpokenTurn

# 4 s of Ann, 4 s of Bob, both together from 7 to 9.
SPOKEN = (SpokenTurn(1.0, 5.0, "ann"), SpokenTurn(5.0, 9.0, "bob"), SpokenTurn(7.0, 9.0, "ann"))


def test_what_was_spoken_is_found_without_error_whatever_the_speakers_are_called() -> None:
    found = [SpokenTurn(turn.start, turn.end, {"ann": "x", "bob": "y"}[turn.speaker]) for turn in SPOKEN]
    assert diarization_error(SPOKEN, found).rate == 0.0


def test_nothing_found_is_all_missed() -> None:
    error = diarization_error(SPOKEN, [])
    assert (error.spoken, error.missed, error.false_alarm, error.confused) == (10.0, 10.0, 0.0, 0.0)
    assert error.rate == 1.0


def test_one_speaker_for_all_is_wrong_about_the_rarer_one_and_misses_who_speaks_beside() -> None:
    error = diarization_error(SPOKEN, [SpokenTurn(1.0, 9.0, "x")])
    # Ann's six seconds are right; two of Bob's go to her, and two are beside hers.
    assert (error.missed, error.false_alarm, error.confused) == (2.0, 0.0, 2.0)
    assert error.rate == pytest.approx(0.4)


def test_one_for_each_segment_gets_the_longest_of_each_speaker_right() -> None:
    spoken = [SpokenTurn(0.0, 3.0, "a"), SpokenTurn(3.0, 5.0, "b"), SpokenTurn(5.0, 6.0, "a")]
    found = [SpokenTurn(0.0, 3.0, "1"), SpokenTurn(3.0, 5.0, "2"), SpokenTurn(5.0, 6.0, "3")]
    assert diarization_error(spoken, found).confused == 1.0


def test_the_mapping_is_the_best_of_all_and_not_the_first_that_fits() -> None:
    # Who takes the most for each in turn maps x to a (5 s) and leaves b nothing; the best gives 4 + 4.
    spoken = [SpokenTurn(0.0, 5.0, "a"), SpokenTurn(5.0, 9.0, "b"), SpokenTurn(9.0, 13.0, "a")]
    found = [SpokenTurn(0.0, 9.0, "x"), SpokenTurn(9.0, 13.0, "y")]
    assert diarization_error(spoken, found).confused == 5.0


def test_sound_found_where_nobody_speaks_is_a_false_alarm() -> None:
    error = diarization_error(SPOKEN, [*SPOKEN, SpokenTurn(10.0, 12.0, "ann")])
    assert (error.false_alarm, error.rate) == (2.0, 0.2)


def test_a_collar_forgives_what_is_wrong_beside_a_boundary_and_counts_it_nowhere() -> None:
    spoken, found = [SpokenTurn(1.0, 5.0, "a")], [SpokenTurn(0.8, 4.9, "x")]
    assert diarization_error(spoken, found).rate == pytest.approx(0.3 / 4)
    lenient = diarization_error(spoken, found, collar=0.25)
    assert (lenient.rate, lenient.spoken) == (0.0, 3.5)


def test_the_rate_of_silence_is_one_as_soon_as_anything_is_found_in_it() -> None:
    assert diarization_error([], []).rate == 0.0
    assert diarization_error([], [SpokenTurn(0.0, 1.0, "x")]).rate == 1.0


def test_voice_activity_counts_speech_whoever_speaks_and_silence_to_the_end() -> None:
    error = voice_activity_error(SPOKEN, [SpokenTurn(0.5, 8.0, "x")], duration=13.0)
    assert (error.speech, error.silence, error.missed, error.false_alarm) == (8.0, 5.0, 1.0, 0.5)
    assert (error.missed_rate, error.false_alarm_rate) == (0.125, 0.1)
