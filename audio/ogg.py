"""How long Opus in Ogg lasts, by its pages alone (RFC 3533, RFC 7845), for a tenth of what a demuxer takes.

Only of a file that is all as recorders write it: one stream, a page after another without a gap or a wrong checksum,
positions that are what its packets add up to. Of any other nothing is said here, and nothing is ever refused.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

SAMPLE_RATE: Final = 48_000
# "OggS", version, flags, position, stream, number, checksum; then how many segments, whose lengths follow.
_PAGE: Final = struct.Struct("<4sBBqIIIB")
_CHECKSUM: Final = slice(22, 26)
_FIRST, _LAST = 2, 4
# A packet goes on behind a segment of so many bytes, and ends with any that is shorter.
_FULL: Final = 255
# "OpusHead", version, channels, samples to skip at the start, rate and gain, and nought for one or two channels.
_HEAD: Final = struct.Struct("<8sBBHIhB")
# Half a minute in pages of a packet each is 1,500 of them.
_MOST_PAGES: Final = 2_000
# Ogg's checksum takes the highest bit of a byte first, and zlib's the lowest; the polynomial is the same.
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FROM_NOUGHT: Final = 0xFFFFFFFF


class Lasting(NamedTuple):
    """Seconds of all packets, and of what a decoder drops of them; how many packets; 1 channel or 2."""

    seconds: float
    skipped: float
    packets: int
    channels: int


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    position: int
    content: int
    lengths: bytes


def look(body: bytes) -> Lasting | None:
    """What its pages say; None where a demuxer has to be asked."""
    pages = _pages(body)
    # Of sound that is all on the last page a demuxer reckons otherwise.
    if pages is None or len(pages) < 4:
        return None
    head, tags, *sound = pages
    began = _begin(body, head, tags)
    if began is None:
        return None
    skip, channels = began
    seconds, samples, packets, last = 0.0, 0, 0, 0
    for number, page in enumerate(sound, 1):
        at, size = page.content, 0
        for length in page.lengths:
            size += length
            if length == _FULL:
                continue
            last = _SAMPLES[body[at]] if size else 0
            if not last:
                return None
            # One after another, as a demuxer's are added up: to the last digit the same.
            seconds += last / SAMPLE_RATE
            samples += last
            packets += 1
            at, size = at + size, 0
        is_last = number == len(sound)
        over = samples - page.position
        if size or page.flags != (_LAST if is_last else 0) or not (0 <= over < last if is_last else over == 0):
            return None
    return Lasting(seconds, skip / SAMPLE_RATE + over / SAMPLE_RATE, packets, channels)


def _begin(body: bytes, head: _Page, tags: _Page) -> tuple[int, int] | None:
    """Samples to skip, and channels, by the first two pages, each of which has one whole packet."""
    if (head.flags, head.position, tags.flags, tags.position) != (_FIRST, 0, 0, 0) or len(head.lengths) != 1:
        return None
    if head.lengths[0] != _HEAD.size or not body.startswith(b"OpusTags", tags.content):
        return None
    if any(length != _FULL for length in tags.lengths[:-1]) or tags.lengths[-1] == _FULL:
        return None
    mark, version, channels, skip, _, _, family = _HEAD.unpack_from(body, head.content)
    return (skip, channels) if (mark, version, family) == (b"OpusHead", 1, 0) and channels in (1, 2) else None


def _pages(body: bytes) -> list[_Page] | None:
    """All pages, which are the whole file, of one stream, in order and undamaged."""
    mirrored = memoryview(body.translate(_MIRRORED))
    pages: list[_Page] = []
    at, stream = 0, 0
    while at < len(body):
        if at + _PAGE.size > len(body) or len(pages) == _MOST_PAGES:
            return None
        mark, version, flags, position, of_stream, number, _, segments = _PAGE.unpack_from(body, at)
        content = at + _PAGE.size + segments
        lengths = body[at + _PAGE.size : content]
        end = content + sum(lengths)
        stream = stream if pages else of_stream
        is_next = (mark, version, of_stream, number) == (b"OggS", 0, stream, len(pages))
        if not (is_next and segments and end <= len(body) and _is_whole(mirrored[at:end])):
            return None
        pages.append(_Page(flags, position, content, lengths))
        at = end
    return pages


def _is_whole(mirrored: memoryview) -> bool:
    """Whether the page, with the bits of each byte the other way round, has the checksum that it says."""
    checksum = zlib.crc32(mirrored[: _CHECKSUM.start], _FROM_NOUGHT)
    checksum = zlib.crc32(mirrored[_CHECKSUM.stop :], zlib.crc32(bytes(4), checksum))
    return checksum ^ _FROM_NOUGHT == int.from_bytes(mirrored[_CHECKSUM], "big")


@lru_cache(1024)
def packet_seconds(packet: bytes) -> float:
    """Length of an Opus packet by its first two bytes (RFC 6716, section 3.1), of which a file has few."""
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        milliseconds = (10.0, 20.0, 40.0, 60.0)[configuration & 3]
    elif configuration < 16:
        milliseconds = (10.0, 20.0)[configuration & 1]
    else:
        milliseconds = (2.5, 5.0, 10.0, 20.0)[configuration & 3]
    frames = (1, 2, 2, packet[1] & 0x3F if len(packet) > 1 else 0)[code]
    return milliseconds * frames / 1000


# By a packet's first byte; nought for one that says in its second how many frames it has, which is rare.
_SAMPLES: Final = [round(packet_seconds(bytes([first])) * SAMPLE_RATE) for first in range(256)]
