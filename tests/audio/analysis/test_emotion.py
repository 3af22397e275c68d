"""Words that say clearly what they mean, and a reader's voice against the same voice raised.

None of this is real emotional speech; that the labels fit what people feel is not tested here.
"""

import json
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from audio.analysis.emotion import (
    UNKNOWN,
    Baseline,
    Emotion,
    EmotionStage,
    Estimate,
    Heard,
    arousal,
    baseline,
    estimate,
    final_emotions,
    is_raised,
    valence,
)
from audio.analysis.prosody import Prosody, measure
from tests import sound

GOOD, BAD, PLAIN = (
    "thank you so much that was wonderful",
    "this is terrible and i am very angry",
    "the delivery comes on tuesday at four",
)
NOTHING_HEARD = measure(sound.silence(0.0))

# Where the reader pauses, in seconds: five sentences.
SENTENCES = [(0.0, 5.2), (5.2, 10.7), (10.7, 15.4), (15.4, 21.1), (21.1, 26.7)]


@cache
def _reader() -> Prosody:
    return measure(sound.speech())


@cache
def _usual() -> Baseline:
    return baseline([_reader()])


def _raised(sentence: tuple[float, float], *, semitones: float, decibels: float) -> Prosody:
    """The sentence in a higher and a louder voice: played faster, and amplified."""
    start, end = (round(time * sound.SAMPLE_RATE) for time in sentence)
    said = sound.speech()[start:end]
    times = np.arange(0, len(said), 2 ** (semitones / 12))
    faster = np.interp(times, np.arange(len(said)), said)
    return measure((faster * 10 ** (decibels / 20)).astype(np.float32))


def _heard(text: str, **changes: Any) -> Heard:
    return Heard(**{"text": text, "confidence": 0.9, "prosody": NOTHING_HEARD, "baseline": None, **changes})


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        (GOOD, Emotion.POSITIVE),
        ("that is great news i am really happy", Emotion.POSITIVE),
        (BAD, Emotion.NEGATIVE),
        ("i am not happy with this", Emotion.NEGATIVE),
        (PLAIN, Emotion.NEUTRAL),
        ("could you please help me with the delivery", Emotion.NEUTRAL),
        ("okay yes well i would like to pay by credit card", Emotion.NEUTRAL),
        ("no no that is not my number", Emotion.NEUTRAL),
    ],
)
def test_estimate_takes_clear_words_for_what_they_say(text: str, emotion: Emotion) -> None:
    heard = estimate(_heard(text))
    assert (heard.emotion, heard.method) == (emotion, "words")
    assert 0.3 < heard.score <= 0.9


def test_valence_grows_with_what_is_said() -> None:
    said = ["it is awful", PLAIN, "it is good", "it is really wonderful"]
    assert all(lower < higher for lower, higher in pairwise(valence(text) for text in said))


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": 0.5},
        {"language": "de"},
        {"language": ""},
        {"language": "eng-wrong"},
        {"text": "wonderful thanks"},
        {"text": ""},
    ],
    ids=["unsure words", "German", "no language", "no such language", "two words", "no words"],
)
def test_estimate_claims_nothing_without_evidence(changes: Mapping[str, Any]) -> None:
    assert estimate(_heard(GOOD)).emotion == Emotion.POSITIVE
    assert estimate(_heard(**{"text": GOOD, **changes})) == UNKNOWN


@pytest.mark.parametrize("language", ["en", "en-GB", "EN-us"])
def test_estimate_knows_english_by_any_of_its_names(language: str) -> None:
    assert estimate(_heard(GOOD, language=language)).emotion == Emotion.POSITIVE


def test_estimate_is_less_sure_of_words_that_are_less_sure() -> None:
    assert estimate(_heard(GOOD, confidence=0.65)).score < estimate(_heard(GOOD, confidence=0.95)).score


@pytest.mark.parametrize(
    ("text", "emotion", "in_a_raised_voice"),
    [
        (GOOD, Emotion.POSITIVE, Emotion.EXCITED),
        (BAD, Emotion.NEGATIVE, Emotion.TENSE),
        (PLAIN, Emotion.NEUTRAL, Emotion.UNKNOWN),
    ],
)
def test_estimate_hears_the_voice_beside_the_words(text: str, emotion: Emotion, in_a_raised_voice: Emotion) -> None:
    usual = _raised(SENTENCES[0], semitones=0, decibels=0)
    raised = _raised(SENTENCES[0], semitones=5, decibels=10)
    for prosody, expected in ((usual, emotion), (raised, in_a_raised_voice)):
        heard = estimate(_heard(text, prosody=prosody, baseline=_usual()))
        assert (heard.emotion, heard.method) == (expected, "words+voice")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_is_raised_tells_a_raised_voice_from_the_readers_own(sentence: tuple[float, float]) -> None:
    assert is_raised(_raised(sentence, semitones=0, decibels=0), _usual()) is False
    assert is_raised(_raised(sentence, semitones=5, decibels=10), _usual()) is True


