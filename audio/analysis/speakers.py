"""Who speaks when, without knowing anybody: voices are told apart by their prints.

1. `SpeakerStage` hears one chunk. Windows of speech get voice prints; they are cut in two, and each part again, for
   as long as the parts differ more than one person's speech does from itself. A change of speaker has its price, so
   that nobody is there for a syllable.
2. `recognise` gives a chunk's voices the labels of the session's, as chunks come.
3. `settle` looks at all voices of a session once it has ended, and gives the labels that stay.

Prints of one person resemble one another more on the telephone than in a room, and so do those of two: what is
compared is always how alike windows of one voice are with how alike those of two are, in the same sound.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio.analysis import voice_prints
from audio.analysis.assignment import assignment
from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.voice_activity import Region, joined

# Seconds. Longer windows tell voices apart better, shorter ones turns.
WINDOW, HOP = 1.2, 0.5
# Seconds. Pauses shorter than this do not end a window.
PAUSE = 0.2
# Seconds. Less speech than this tells too little to say that somebody else speaks.
SHORTEST_VOICE = 1.0
# Seconds of either voice that it takes to say that there are two in a chunk.
SHORTEST_HALF = 2.0
# Speakers in one chunk.
MOST_VOICES = 4
# What a change of speaker costs, in units of the similarity of one window: 0.3 lost the turns of a telephone
# conversation, 0.05 cut one reader at his commas.
CHANGE = 0.1
# How much more alike windows of one voice have to be than those of two: the first, and the second over the root of
# the seconds of speech, of which a few can always be cut in two. 20 s of one person's differ by up to 0.036 when they
# are cut as well as can be, those of two people on one telephone line by 0.054, of most pairs by 0.15 and more.
GAP, GAP_OF_LITTLE = 0.025, 0.11
# Seconds between windows that are compared with one another only: what is said within a moment is alike.
LAGS = (1.6, 3.0, 5.0, 9.0, 15.0, np.inf)
FEWEST_PAIRS = 5

# How alike two voices have to be, from different chunks, for one person's: see `_likeness`.
SAME = 0.86
# Seconds: how much a print that is made from little speech is off.
UNCERTAIN = 0.35
# Two voices that are heard in the same chunk more often than this, of the chunks of the rarer, are two people's.
TOGETHER = 0.3
# Voices are merged and looked at again so many times.
ROUNDS = 2
# Voices of a session: more would be a mistake, and time to compare.
MOST_KNOWN = 40

Prints = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A voice print of shape (256,) and unit length, and the seconds of speech that it was made from."""

    print: NDArray[np.float32]
    seconds: float


@dataclass(frozen=True, slots=True)
class Turn:
    """From `start` to `end`, in seconds from the beginning of the samples, somebody speaks: `voice` is an index."""

    start: float
    end: float
    voice: int


@dataclass(frozen=True, slots=True, eq=False)
class Speakers:
    """Turns, in order and apart, and the voices that they tell of, in order of first appearance."""

    turns: tuple[Turn, ...]
    voices: tuple[Voice, ...]


@dataclass(frozen=True, slots=True)
class SpeakerStage:
    """A Stage that tells speakers apart. On one core, 30 s of speech take it some 0.15 s."""

    name: ClassVar[str] = "speakers"
    engine: ClassVar[str] = voice_prints.ENGINE
    model: ClassVar[str] = voice_prints.MODEL

    @property
    def version(self) -> str:
        return voice_prints.version()

    def health(self) -> None:
        voice_prints.health()

    def load(self) -> None:
        voice_prints.load()

    def run(self, given: tuple[NDArray[np.float32], Sequence[Region]], /) -> Speakers:
        """Who speaks in mono samples of shape (n,) at 16 kHz, within regions of speech in order."""
        samples, regions = given
        spoken = joined(regions, gap=PAUSE, padding=0.0, duration=len(samples) / SAMPLE_RATE)
        windows = [window for region in spoken for window in _windows(region)]
        if not windows:
            return Speakers((), ())
        mel = voice_prints.mel_spectrogram(samples)
        prints = voice_prints.load().prints(mel, [_frames(window, len(mel)) for window in windows])
        heard = _Heard(windows, prints)
        labels = heard.apart()
        turns = _turns(spoken, windows, labels)
        return _speakers(turns, heard, labels)


