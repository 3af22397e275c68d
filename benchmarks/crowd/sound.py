"""What recorders send: real speech in Ogg Opus, encoded once, and different in every chunk."""

import hashlib
import struct
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from django.conf import settings
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
# 240 KB for half a minute.
BITS_PER_SECOND = 64_000
# So many stretches of the reading, which begin elsewhere and are heard as something else.
TAKES = 4
_READING = Path(settings.BASE_DIR) / "crm" / "speech" / "reading.ogg"
# RFC 3533: "OggS", version, flags, position, serial, number, checksum; then how many segments, and their lengths.
_PAGE = struct.Struct("<4sBBqIII")
_CHECKSUM_AT = 22
_POLYNOMIAL = 0x04C11DB7
# Of a session's id, a colon and a number: always as long, so that pages are.
_NAME_CHARACTERS = 44


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk in two pieces, of which the second is shared by all of the same take; and its SHA-256."""

    pieces: tuple[bytes, bytes]
    digest: bytes

    @property
    def size(self) -> int:
        return sum(len(piece) for piece in self.pieces)


class Take:
    """A stretch of speech as a file of Ogg Opus, whose page of comments can be written anew."""

    def __init__(self, seconds: float, number: int) -> None:
        file = _encoded(_cut(seconds, number))
        self._head, comments, self._rest = _pages(file)
        self._serial, self._number = _PAGE.unpack_from(comments)[4:6]

    def chunk(self, name: str) -> Chunk:
        """The stretch with a comment of its own: the same sound, other bytes."""
        first = self._head + self._comments(name)
        digest = hashlib.sha256(first)
        digest.update(self._rest)
        return Chunk((first, self._rest), digest.digest())

    def _comments(self, name: str) -> bytes:
        """RFC 7845, 5.2: the encoder's name, how many comments, and those."""
        comment = f"TITLE={name:<{_NAME_CHARACTERS}}".encode()
        packet = b"OpusTags" + struct.pack("<I", 7) + b"earshot" + struct.pack("<II", 1, len(comment)) + comment
        page = bytearray(_PAGE.pack(b"OggS", 0, 0, 0, self._serial, self._number, 0))
        page += bytes([1, len(packet)]) + packet
        page[_CHECKSUM_AT : _CHECKSUM_AT + 4] = struct.pack("<I", _checksum(page))
        return bytes(page)


def takes(seconds: float) -> list[Take]:
    return [Take(seconds, number) for number in range(TAKES)]


def _pages(file: bytes) -> tuple[bytes, bytes, bytes]:
    """The page of the head, that of the comments, and the rest. Each of the two has a page of its own (RFC 7845, 3)."""
    ends = []
    at = 0
    for _ in range(2):
        segments = file[at + _PAGE.size]
        lengths = at + _PAGE.size + 1
        at = lengths + segments + sum(file[lengths : lengths + segments])
        ends.append(at)
    return file[: ends[0]], file[ends[0] : ends[1]], file[ends[1] :]


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ _POLYNOMIAL if value & 0x80000000 else value << 1
        table.append(value & 0xFFFFFFFF)
    return table


_TABLE = _table()


def _checksum(page: bytes | bytearray) -> int:
    """Ogg's CRC-32, which is none of the usual ones: not reflected, from nought."""
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[value >> 24 ^ byte]
    return value


def _cut(seconds: float, number: int) -> NDArray[np.float32]:
    """So much of the reading, over and over, from another place for each number; mono at SAMPLE_RATE."""
    resampler = av.AudioResampler("fltp", "mono", SAMPLE_RATE)
    with av.open(str(_READING)) as source:
        frames = [piece for frame in source.decode(audio=0) for piece in resampler.resample(frame)]
    frames += resampler.resample(None)
    reading = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
    begins = number * len(reading) // TAKES
    return np.resize(np.roll(reading, -begins), round(seconds * SAMPLE_RATE))


def _encoded(samples: NDArray[np.float32]) -> bytes:
    body = BytesIO()
    with av.open(body, "w", format="ogg") as target:
        stream = target.add_stream("libopus", rate=SAMPLE_RATE, layout="mono", bit_rate=BITS_PER_SECOND)
        # Every packet of the same length, so that every chunk is as large as the largest.
        stream.options = {"vbr": "off"}
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[np.newaxis]), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            target.mux(packet)
    return body.getvalue()
