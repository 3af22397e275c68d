"""Samples at 48 kHz → 16-bit PCM at 16 kHz, wherever in a longer line of sound one begins. Pure."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from audio import opus

IN_RATE: Final = opus.SAMPLE_RATE
OUT_RATE: Final = 16_000
RATIO: Final = IN_RATE // OUT_RATE
# So many samples before and behind those that are wanted go in with them: more than the filter is long (99), and
# a multiple of RATIO, so that what comes out is the same to the bit whoever asks for how much of the line.
LEAD: Final = 960
# What goes in at once; a frame of Opus by itself is mostly overhead.
_BLOCK: Final = 9600


def pcm(samples: Iterable[NDArray[np.float32]], *, channels: int) -> Iterator[bytes]:
    """The samples, of shape (channels, n), as little-endian 16-bit PCM; the first LEAD // RATIO frames are not right.

    As much comes out as went in, but for up to LEAD // RATIO frames at the end.
    """
    layout = "stereo" if channels == 2 else "mono"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=OUT_RATE)
    given = 0
    for block in _blocks(samples):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = IN_RATE, Fraction(1, IN_RATE), given
        given += block.shape[1]
        for piece in resampler.resample(frame):
            yield piece.to_ndarray().astype("<i2", copy=False).tobytes()


def _blocks(pieces: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    held: list[NDArray[np.float32]] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += piece.shape[1]
        if length >= _BLOCK:
            yield np.concatenate(held, axis=1)
            held, length = [], 0
    if length:
        yield np.concatenate(held, axis=1)
