"""What was said, whoever hears it: the words, the utterances they make, and what a transcriber has to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audio.analysis.voice_activity import Region

# Seconds. People pause for 0.2 s within a clause and for more than half a second between two.
PAUSE = 0.6
# Seconds. More than this is too much to read, to redact or to play as one.
LONGEST_UTTERANCE = 12.0


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


class Transcriber(Protocol):
    """An engine that writes down speech; `engine`, `model` and `version` go with every result."""

    @property
    def engine(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def version(self) -> str: ...

    def transcribe(self, samples: NDArray[np.float32], regions: Sequence[Region]) -> tuple[Utterance, ...]:
        """What is said in `samples`, mono of shape (n,) at 16 kHz, within `regions` in order.

        No regions, no words.
        """
        ...


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