def recognise(voices: Sequence[Voice], known: Sequence[Voice]) -> tuple[list[int], list[Voice]]:
    """For each of a chunk's `voices` the index of the session's it is, and the session's with what was heard added.

    A voice that is like none of `known` is appended to them, if there is enough of it. Two voices of one chunk are
    two of the session's, as long as there is enough of both.
    """
    session = list(known)
    labels = [-1] * len(voices)
    founding = [index for index, voice in enumerate(voices) if voice.seconds >= SHORTEST_VOICE or not known]
    if founding:
        likeness = _likeness([voices[index] for index in founding], session) - SAME
        # A column of its own for each voice: to be somebody new.
        new = 0.0 if len(session) < MOST_KNOWN else -2.0
        gains = np.concatenate([likeness, np.where(np.eye(len(founding)) > 0, new, -9.0)], axis=1)
        for row, column in assignment(gains):
            labels[founding[row]] = column
        for index in founding:
            if labels[index] >= len(known):
                labels[index] = len(session)
                session.append(Voice(voices[index].print, 0.0))
    for index, voice in enumerate(voices):
        if labels[index] < 0:
            labels[index] = int(np.argmax(_likeness([voice], session)[0]))
    for index, voice in enumerate(voices):
        session[labels[index]] = _together([session[labels[index]], voice])
    return labels, session


def settle(chunks: Sequence[Sequence[Voice]]) -> list[list[int]]:
    """The label of each voice of each of a session's chunks, given in order; numbered by first appearance.

    The same voices give the same labels whenever they were heard. Takes some 0.2 ms a voice.
    """
    labels: list[list[int]] = []
    session: list[Voice] = []
    for voices in chunks:
        found, session = recognise(voices, session)
        labels.append(found)
    for _ in range(ROUNDS if session else 0):
        labels = _merged(chunks, labels)
        session = _gathered(chunks, labels)
        labels = [_nearest(voices, session) for voices in chunks]
    order: dict[int, int] = {}
    return [[order.setdefault(label, len(order)) for label in chunk] for chunk in labels]


def _windows(region: Region) -> Iterator[Region]:
    """Windows that cover a region evenly, the last one up to its end; one that is shorter when the region is."""
    if region.duration <= WINDOW:
        yield region
        return
    steps = int(np.ceil((region.duration - WINDOW) / HOP))
    for start in np.linspace(region.start, region.end - WINDOW, steps + 1):
        yield Region(float(start), float(start) + WINDOW)


def _frames(window: Region, frames: int) -> tuple[int, int]:
    start = min(round(window.start * voice_prints.FRAMES_PER_SECOND), frames - 1)
    return start, min(max(start + 1, round(window.end * voice_prints.FRAMES_PER_SECOND)), frames)