def test_a_voice_that_is_only_louder_or_only_higher_is_seldom_raised() -> None:
    louder = [is_raised(_raised(sentence, semitones=0, decibels=12), _usual()) for sentence in SENTENCES]
    higher = [is_raised(_raised(sentence, semitones=5, decibels=0), _usual()) for sentence in SENTENCES]
    assert sum(map(bool, louder)) <= 1
    assert sum(map(bool, higher)) <= 1


def test_arousal_wants_enough_of_the_segment_and_of_the_speaker() -> None:
    segment = _reader().between(*SENTENCES[0])
    assert arousal(segment, _usual()) is not None
    assert arousal(_reader().between(1.0, 1.4), _usual()) is None
    assert arousal(segment, baseline([_reader().between(0.0, 9.0)])) is None
    assert arousal(NOTHING_HEARD, _usual()) is None
    assert estimate(_heard(BAD, prosody=segment, baseline=Baseline())).method == "words"


def test_arousal_measures_a_monotonous_voice_in_semitones_and_decibels() -> None:
    frames = np.ones(200, dtype=np.float32)
    monotonous = baseline([Prosody(100 * frames, -30 * frames)])
    higher = Prosody(np.float32(100 * 2 ** (2 / 12)) * frames, -24 * frames)
    assert arousal(higher, monotonous) == pytest.approx((2.0, 2.0), abs=0.3)


def test_a_baseline_is_the_sum_of_its_parts_in_any_order() -> None:
    parts = [baseline([_reader().between(*sentence)]) for sentence in SENTENCES]
    summed = Baseline()
    for part in reversed(parts):
        summed = summed.plus(part)
    assert summed == baseline(_reader().between(*sentence) for sentence in SENTENCES)
    assert summed.duration == pytest.approx(sum(part.duration for part in parts))
    assert 8.0 < summed.duration < 20.0


@pytest.mark.parametrize("whose", [Baseline(), _usual()], ids=["nobody", "the reader"])
def test_a_baseline_survives_json(whose: Baseline) -> None:
    written = json.dumps(whose.as_json())
    assert len(written) < 1000
    assert Baseline.from_json(json.loads(written)) == whose


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"version": 2, "pitch": {"first": 0, "counts": []}, "level": {"first": 0, "counts": []}},
        {"version": 1, "pitch": {"first": 0, "counts": []}},
        {"version": 1, "pitch": {"first": 60, "counts": [1] * 40}, "level": {"first": 0, "counts": []}},
        {"version": 1, "pitch": {"first": -1, "counts": [1]}, "level": {"first": 0, "counts": []}},
        {"version": 1, "pitch": {"first": 0, "counts": [-1]}, "level": {"first": 0, "counts": []}},
        {"version": 1, "pitch": {"first": 0, "counts": [True]}, "level": {"first": 0, "counts": []}},
        {"version": 1, "pitch": {"first": 0, "counts": ["1"]}, "level": {"first": 0, "counts": []}},
        {"version": 1, "pitch": [], "level": {"first": 0, "counts": []}},
    ],
)
def test_from_json_refuses_what_is_no_baseline(garbage: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="baseline"):
        Baseline.from_json(garbage)


def test_final_emotions_are_shares_of_the_time_in_which_one_is_known() -> None:
    positive, negative = (Estimate(emotion, 0.8, "words") for emotion in (Emotion.POSITIVE, Emotion.NEGATIVE))
    assert final_emotions([(negative, 1.0), (positive, 2.0), (UNKNOWN, 50.0), (positive, 1.0)]) == {
        "positive": 0.75,
        "negative": 0.25,
    }
    assert final_emotions([(UNKNOWN, 5.0), (positive, 0.0)]) == {}
    assert final_emotions([]) == {}


def test_final_emotions_sum_to_one_however_they_are_rounded() -> None:
    known = [emotion for emotion in Emotion if emotion != Emotion.UNKNOWN]
    rng = np.random.default_rng(0)
    for _ in range(200):
        lengths = rng.exponential(5.0, len(known))
        shares = final_emotions([(Estimate(e, 0.5, "words"), s) for e, s in zip(known, lengths, strict=True)])
        assert round(sum(round(100 * share) for share in shares.values())) == 100
        assert all(abs(shares.get(e, 0.0) - s / lengths.sum()) < 0.01 for e, s in zip(known, lengths, strict=True))
    thirds = final_emotions([(Estimate(emotion, 0.5, "words"), 7.0) for emotion in known[:3]])
    assert sorted(thirds.values()) == [0.33, 0.33, 0.34]


def test_the_stage_says_who_it_is_and_estimates_each() -> None:
    stage = EmotionStage()
    stage.health()
    stage.load()
    assert (stage.name, stage.engine, stage.model) == ("emotion", "vader+prosody", "vader_lexicon")
    assert stage.version.startswith("3.")
    assert [found.emotion for found in stage.run([_heard(GOOD), _heard(BAD), _heard("")])] == [
        "positive",
        "negative",
        "unknown",
    ]
    assert stage.run([]) == ()
