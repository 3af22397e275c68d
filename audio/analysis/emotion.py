"""An estimate of the emotion of what somebody said, from the words and from the voice. The only importer of VADER.

The words tell whether it was good or bad (VADER's rules and its list of English words); pitch and level, against what
the same speaker usually does in the same session, tell whether the voice was raised. That evidence carries five labels
and no more. Anger, fear and delight all raise a voice, sadness and boredom both lower it, and irony has friendly words:
to tell these apart takes more than is measured here, so that "angry" and "sad" are not among the labels. A raised voice
with neutral words can be anything, and is `unknown`.

Neither the labels nor the thresholds have been tried on real emotional speech.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped]

from audio.analysis.prosody import FLOOR, HIGHEST, HOP, LOWEST, Prosody

# In a call these are manners, fillers or business, not sentiments: VADER, made for what people write to each other in
# public, takes "could you please help me" for a joy and "my credit card number" for a fortune.
COMMONPLACES = frozenset(
    [
        "alright",
        "care",
        "credit",
        "dear",
        "hello",
        "help",
        "helping",
        "interest",
        "like",
        "no",
        "number",
        "ok",
        "okay",
        "please",
        "security",
        "sure",
        "well",
        "yeah",
        "yes",
    ]
)

# Of VADER's sum over a sentence, -1 to 1. Its own 0.05 lets any one word of the list decide; this takes a clear word.
CLEAR = 0.35
# Below these nothing is claimed. The draft engine's right words have a confidence of some 0.76, its wrong ones of 0.48.
LEAST_CONFIDENCE = 0.6
FEWEST_WORDS = 3

# Seconds of voiced sound: what a speaker's usual voice is known by, and what one segment has to have.
ENOUGH_BASELINE, ENOUGH_SEGMENT = 8.0, 0.5
# Robust standard deviations above the usual, pitch and level taken together; and what each has to reach alone, for one
# of them rises by itself when the microphone is moved or a question is asked.
RAISED, RAISED_EACH = 1.0, 0.5
# Semitones and decibels: a monotonous speaker's every quaver is not a raised voice.
LEAST_SPREAD_PITCH, LEAST_SPREAD_LEVEL = 1.0, 3.0

# A baseline's bins: half a semitone from LOWEST up, and one decibel from FLOOR up.
_BINS_PER_OCTAVE = 24
_PITCH_BINS = math.ceil(_BINS_PER_OCTAVE * math.log2(HIGHEST / LOWEST)) + 1
_LEVEL_BINS = round(-FLOOR)
_BASELINE_VERSION = 1
# Frames of a month on end; more is garbage.
_MOST_FRAMES = 10**8


class Emotion(StrEnum):
    POSITIVE = "positive"
    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    # Negative words in a raised voice, and positive ones.
    TENSE = "tense"
    EXCITED = "excited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Baseline:
    """How a speaker usually speaks: how many voiced frames had which pitch and which level.

    Counts, in bins of half a semitone and of a decibel: stretches can be added one by one, in any order. That none is
    added twice is the caller's to see to; one analysed again wants the sum made anew.
    """

    pitch: tuple[int, ...] = (0,) * _PITCH_BINS
    level: tuple[int, ...] = (0,) * _LEVEL_BINS

    @property
    def duration(self) -> float:
        """Seconds of voiced sound."""
        return sum(self.pitch) * HOP

    def plus(self, other: "Baseline") -> "Baseline":
        return Baseline(
            tuple(a + b for a, b in zip(self.pitch, other.pitch, strict=True)),
            tuple(a + b for a, b in zip(self.level, other.level, strict=True)),
        )

    def as_json(self) -> dict[str, Any]:
        """For a JSON column; some hundred bytes."""
        return {"version": _BASELINE_VERSION, "pitch": _trimmed(self.pitch), "level": _trimmed(self.level)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Baseline":
        """What `as_json` gave. Raises ValueError for anything else."""
        if value.get("version") != _BASELINE_VERSION:
            raise ValueError("A baseline of another version is not known.")
        return cls(_filled(value.get("pitch"), _PITCH_BINS), _filled(value.get("level"), _LEVEL_BINS))


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment: its text, the mean confidence of its words (0-1), its frames, its speaker's baseline, its language.

    `language` as BCP 47 has it ("en-GB"). Without a baseline, or with a young one, the words alone are asked.
    """

    text: str
    confidence: float
    prosody: Prosody
    baseline: Baseline | None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Estimate:
    """`score` is how clearly the evidence says so (0-1), no likelihood; `method` which evidence there was.

    "words", "words+voice", or "none" where it is `unknown` for want of any.
    """

    emotion: Emotion
    score: float
    method: str


UNKNOWN = Estimate(Emotion.UNKNOWN, 0.0, "none")


@dataclass(frozen=True, slots=True)
class EmotionStage:
    """A Stage: segments to an Estimate of each."""

    name: ClassVar[str] = "emotion"
    engine: ClassVar[str] = "vader+prosody"
    model: ClassVar[str] = "vader_lexicon"

    @property
    def version(self) -> str:
        return f"{version('vaderSentiment')}/1"

    def health(self) -> None:
        """The word list is inside the package that this module has imported."""

    def load(self) -> None:
        load()

    def run(self, segments: Sequence[Heard], /) -> tuple[Estimate, ...]:
        return tuple(estimate(heard) for heard in segments)


