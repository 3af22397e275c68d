"""How an engine's words become a passage's, and those utterances."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.analysis.transcription import LONGEST_UTTERANCE, Passage, Word, by_stretch, utterances, within
from audio.analysis.voice_activity import Region
from tests.sound import SAMPLE_RATE, Samples, silence


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


PASSAGE = Passage(silence(10.0), [Region(1.0, 3.0), Region(5.0, 6.0)])


def _times(*times: tuple[float, float]) -> list[tuple[float, float]]:
    return [(word.start_time, word.end_time) for word in within(_words(*times), PASSAGE)]


def test_words_that_touch_no_region_are_dropped() -> None:
    assert _times((0.0, 0.9), (0.5, 1.0), (3.0, 5.0), (6.1, 7.0), (8.0, 9.0)) == []


def test_words_that_share_time_with_a_region_are_kept_whole() -> None:
    kept = [(0.5, 1.1), (1.2, 1.4), (2.9, 4.0), (4.5, 7.0)]
    assert _times(*kept) == kept


def test_a_word_without_length_is_kept_within_a_region_only() -> None:
    assert _times((2.0, 2.0), (4.0, 4.0)) == [(2.0, 2.0)]


def test_words_come_in_order_of_time() -> None:
    assert _times((5.1, 5.3), (1.5, 1.8), (1.1, 1.3)) == [(1.1, 1.3), (1.5, 1.8), (5.1, 5.3)]


def test_text_loses_its_outer_spaces_and_keeps_its_marks() -> None:
    words = [Word(" Hello, ", 1.0, 1.5, 0.5), Word("  ", 1.5, 2.0, 0.5)]
    assert [word.text for word in within(words, PASSAGE)] == ["Hello,"]


@pytest.mark.parametrize(
    ("text", "word"), [("a\x00b", "ab"), ("\x1b[1m", "[1m"), ("\ud800", None), ("\n", None), ("New\nYork", "New York")]
)
def test_text_loses_what_no_store_takes(text: str, word: str | None) -> None:
    assert [kept.text for kept in within([Word(text, 1.0, 1.5, 0.5)], PASSAGE)] == ([word] if word else [])


def test_nothing_is_said_outside_the_sound_nor_more_than_sure() -> None:
    whole = Passage(silence(2.0), [Region(0.0, 2.0)])
    (word,) = within([Word("hello", -1.0, 7.0, 1.5)], whole)
    assert (word.start_time, word.end_time, word.confidence) == (0.0, 2.0, 1.0)


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_dropped(nonsense: float) -> None:
    words = [Word("a", nonsense, 2.0, 0.5), Word("b", 1.0, nonsense, 0.5), Word("c", 1.0, 2.0, nonsense)]
    assert within(words, PASSAGE) == ()


@given(st.lists(st.builds(Word, st.text(max_size=3), st.floats(), st.floats(), st.floats()), max_size=20))
def test_whatever_an_engine_says_its_words_are_fit(words: list[Word]) -> None:
    kept = within(words, PASSAGE)
    assert all(0.0 <= word.start_time <= word.end_time <= 10.0 for word in kept)
    assert all(0.0 <= word.confidence <= 1.0 for word in kept)
    assert all(before.start_time <= after.start_time for before, after in pairwise(kept))
    assert all(word.text == word.text.strip() != "" for word in kept)


def test_each_stretch_is_heard_alone_and_its_words_lie_where_it_lies() -> None:
    """An engine that says too much: a word before, one within and one after each stretch it gets."""
    lengths = []

    def hear(samples: Samples) -> list[Word]:
        seconds = len(samples) / SAMPLE_RATE
        lengths.append(seconds)
        return _words((-2.0, -1.0), (0.25, seconds - 0.25), (seconds + 0.5, seconds + 4.0))

    passage = Passage(silence(10.0), [Region(1.0, 2.0), Region(2.3, 3.0), Region(5.0, 6.0)])
    words = by_stretch(passage, hear, gap=0.3)
    assert lengths == [2.0, 1.0]
    assert [(word.start_time, word.end_time) for word in words] == [(1.25, 2.75), (5.25, 5.75)]


def test_a_stretch_without_samples_is_not_heard() -> None:
    assert by_stretch(Passage(silence(1.0), [Region(0.5, 0.50001)]), lambda _: _words((0.0, 0.0)), gap=0.3) == ()
