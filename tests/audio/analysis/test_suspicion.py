"""Each kind of rule finds what it is for, from its threshold on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.analysis.suspicion import (
    DEFAULT_RULES,
    FINDERS,
    MOST_FOUND_BY_A_RULE,
    Evidence,
    Jump,
    Repeat,
    Rule,
    Spoken,
    SuspicionStage,
    reasons,
    score,
)
from audio.analysis.transcription import Word
from audio.analysis.voice_activity import Region


def rule(kind, threshold=1.0, *phrases):
    return Rule("Ours", kind, 0.5, threshold, phrases)


def found(one, **known):
    return [(reason.start, reason.end) for reason in reasons([one], Evidence(0.0, 60.0, **known))]


def said(text, *, speaker="client", start=0.0, confidence=0.9):
    return tuple(
        Spoken(Word(word, start + position, start + position + 0.9, confidence), speaker)
        for position, word in enumerate(text.split())
    )


def test_the_built_in_rules_are_one_of_each_kind():
    assert sorted(one.kind for one in DEFAULT_RULES) == sorted(FINDERS)
    assert all(0 < one.weight < 1 for one in DEFAULT_RULES)


@pytest.mark.parametrize(
    "text", ["send a gift card now", "send a Gift Card, now", "send a gift-card now", "send a GIFT. Card now"]
)
def test_a_phrase_is_found_however_it_is_written(text):
    (reason,) = reasons([rule("listed_phrase", 0.5, "gift card")], Evidence(0, 60, words=said(text)))
    assert reason.start == 2.0
    assert reason.evidence == "“gift card” was said, as the transcript has it with 90% confidence."


@pytest.mark.parametrize("text", ["gift cards", "a gifted card", "gift of a card", "card gift", "", "gift"])
def test_other_words_are_not_the_phrase(text):
    assert found(rule("listed_phrase", 0.5, "gift card"), words=said(text)) == []


def test_a_phrase_of_two_speakers_is_nobodys():
    words = said("gift") + said("card", speaker="agent", start=1.0)
    assert found(rule("listed_phrase", 0.5, "gift card"), words=words) == []


def test_a_phrase_is_found_though_the_other_says_something_in_between():
    words = said("gift") + said("yes", speaker="agent", start=0.5) + said("card", start=1.0)
    assert found(rule("listed_phrase", 0.5, "gift card"), words=words) == [(0.0, 1.9)]


@pytest.mark.parametrize(("confidence", "is_found"), [(0.59, False), (0.6, True)])
def test_words_that_are_not_sure_enough_are_no_phrase(confidence, is_found):
    words = said("your pin", confidence=confidence)
    assert bool(found(rule("listed_phrase", 0.6, "your pin"), words=words)) == is_found


@pytest.mark.parametrize("phrases", [(), ("",), ("!?",)])
def test_a_phrase_without_words_finds_nothing(phrases):
    assert found(rule("listed_phrase", 0.0, *phrases), words=said("anything at all")) == []


def test_a_silence_is_found_before_between_and_after():
    voices = ((Region(10, 12), Region(30, 31)), (Region(12, 14),))
    assert found(rule("long_silence", 10), voices=voices) == [(0.0, 10), (14, 30), (31, 60.0)]


def test_a_silence_that_the_other_side_fills_is_none():
    voices = ((Region(0, 30),), (Region(5, 6), Region(29, 60)))
    assert found(rule("long_silence", 10), voices=voices) == []


def test_both_at_once_are_found_in_two_channels_alone():
    one, other = (Region(0, 10),), (Region(4, 5), Region(7, 20))
    assert found(rule("crosstalk", 2), voices=(one, other)) == [(7, 10)]
    assert found(rule("crosstalk", 0), voices=(one,)) == []


@pytest.mark.parametrize(("change", "told"), [(16.0, "16 dB louder"), (-16.0, "16 dB fainter")])
def test_a_jump_in_loudness_is_found_up_and_down(change, told):
    (reason,) = reasons([rule("level_jump", 15)], Evidence(0, 60, jumps=(Jump(3, change), Jump(9, 14.9))))
    assert (reason.start, told in reason.evidence) == (3, True)


def test_a_repeat_is_found_from_its_length_on():
    repeats = (Repeat(10, 14, 2.0, 0.9), Repeat(20, 22.9, 2.0, 0.9))
    assert found(rule("playback", 3), repeats=repeats) == [(10, 14)]


def test_an_extra_speaker_is_found_from_their_seconds_on():
    extra = {"speaker_3": (12.0, 4.0), "speaker_4": (50.0, 2.9)}
    assert found(rule("extra_speaker", 3), extra_speakers=extra) == [(12.0, 16.0)]


def test_a_rule_does_not_find_without_end():
    jumps = tuple(Jump(time, 30.0) for time in range(50))
    assert len(found(rule("level_jump", 15), jumps=jumps)) == MOST_FOUND_BY_A_RULE


def test_what_is_found_is_in_order_of_time():
    evidence = Evidence(0, 60, jumps=(Jump(30, 20),), repeats=(Repeat(10, 14, 2.0, 0.9),))
    told = SuspicionStage().run(([rule("level_jump", 15), rule("playback")], evidence))
    assert [reason.start for reason in told] == [10, 30]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_a_score_is_of_no_order_and_grows_with_each_reason(weights):
    assert 0 <= score(weights) <= 1
    assert score(weights) == pytest.approx(score(reversed(weights)), abs=0.001)
    assert score([*weights, 0.3]) >= score(weights)


def test_a_score_takes_its_share_of_what_is_left():
    assert (score([]), score([0.5]), score([0.5, 0.5]), score([1.0, 0.2])) == (0, 0.5, 0.75, 1)
