"""How words become utterances."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.analysis.transcription import LONGEST_UTTERANCE, Word, utterances


def _words(*times: tuple[float, float]) -> list[Word]:
    return [Word(f"w{index}", start, end, 0.5) for index, (start, end) in enumerate(times)]


def test_no_words_make_no_utterance() -> None:
    assert utterances([]) == ()


def test_words_in_one_go_make_one_utterance() -> None:
    words = [Word("good", 1.0, 1.3, 0.9), Word("morning", 1.4, 2.0, 0.7)]
    (said,) = utterances(words)
    assert (said.text, said.start_time, said.end_time) == ("good morning", 1.0, 2.0)
    assert said.confidence == pytest.approx(0.8)
    assert said.words == tuple(words)


def test_a_pause_of_six_tenths_of_a_second_cuts() -> None:
    assert len(utterances(_words((0.0, 0.3), (0.9, 1.2), (1.79, 2.0)))) == 2


def test_a_long_utterance_is_cut_at_its_longest_pause() -> None:
    steady = [(second, second + 0.9) for second in map(float, range(14))]
    steady[4] = (4.0, 4.6)
    assert [len(said.words) for said in utterances(_words(*steady))] == [5, 9]


def test_equal_pauses_are_cut_near_the_middle() -> None:
    steady = [(second, second + 0.75) for second in map(float, range(16))]
    assert [len(said.words) for said in utterances(_words(*steady))] == [8, 8]


def test_one_endless_word_stays_whole() -> None:
    assert len(utterances(_words((0.0, 20.0)))) == 1


@given(st.lists(st.tuples(st.floats(0.01, 2.0), st.floats(0.0, 1.5)), max_size=60))
def test_every_word_is_in_one_utterance_and_none_is_too_long(lengths: list[tuple[float, float]]) -> None:
    now, times = 0.0, []
    for spoken, silent in lengths:
        times.append((now, now + spoken))
        now += spoken + silent
    words = _words(*times)
    said = utterances(words)
    assert [word for utterance in said for word in utterance.words] == words
    assert all(utterance.end_time - utterance.start_time <= LONGEST_UTTERANCE for utterance in said)