class _Heard:
    """Windows of speech in order of time, and their prints of shape (n, 256)."""

    def __init__(self, windows: Sequence[Region], prints: Prints) -> None:
        self.prints = prints
        self.seconds = np.array([window.duration for window in windows])
        middles = np.array([(window.start + window.end) / 2 for window in windows])
        self.lags = np.abs(middles[:, None] - middles)
        self.likeness = prints @ prints.T

    def apart(self) -> Labels:
        """Whose each window is, 0, 1 …"""
        labels = np.zeros(len(self.prints), dtype=np.int64)
        waiting = [0]
        while waiting and labels.max() + 1 < MOST_VOICES:
            label = waiting.pop(0)
            part = np.flatnonzero(labels == label)
            halves = self._halved(part)
            if halves is None:
                continue
            new = int(labels.max()) + 1
            labels[part[halves == 1]] = new
            waiting += [label, new]
        if labels.max() > 0:
            settled = self._assigned(np.arange(len(labels)), labels)
            if len(np.unique(settled)) == labels.max() + 1:
                labels = settled
        return labels

    def centre(self, part: Labels) -> Prints:
        return _unit((self.prints[part] * self.seconds[part, None]).sum(axis=0))

    def _halved(self, part: Labels) -> Labels | None:
        """The windows of `part` as two voices, 0 and 1; None when they are one."""
        best: tuple[float, Labels] | None = None
        for start in self._first_guesses(part):
            halves = self._assigned(part, start)
            if min(np.count_nonzero(halves == half) for half in (0, 1)) * HOP < SHORTEST_HALF:
                continue
            score = self._score(part, halves)
            if best is None or score > best[0]:
                best = score, halves
        needed = GAP + GAP_OF_LITTLE / np.sqrt(len(part) * HOP)
        return best[1] if best and self._gap(part, best[1]) >= needed else None

    def _first_guesses(self, part: Labels) -> Iterator[Labels]:
        """By the side of the middle on which windows are, in the directions in which they differ most."""
        off = self.prints[part] - np.average(self.prints[part], axis=0, weights=self.seconds[part])
        directions = np.linalg.svd(off * np.sqrt(self.seconds[part])[:, None], full_matrices=False)[2][:3]
        for direction in directions:
            yield (off @ direction > 0).astype(np.int64)

    def _assigned(self, part: Labels, labels: Labels) -> Labels:
        """Windows given to the voices that they are most like, and these made anew of them, until nothing changes."""
        for _ in range(10):
            new = _path(self._scores(part, labels))
            if len(np.unique(new)) < len(np.unique(labels)) or np.array_equal(new, labels):
                return new
            labels = new
        return labels

    def _scores(self, part: Labels, labels: Labels) -> NDArray[np.float64]:
        centres = np.array([self.centre(part[labels == label]) for label in range(labels.max() + 1)])
        scores: NDArray[np.float64] = (self.prints[part] @ centres.T) * (self.seconds[part] / WINDOW)[:, None]
        return scores

    def _score(self, part: Labels, labels: Labels) -> float:
        scores = self._scores(part, labels)
        changes = np.count_nonzero(np.diff(labels))
        return float(scores[np.arange(len(labels)), labels].sum() - CHANGE * changes)

    def _gap(self, part: Labels, halves: Labels) -> float:
        """How much more alike windows of one half are than those of both, at the same distance in time."""
        first, second = np.triu_indices(len(part), 1)
        lags, likeness = self.lags[part[first], part[second]], self.likeness[part[first], part[second]]
        same = halves[first] == halves[second]
        gained = weight = 0.0
        for least, most in pairwise(LAGS):
            at = (lags >= least) & (lags < most)
            one, two = np.count_nonzero(at & same), np.count_nonzero(at & ~same)
            if min(one, two) >= FEWEST_PAIRS:
                share = one * two / (one + two)
                gained += share * float(likeness[at & same].mean() - likeness[at & ~same].mean())
                weight += share
        return gained / weight if weight else 0.0


def _path(scores: NDArray[np.float64]) -> Labels:
    """The labels, one for each row of `scores`, with the greatest sum when each change costs `CHANGE`."""
    count, voices = scores.shape
    came_from = np.zeros((count, voices), dtype=np.int64)
    total = scores[0].copy()
    for index in range(1, count):
        best = int(total.argmax())
        stays = total >= total[best] - CHANGE
        came_from[index] = np.where(stays, np.arange(voices), best)
        total = np.where(stays, total, total[best] - CHANGE) + scores[index]
    path = np.zeros(count, dtype=np.int64)
    path[-1] = total.argmax()
    for index in range(count - 1, 0, -1):
        path[index - 1] = came_from[index, path[index]]
    return path


def _turns(spoken: Sequence[Region], windows: Sequence[Region], labels: Labels) -> list[Turn]:
    """Speech cut where the label changes: between the middles of the two windows."""
    turns: list[Turn] = []
    for region in spoken:
        start = region.start
        inside = [index for index, window in enumerate(windows) if region.start <= window.start < region.end]
        for index, following in zip(inside, [*inside[1:], None], strict=True):
            if following is not None and labels[following] == labels[index]:
                continue
            end = region.end
            if following is not None:
                end = (windows[index].start + windows[following].end) / 2
            turns.append(Turn(start, end, int(labels[index])))
            start = end
    return turns


