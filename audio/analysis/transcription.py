"""What was said, whoever hears it: the words, the utterances they make, and what a transcriber has to be."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.stages import Stage
from audio.analysis.voice_activity import Region, joined

# The name of the stage, whichever engine it is.
STAGE = "transcription"

# Seconds. People pause for 0.2 s within a clause and for more than half a second between two.
PAUSE = 0.6
# Seconds. More than this is too much to read, to redact or to play as one.
LONGEST_UTTERANCE = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """What a transcriber is given: `samples`, mono of shape (n,) at 16 kHz, and in which `regions` of them, in order
    and apart, somebody speaks. `language` is a code of ISO 639-1.
    """

    samples: NDArray[np.float32]
    regions: Sequence[Region]
    language: str = "en"

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Word:
    """One word, its times in seconds from the beginning of the samples, the engine's confidence (0-1)."""

    text: str
    start_time: float
    end_time: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words said in one go. `confidence` is the mean of theirs."""

    text: str
    start_time: float
    end_time: float
    confidence: float
    words: tuple[Word, ...]


# Whoever writes down speech: `run` gives the words of a passage in order of time, their text without outer spaces; an
# engine that punctuates leaves the marks on them. No regions, no words.
Transcriber: TypeAlias = Stage[Passage, tuple[Word, ...]]


def by_stretch(
    passage: Passage, hear: Callable[[NDArray[np.float32]], Iterable[Word]], *, gap: float
) -> tuple[Word, ...]:
    """The words of a passage from an engine that hears one stretch of speech at a time, each by itself.

    Regions no farther apart than `gap` seconds are one stretch. `hear` gets its samples and tells times from their
    beginning; what it says of other times than the stretch's own is dropped.
    """
    words: list[Word] = []
    for stretch in joined(passage.regions, gap=gap, padding=0.0, duration=passage.duration):
        spoken = passage.samples[round(stretch.start * SAMPLE_RATE) : round(stretch.end * SAMPLE_RATE)]
        if len(spoken):
            alone = Passage(spoken, (Region(0.0, len(spoken) / SAMPLE_RATE),), passage.language)
            words.extend(_later(word, stretch.start) for word in within(hear(spoken), alone))
    return within(words, passage)


def within(words: Iterable[Word], passage: Passage) -> tuple[Word, ...]:
    """What an engine says it heard, made fit to be a passage's words: in order of time, within the sound, not empty.

    Those that share no time with any region are dropped: nobody spoke there, and an engine that was trained on
    subtitles fills silence with what subtitles end with. So are those whose times lie outside the sound, and those
    whose times or confidence are no numbers.
    """
    fit = (_fitted(word, passage.duration) for word in words if _is_told(word, passage.duration))
    spoken = [word for word in fit if word.text and _is_in(word, passage.regions)]
    return tuple(sorted(spoken, key=lambda word: (word.start_time, word.end_time)))


def _is_told(word: Word, duration: float) -> bool:
    numbers = (word.start_time, word.end_time, word.confidence)
    return all(map(math.isfinite, numbers)) and word.start_time <= duration and word.end_time >= 0.0


def _later(word: Word, seconds: float) -> Word:
    # To the millisecond, as words are kept.
    start, end = round(word.start_time + seconds, 3), round(word.end_time + seconds, 3)
    return replace(word, start_time=start, end_time=end)


def _fitted(word: Word, duration: float) -> Word:
    start = min(max(word.start_time, 0.0), duration)
    return replace(
        word,
        text=_plain(word.text),
        start_time=start,
        end_time=min(max(word.end_time, start), duration),
        confidence=min(max(word.confidence, 0.0), 1.0),
    )


def _plain(text: str) -> str:
    """Without outer spaces, control characters and halves of characters, which no store takes."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if unicodedata.category(character) not in {"Cc", "Cs"}).strip()


def _is_in(word: Word, regions: Sequence[Region]) -> bool:
    if word.start_time == word.end_time:
        return any(region.start <= word.start_time <= region.end for region in regions)
    return any(word.start_time < region.end and region.start < word.end_time for region in regions)


def utterances(words: Sequence[Word]) -> tuple[Utterance, ...]:
    """Cut words, in order of time, at every `PAUSE`; what is then over `LONGEST_UTTERANCE` at its longest pause."""
    cuts = [index for index in range(1, len(words)) if _pause_before(words, index) >= PAUSE]
    bounds = [0, *cuts, len(words)]
    said: list[Utterance] = []
    for start, end in pairwise(bounds):
        said.extend(_utterance(part) for part in _short_enough(words[start:end]))
    return tuple(said)


def _pause_before(words: Sequence[Word], index: int) -> float:
    # Times come from frame counts: without rounding, a pause of 0.6 s is 0.5999… half of the time.
    return round(words[index].start_time - words[index - 1].end_time, 6)


def _short_enough(words: Sequence[Word]) -> list[Sequence[Word]]:
    parts: list[Sequence[Word]] = []
    waiting = [words] if words else []
    while waiting:
        part = waiting.pop()
        if len(part) == 1 or part[-1].end_time - part[0].start_time <= LONGEST_UTTERANCE:
            parts.append(part)
            continue
        cut = _best_cut(part)
        waiting += [part[cut:], part[:cut]]
    return parts


def _best_cut(words: Sequence[Word]) -> int:
    """Before which word the pause is longest; of equal ones the one nearest the middle."""
    middle = (words[0].start_time + words[-1].end_time) / 2
    return max(
        range(1, len(words)),
        key=lambda index: (_pause_before(words, index), -abs(words[index].start_time - middle)),
    )


def _utterance(words: Sequence[Word]) -> Utterance:
    return Utterance(
        text=" ".join(word.text for word in words),
        start_time=words[0].start_time,
        end_time=words[-1].end_time,
        confidence=sum(word.confidence for word in words) / len(words),
        words=tuple(words),
    )
