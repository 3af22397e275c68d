"""A recording as one small file to take away: MP3, which every machine plays, all of it or one side.

It is what `playback.py` makes, gaps and masked words silent, at 16 kHz: some 20 MB an hour for one channel.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import BinaryIO, Final

import av
import numpy as np
from numpy.typing import NDArray

from audio.downsampling import OUT_RATE
from audio.models import AudioSession
from audio.playback import PIECE_BYTES, Recording
from audio.speakers import SIDES
from metrics.erasing import Share

CONTENT_TYPE: Final = "audio/mpeg"
EXTENSION: Final = "mp3"
BITS_PER_SECOND: Final = {1: 48_000, 2: 80_000}


def write(session: AudioSession, target: BinaryIO, *, share: Share, told: Callable[[], None]) -> None:
    """Write the file to `target`, which has to be able to go back. `told` is called now and then, and may raise.

    One side of a recording of two channels is its channel, alone. Raises NothingRecorded when nothing of it is stored,
    StoreUnavailable, what `calls` raises when it cannot tell what is masked, and Django's OperationalError.
    """
    recording = Recording.of(session)
    channel = None if share is Share.WHOLE or recording.channels != len(SIDES) else SIDES.index(share.value)
    width = recording.channels if channel is None else 1
    layout = "stereo" if width == 2 else "mono"
    with av.open(target, "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=OUT_RATE, layout=layout, bit_rate=BITS_PER_SECOND[width])
        given = 0
        for samples in _samples(recording):
            wanted = samples if channel is None else samples[channel : channel + 1]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wanted), format="s16p", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = OUT_RATE, Fraction(1, OUT_RATE), given
            given += wanted.shape[1]
            for packet in stream.encode(frame):
                file.mux(packet)
            told()
        for packet in stream.encode(None):
            file.mux(packet)


def _samples(recording: Recording) -> Iterator[NDArray[np.int16]]:
    """The recording's sound, of shape (channels, n), in pieces of a second or so."""
    frame_bytes = 2 * recording.channels
    held = b""
    for piece in recording.bytes_between(len(recording.head), recording.size):
        held += piece
        whole = len(held) - len(held) % frame_bytes
        if whole >= PIECE_BYTES:
            yield _of(held[:whole], recording.channels)
            held = held[whole:]
    if held:
        yield _of(held, recording.channels)


def _of(pcm: bytes, channels: int) -> NDArray[np.int16]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int16, copy=False).reshape(-1, channels).T
