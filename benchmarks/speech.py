"""Speech to be heard: one man reading aloud, from the beginning again and again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from audio import opus, sending, wav
from audio.analysis import decoding
from audio.containers import OGG
from audio.sending import RecordedChunk

_READING = Path(settings.BASE_DIR) / "crm" / "speech" / "reading.ogg"


def make(path: Path, *, seconds: int) -> None:
    """Write an Ogg Opus file of so many seconds."""
    path.write_bytes(opus.encode(_sound(seconds * opus.SAMPLE_RATE), channels=1))


def chunks(path: Path, *, seconds: int) -> Iterator[RecordedChunk]:
    """The file as a recorder sends it, in chunks of so many seconds."""
    yield from sending.record(path, channels=1, chunk_seconds=seconds)


def as_wav(chunk: RecordedChunk) -> bytes:
    """The chunk's sound in the form that is transcoded once it has been heard: mono, 16 bits, 16 kHz."""
    sound = decoding.decode(chunk.body, channels=1, container=OGG)
    body: bytes = (sound.samples[0].clip(-1.0, 1.0) * 32767).astype("<i2").tobytes()
    return wav.header(sound.samples.shape[1], channels=1, sample_rate=sound.sample_rate) + body


def _sound(length: int) -> Iterator[NDArray[np.float32]]:
    """So many samples of shape (1, n)."""
    body = _READING.read_bytes()
    left = length
    while left > 0:
        for piece in decoding.pieces(body, channels=1, container=OGG, sample_rate=opus.SAMPLE_RATE):
            yield piece[:, :left]
            left -= piece.shape[1]
            if left <= 0:
                return
