"""Turns that were found against turns that were spoken.

As NIST's md-eval counts: time in which two speak counts twice, found speakers are mapped one to one to real ones so
that most time is right, and within `collar` seconds of where a real turn begins or ends nothing is counted.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from audio.analysis.assignment import assignment
from audio.analysis.evaluation.rttm import SpokenTurn


@dataclass(frozen=True, slots=True)
class DiarizationError:
    """Seconds: `spoken` in all, of that `missed` and given to the wrong speaker (`confused`); `false_alarm` beside."""

    spoken: float
    missed: float
    false_alarm: float
    confused: float

    @property
    def rate(self) -> float:
        """Of every second spoken; more than 1 is possible. With nothing spoken: 0 if nothing was found, else 1."""
        wrong = self.missed + self.false_alarm + self.confused
        if not self.spoken:
            return 1.0 if wrong else 0.0
        return wrong / self.spoken


@dataclass(frozen=True, slots=True)
class VoiceActivityError:
    """Seconds in which somebody speaks, and nobody; of these, seconds not found, and found in vain."""

    speech: float
    silence: float
    missed: float
    false_alarm: float

    @property
    def missed_rate(self) -> float:
        """The share of speech that was not found."""
        return self.missed / self.speech if self.speech else 0.0

    @property
    def false_alarm_rate(self) -> float:
        """The share of silence that was taken for speech."""
        return self.false_alarm / self.silence if self.silence else 0.0


def diarization_error(
    spoken: Sequence[SpokenTurn], found: Sequence[SpokenTurn], *, collar: float = 0.0
) -> DiarizationError:
    """How far `found` is from `spoken`, by the best mapping of the one's speakers to the other's."""
    moments = tuple(_moments(spoken, found, collar=collar))
    names = sorted({turn.speaker for turn in spoken}), sorted({turn.speaker for turn in found})
    together = np.zeros((len(names[0]), len(names[1])))
    for moment in moments:
        for speaker in moment.spoken:
            for other in moment.found:
                together[names[0].index(speaker), names[1].index(other)] += moment.seconds
    mapped = {(names[0][row], names[1][column]) for row, column in assignment(together)}
    total = missed = false_alarm = confused = 0.0
    for moment in moments:
        said, heard = len(moment.spoken), len(moment.found)
        right = sum((speaker, other) in mapped for speaker in moment.spoken for other in moment.found)
        total += said * moment.seconds
        missed += max(0, said - heard) * moment.seconds
        false_alarm += max(0, heard - said) * moment.seconds
        confused += (min(said, heard) - right) * moment.seconds
    return DiarizationError(total, missed, false_alarm, confused)


def voice_activity_error(
    spoken: Sequence[SpokenTurn], found: Sequence[SpokenTurn], *, duration: float, collar: float = 0.0
) -> VoiceActivityError:
    """Whether anybody speaks, whoever it is, over `duration` seconds."""
    speech = silence = missed = false_alarm = 0.0
    for moment in _moments(spoken, found, collar=collar, bounds=(0.0, duration)):
        if moment.spoken:
            speech += moment.seconds
            missed += 0.0 if moment.found else moment.seconds
        else:
            silence += moment.seconds
            false_alarm += moment.seconds if moment.found else 0.0
    return VoiceActivityError(speech, silence, missed, false_alarm)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A stretch in which nobody begins or ends, and who speaks in it by the one account and by the other."""

    seconds: float
    spoken: Collection[str]
    found: Collection[str]


def _moments(
    spoken: Sequence[SpokenTurn], found: Sequence[SpokenTurn], *, collar: float, bounds: Sequence[float] = ()
) -> Iterator[_Moment]:
    edges = [edge for turn in spoken for edge in (turn.start, turn.end)]
    collars = [(edge - collar, edge + collar) for edge in edges] if collar else []
    times = {*edges, *bounds, *(edge for turn in found for edge in (turn.start, turn.end))}
    times.update(edge for around in collars for edge in around)
    for start, end in pairwise(sorted(times)):
        middle = (start + end) / 2
        if (bounds and not bounds[0] < middle < bounds[-1]) or any(begin < middle < stop for begin, stop in collars):
            continue
        yield _Moment(end - start, _speaking(spoken, middle), _speaking(found, middle))


def _speaking(turns: Sequence[SpokenTurn], moment: float) -> frozenset[str]:
    return frozenset(turn.speaker for turn in turns if turn.start <= moment < turn.end)
