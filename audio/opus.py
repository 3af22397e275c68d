"""Samples → Opus, in a file that decodes alone and to the very number of samples that went in."""

import io
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from audio.containers import OGG, WEBM, Container

# Opus's own, so that nothing is resampled twice.
SAMPLE_RATE = 48_000
BITS_PER_SECOND = {1: 48_000, 2: 64_000}
_MUXERS = {OGG: "ogg", WEBM: "webm"}


def encode(pieces: Iterable[NDArray[np.float32]], *, channels: int, container: Container = OGG) -> bytes:
    """A file of the samples, float32 of shape (channels, n) at 48 kHz; `channels` is 1 or 2, the container Ogg or WebM.

    Takes a piece at a time, so that only the file is held in memory.
    """
    layout = "stereo" if channels == 2 else "mono"
    body = io.BytesIO()
    with av.open(body, "w", format=_MUXERS[container]) as target:
        stream = target.add_stream("libopus", rate=SAMPLE_RATE, layout=layout, bit_rate=BITS_PER_SECOND[channels])
        given = 0
        for piece in pieces:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), given
            given += piece.shape[1]
            for packet in stream.encode(frame):
                target.mux(packet)
        for packet in stream.encode(None):
            target.mux(packet)
    return body.getvalue()
