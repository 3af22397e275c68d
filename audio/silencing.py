"""Stretches of 16-bit PCM made silent, wherever in a longer line of it one begins. Pure."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio.downsampling import OUT_RATE

# Sound that breaks off clicks. It fades away before a stretch and comes back behind it, 5 ms each.
FADE_FRAMES: Final = OUT_RATE // 200

_Frames: TypeAlias = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Frames from `start` to before `stop`, nothing of which is heard in `channel`, or in any when None."""

    start: int
    stop: int
    channel: int | None

    @classmethod
    def between(cls, start: float, end: float, channel: int | None) -> "Quiet":
        """Of seconds, to the whole frame outwards."""
        return cls(math.floor(start * OUT_RATE), math.ceil(end * OUT_RATE), channel)


class Silencer:
    """Makes the same stretches silent in whatever part of the line it is given.

    A frame becomes the same to the bit whichever piece it comes in.
    """

    def __init__(self, stretches: Iterable[Quiet], *, channels: int) -> None:
        self._channels = channels
        self._stretches = sorted(stretches, key=lambda one: one.start)
        # By the end of what ends last, up to and with each: what ends before a piece need not be looked at.
        self._ends = np.maximum.accumulate([one.stop for one in self._stretches]).tolist() if self._stretches else []

    def over(self, pieces: Iterable[bytes], *, at: int) -> Iterator[bytes]:
        """The pieces, of whole frames, the first of which is number `at` of the line; it may be below 0."""
        frame_bytes = self._channels * np.dtype("<i2").itemsize
        for piece in pieces:
            yield self._silenced(piece, at)
            at += len(piece) // frame_bytes

    def _silenced(self, piece: bytes, at: int) -> bytes:
        frames: _Frames | None = None
        until = at + len(piece) // (2 * self._channels) + FADE_FRAMES
        for one in self._stretches[bisect_right(self._ends, at - FADE_FRAMES) :]:
            if one.start >= until:
                break
            if frames is None:
                frames = np.frombuffer(piece, dtype="<i2").reshape(-1, self._channels).copy()
            _quieten(frames if one.channel is None else frames[:, one.channel : one.channel + 1], one, at)
        return piece if frames is None else frames.tobytes()


def _quieten(frames: _Frames, one: Quiet, at: int) -> None:
    first = max(0, one.start - FADE_FRAMES - at)
    places = np.arange(at + first, min(at + len(frames), one.stop + FADE_FRAMES))
    beside = np.maximum(one.start - places, places - one.stop + 1)
    gain = (beside / FADE_FRAMES).clip(0.0, 1.0)[:, None]
    touched = frames[first : first + len(places)]
    touched[:] = np.rint(touched * gain)