def _speakers(turns: Sequence[Turn], heard: _Heard, labels: Labels) -> Speakers:
    order: dict[int, int] = {}
    renamed = tuple(Turn(turn.start, turn.end, order.setdefault(turn.voice, len(order))) for turn in turns)
    voices = tuple(
        Voice(
            heard.centre(np.flatnonzero(labels == label)),
            sum(turn.end - turn.start for turn in turns if turn.voice == label),
        )
        for label in order
    )
    return Speakers(renamed, voices)


def _unit(vector: NDArray[Any]) -> Prints:
    # What has no direction stays zero.
    length = float(np.linalg.norm(vector)) or 1.0
    return (vector / length).astype(np.float32)


def _together(voices: Sequence[Voice]) -> Voice:
    seconds = sum(voice.seconds for voice in voices)
    return Voice(_unit(np.sum([voice.print * voice.seconds for voice in voices], axis=0)), seconds)


def _likeness(voices: Sequence[Voice], others: Sequence[Voice]) -> NDArray[np.float64]:
    """How alike voices are, of shape (voices, others): the cosine of their prints, by what little speech takes off.

    A print is the mean of windows that each are off in a direction of their own; the less speech, the more is left of
    that.
    """
    if not voices or not others:
        return np.zeros((len(voices), len(others)))
    cosine = (
        np.array([voice.print for voice in voices], dtype=np.float64)
        @ np.array([voice.print for voice in others], dtype=np.float64).T
    )
    certain, sure = (
        1.0 + UNCERTAIN / np.array([max(voice.seconds, 0.1) for voice in side]) for side in (voices, others)
    )
    return np.minimum(cosine * np.sqrt(np.outer(certain, sure)), 1.0)


def _merged(chunks: Sequence[Sequence[Voice]], labels: Sequence[Sequence[int]]) -> list[list[int]]:
    """The most alike made one, until no two are one person's. Who speaks in the same chunks is not the same person."""
    session = _gathered(chunks, labels)
    names = {label: index for index, label in enumerate(sorted({label for chunk in labels for label in chunk}))}
    count = len(session)
    there, together = np.zeros(count), np.zeros((count, count))
    for voices, chunk in zip(chunks, labels, strict=True):
        # Of somebody who is hardly heard in a chunk, nobody can say that he is not the other.
        present = sorted(
            {names[label] for voice, label in zip(voices, chunk, strict=True) if voice.seconds >= SHORTEST_VOICE}
        )
        there[present] += 1.0
        together[np.ix_(present, present)] += 1.0
    likeness = _likeness(session, session)
    now = np.arange(count)
    alive = np.ones(count, dtype=bool)
    while True:
        apart = together / np.maximum(np.minimum(there[:, None], there), 1.0) > TOGETHER
        allowed = np.triu(~apart & alive[:, None] & alive, 1)
        best = np.where(allowed, likeness, -1.0)
        first, second = divmod(int(best.argmax()), count)
        if best[first, second] < SAME:
            break
        session[first] = _together([session[first], session[second]])
        alive[second] = False
        now[now == second] = first
        there[first] += there[second]
        together[first] += together[second]
        together[:, first] = together[first]
        likeness[first] = likeness[:, first] = _likeness([session[first]], session)[0]
    return [[int(now[names[label]]) for label in chunk] for chunk in labels]


def _nearest(voices: Sequence[Voice], session: Sequence[Voice]) -> list[int]:
    """Different ones of the session's for different voices as long as there are as many, whoever is most like."""
    labels = [-1] * len(voices)
    likeness = _likeness(voices, session)
    certain = [index for index, voice in enumerate(voices) if voice.seconds >= SHORTEST_VOICE]
    for row, column in assignment(likeness[certain]):
        labels[certain[row]] = column
    return [int(likeness[row].argmax()) if label < 0 else label for row, label in enumerate(labels)]


def _gathered(chunks: Sequence[Sequence[Voice]], labels: Sequence[Sequence[int]]) -> list[Voice]:
    """The session's voices by their labels, which need not be without gaps, in order."""
    found: dict[int, list[Voice]] = {}
    for voices, chunk in zip(chunks, labels, strict=True):
        for voice, label in zip(voices, chunk, strict=True):
            found.setdefault(label, []).append(voice)
    return [_together(found[label]) for label in sorted(found)]
