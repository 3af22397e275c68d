"""The head of a WAV file whose sound is made as it is asked for: 16-bit PCM, its gaps marked. Pure.

`RIFF`, `fmt `, `cue ` and `LIST adtl` in front of `data`: each mark is a cue point at the frame where it begins, with
a label in words (`labl`, UTF-8) and its length (`ltxt`), as editors of sound show regions. A file of more than 4 GB is
an RF64 (EBU Tech 3306): its lengths stand in `ds64`.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

BYTES_PER_SAMPLE: Final = 2
_PCM: Final = 1
# What a 32-bit length can tell; in an RF64 it says that the length stands in `ds64`.
_MOST: Final = 2**32 - 1
_REGION: Final = b"rgn "


@dataclass(frozen=True, slots=True)
class Mark:
    """`frames` from frame `start` on, and what to call them."""

    start: int
    frames: int
    label: str


def header(frames: int, *, channels: int, sample_rate: int, marks: Sequence[Mark] = ()) -> bytes:
    """Everything up to the first sample of a file that has `frames` of them in each channel."""
    frame_bytes = channels * BYTES_PER_SAMPLE
    data_bytes = frames * frame_bytes
    form = (_PCM, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, 8 * BYTES_PER_SAMPLE)
    chunks = _chunk(b"fmt ", struct.pack("<HHIIHH", *form)) + _marked(marks)
    # From behind the first eight bytes to the end.
    size = len(b"WAVE") + len(chunks) + 8 + data_bytes
    if size <= _MOST:
        return b"RIFF" + struct.pack("<I", size) + b"WAVE" + chunks + b"data" + struct.pack("<I", data_bytes)
    lengths = _chunk(b"ds64", struct.pack("<QQQI", size + 8 + 28, data_bytes, frames, 0))
    return b"RF64" + struct.pack("<I", _MOST) + b"WAVE" + lengths + chunks + b"data" + struct.pack("<I", _MOST)


def _marked(marks: Iterable[Mark]) -> bytes:
    """The chunks that tell of the marks; nothing without any. A cue point has 32 bits for its frame."""
    numbered = list(enumerate((mark for mark in marks if mark.start + mark.frames <= _MOST), 1))
    if not numbered:
        return b""
    points = [struct.pack("<II4sIII", number, mark.start, b"data", 0, 0, mark.start) for number, mark in numbered]
    told = [
        _chunk(b"labl", struct.pack("<I", number) + mark.label.encode() + b"\0")
        + _chunk(b"ltxt", struct.pack("<II4sHHHH", number, mark.frames, _REGION, 0, 0, 0, 0))
        for number, mark in numbered
    ]
    cue = _chunk(b"cue ", struct.pack("<I", len(points)) + b"".join(points))
    return cue + _chunk(b"LIST", b"adtl" + b"".join(told))


def _chunk(name: bytes, body: bytes) -> bytes:
    """Chunks begin at even bytes, whatever length they tell."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
