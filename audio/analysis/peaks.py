"""How loud a channel is at its loudest, stretch by stretch: what its waveform is drawn from. Pure.

A peak is one byte: the square root of the largest amplitude, in 255ths. The root keeps the whole of 16 bits apart,
down to a whisper, and is about how loud a sound seems.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio.analysis.decoding import Sound

# 1 KB for half a minute of two channels. On a screen's width it is some 50 s.
BINS_PER_SECOND: Final = 20
SECONDS_PER_BIN: Final = 1 / BINS_PER_SECOND
# Of a point, or of a bin: what sums of seconds are off by.
_SLACK = 1e-6

Peaks: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Measured:
    """The bins of a stretch of sound, as `measure` gives them; from `start` to `end` on a line, in seconds."""

    start: float
    end: float
    bins: bytes


def measure(sound: Sound, *, channels: int) -> bytes:
    """The peaks of BINS_PER_SECOND bins: uint8 of shape (bins, channels), the last bin perhaps of less sound.

    A sound of one channel is that of both where two are wanted.
    """
    width = sound.sample_rate // BINS_PER_SECOND
    samples = sound.samples
    padded = np.pad(samples, ((0, 0), (0, -samples.shape[1] % width)))
    binned = padded.reshape(samples.shape[0], -1, width)
    # Files of floats may hold what is no number.
    loudest = np.nan_to_num(np.maximum(binned.max(axis=2), -binned.min(axis=2)), posinf=1.0)
    levels = np.rint(np.sqrt(loudest.clip(0.0, 1.0)) * 255).astype(np.uint8)
    return np.broadcast_to(levels, (channels, levels.shape[1])).T.tobytes()


def points_between(start: float, end: float, *, most: int) -> int:
    """Into how many points the stretch is drawn: at most so many, and none finer than a bin."""
    return min(most, max(1, int((end - start) * BINS_PER_SECOND + _SLACK))) if end > start else 0


def drawn(
    stretches: Iterable[Measured],
    *,
    channels: int,
    start: float,
    end: float,
    points: int,
    quiet: Iterable[tuple[float, float, int | None]] = (),
) -> Peaks:
    """From `start` to `end`, in as many points: uint8 of shape (channels, points), 0 where nothing was measured.

    A point has the loudest of all bins that reach into it. None that reaches into one of the `quiet`, each from when
    to when and in which channel (None: all), is loud at all.
    """
    if not points:
        return np.zeros((channels, 0), dtype=np.uint8)
    cells = _cells(stretches, channels=channels, start=start, number=_bins_of(end - start))
    for begin, stop, channel in quiet:
        from_cell = max(0, math.floor((begin - start) * BINS_PER_SECOND + _SLACK))
        cells[slice(None) if channel is None else channel, from_cell : max(0, _bins_of(stop - start))] = 0
    edges = np.linspace(0.0, (end - start) * BINS_PER_SECOND, points + 1)
    first = np.floor(edges[:-1] + _SLACK).astype(np.int64)
    after = np.ceil(edges[1:] - _SLACK).astype(np.int64)
    found: Peaks = np.maximum.reduceat(cells, np.stack([first, after], axis=1).ravel(), axis=1)[:, ::2]
    return found


def _cells(stretches: Iterable[Measured], *, channels: int, start: float, number: int) -> Peaks:
    """What was measured, from `start` on, in cells as long as a bin: uint8 of shape (channels, number + 1).

    Chunks begin anywhere, so that most of their bins reach into two cells. The last cell is there for `reduceat`.
    """
    cells = np.zeros((channels, number + 1), dtype=np.uint8)
    for one in stretches:
        place = (one.start - start) * BINS_PER_SECOND
        first = math.floor(place + _SLACK)
        # What of a chunk lies beyond its end on the line is not heard either.
        bins = np.frombuffer(one.bins, dtype=np.uint8).reshape(-1, channels).T[:, : _bins_of(one.end - one.start)]
        for cell in (first, first + 1) if place - first > _SLACK else (first,):
            left = max(0, -cell)
            there = cells[:, cell + left : max(0, min(number, cell + bins.shape[1]))]
            np.maximum(there, bins[:, left : left + there.shape[1]], out=there)
    return cells


def _bins_of(seconds: float) -> int:
    return math.ceil(seconds * BINS_PER_SECOND - _SLACK)


def missing(stretches: Sequence[Measured], *, start: float, end: float) -> list[tuple[float, float]]:
    """Where from `start` to `end` nothing was measured, in order; what is shorter than a bin is left out."""
    there = np.array([(one.start, one.end) for one in stretches if one.bins]).reshape(-1, 2).clip(start, end)
    begins = np.concatenate([[start], np.maximum.accumulate(there[:, 1])])
    ends = np.concatenate([there[:, 0], [end]])
    holes = ends - begins > SECONDS_PER_BIN
    return [(round(hole[0], 3), round(hole[1], 3)) for hole in np.stack([begins, ends], axis=1)[holes].tolist()]