def baseline(prosodies: Iterable[Prosody]) -> Baseline:
    """How somebody usually speaks, from stretches in which they do."""
    pitch, level = np.zeros(_PITCH_BINS, dtype=np.int64), np.zeros(_LEVEL_BINS, dtype=np.int64)
    for prosody in prosodies:
        voiced = prosody.pitch > 0
        bins = np.log2(prosody.pitch[voiced] / LOWEST) * _BINS_PER_OCTAVE
        pitch += np.bincount(bins.clip(0, _PITCH_BINS - 1).astype(int), minlength=_PITCH_BINS)
        bins = prosody.level[voiced] - FLOOR
        level += np.bincount(bins.clip(0, _LEVEL_BINS - 1).astype(int), minlength=_LEVEL_BINS)
    return Baseline(tuple(pitch.tolist()), tuple(level.tolist()))


def estimate(heard: Heard) -> Estimate:
    """`unknown` for words that are few, unsure or not English, and for neutral words in a raised voice."""
    is_english = heard.language.partition("-")[0].lower() == "en"
    if not is_english or heard.confidence < LEAST_CONFIDENCE or len(heard.text.split()) < FEWEST_WORDS:
        return UNKNOWN
    feeling = valence(heard.text)
    raised = is_raised(heard.prosody, heard.baseline) if heard.baseline else None
    method = "words" if raised is None else "words+voice"
    if feeling >= CLEAR:
        emotion = Emotion.EXCITED if raised else Emotion.POSITIVE
    elif feeling <= -CLEAR:
        emotion = Emotion.TENSE if raised else Emotion.NEGATIVE
    elif raised:
        return Estimate(Emotion.UNKNOWN, 0.0, method)
    else:
        emotion = Emotion.NEUTRAL
    clearness = 1 - abs(feeling) if emotion == Emotion.NEUTRAL else abs(feeling)
    return Estimate(emotion, round(clearness * min(1.0, heard.confidence), 3), method)


def valence(text: str) -> float:
    """How good or bad English words are, -1 to 1; 0 where they say neither."""
    return float(load().polarity_scores(text)["compound"])


def arousal(prosody: Prosody, baseline: Baseline) -> tuple[float, float] | None:
    """Robust standard deviations that a stretch's median pitch and level are above its speaker's; None: too little."""
    voiced = prosody.pitch > 0
    if np.count_nonzero(voiced) * HOP < ENOUGH_SEGMENT or baseline.duration < ENOUGH_BASELINE:
        return None
    usual, spread = _usual(baseline.pitch)
    pitch = float(np.median(np.log2(prosody.pitch[voiced] / LOWEST))) * _BINS_PER_OCTAVE
    higher = (pitch - usual) / max(spread, LEAST_SPREAD_PITCH * _BINS_PER_OCTAVE / 12)
    usual, spread = _usual(baseline.level)
    level = float(np.median(prosody.level[voiced])) - FLOOR
    return higher, (level - usual) / max(spread, LEAST_SPREAD_LEVEL)


def is_raised(prosody: Prosody, baseline: Baseline) -> bool | None:
    """Whether the voice is raised in both pitch and level; None where there is too little to tell by."""
    measured = arousal(prosody, baseline)
    if measured is None:
        return None
    return sum(measured) / 2 >= RAISED and min(measured) >= RAISED_EACH


def final_emotions(estimates: Iterable[tuple[Estimate, float]]) -> dict[str, float]:
    """Each emotion's share of the speech in which one is known, given estimates with their durations in seconds.

    In hundredths that sum to 1, the largest first; empty where none is known. What is `unknown` counts nowhere, so
    that the shares say nothing about how much of the call they stand for.
    """
    seconds: dict[str, float] = {}
    for estimate, duration in estimates:
        if estimate.emotion != Emotion.UNKNOWN and duration > 0:
            seconds[estimate.emotion.value] = seconds.get(estimate.emotion.value, 0.0) + duration
    total = sum(seconds.values())
    if not total:
        return {}
    exact = {emotion: 100 * duration / total for emotion, duration in seconds.items()}
    shares = {emotion: math.floor(hundredths) for emotion, hundredths in exact.items()}
    # Largest remainder; by name where they are equal, that twice gives the same.
    by_remainder = sorted(exact, key=lambda emotion: (shares[emotion] - exact[emotion], emotion))
    for emotion in by_remainder[: 100 - sum(shares.values())]:
        shares[emotion] += 1
    ordered = sorted(shares.items(), key=lambda share: (-share[1], share[0]))
    return {emotion: hundredths / 100 for emotion, hundredths in ordered if hundredths}


@cache
def load() -> SentimentIntensityAnalyzer:
    """VADER without `COMMONPLACES`, loaded once in each process. 7 ms."""
    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon = {word: weight for word, weight in analyzer.lexicon.items() if word not in COMMONPLACES}
    return analyzer


def _usual(counts: Sequence[int]) -> tuple[float, float]:
    """Median and robust standard deviation (1.4826 times the median distance from it) in bins."""
    values = np.arange(len(counts), dtype=np.float64) + 0.5
    weights = np.asarray(counts, dtype=np.int64)
    median = _median(values, weights)
    return median, 1.4826 * _median(np.abs(values - median), weights)


def _median(values: NDArray[np.float64], weights: NDArray[np.int64]) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def _trimmed(counts: Sequence[int]) -> dict[str, Any]:
    """The counts between the first and the last that is not zero."""
    used = [index for index, count in enumerate(counts) if count]
    return {"first": used[0], "counts": list(counts[used[0] : used[-1] + 1])} if used else {"first": 0, "counts": []}


def _filled(value: Any, bins: int) -> tuple[int, ...]:
    match value:
        case {"first": int(first), "counts": list(counts)} if 0 <= first <= bins - len(counts) and all(
            type(count) is int and 0 <= count <= _MOST_FRAMES for count in counts
        ):
            return (0,) * first + tuple(counts) + (0,) * (bins - len(counts) - first)
    raise ValueError("A baseline has counts that fit its bins.")
