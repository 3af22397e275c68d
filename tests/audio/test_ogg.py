"""Opus in Ogg read by its pages: what is said at all is what the demuxer says."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import containers, ogg, opus
from audio.errors import AudioError
from tests import sound
from tests.scale import scaled


def encoded(seconds, *, channels=1):
    tone = sound.tone(seconds, sample_rate=opus.SAMPLE_RATE).astype(np.float32)
    return opus.encode([np.stack([tone] * channels)], channels=channels)


WHOLE = encoded(4.1)
# By their first byte: packets of 2.5, 5, 10, 20, 40 and 60 ms, and such of two frames.
FIRSTS = [0xE0, 0xE8, 0xF0, 0xF8, 0x78, 0x10, 0x18, 0xF9, 0xFA, 0x01, 0xFB]


def checksum(page):
    """As RFC 3533 has it, bit by bit."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def page_of(packets, number, *, position, flags=0, stream=7):
    lengths = b"".join(bytes([255] * (len(packet) // 255) + [len(packet) % 255]) for packet in packets)
    page = bytearray(struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, stream, number, 0, len(lengths)))
    page += lengths + b"".join(packets)
    page[22:26] = struct.pack("<I", checksum(page))
    return bytes(page)


def written(pages, *, skip=312, over=0, first_position=0, channels=1, family=0, last_flag=4):
    """A file of these packets by page, which says that so many samples at the end are none of the sound."""
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, skip, 48_000, 0, family)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)
    body = page_of([head], 0, position=0, flags=2) + page_of([tags], 1, position=0)
    position = first_position
    for number, packets in enumerate(pages, 2):
        position += sum(round(ogg.packet_seconds(packet[:2]) * 48_000) for packet in packets if packet)
        is_last = number == len(pages) + 1
        told = position - over if is_last else position
        body += page_of(packets, number, position=told, flags=last_flag if is_last else 0)
    return body


def by_the_demuxer(body, longest_seconds=120.0):
    try:
        return containers._by_packets(body, containers.OGG, longest_seconds)
    except AudioError as error:
        return type(error), str(error)


def inspected(body, longest_seconds=120.0):
    try:
        return containers.inspect(body, longest_seconds=longest_seconds)
    except AudioError as error:
        return type(error), str(error)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seconds", [1.5, 3.3, 30.0])
def test_what_recorders_send_needs_no_demuxer_and_is_as_long(seconds, channels):
    body = encoded(seconds, channels=channels)

    told = ogg.look(body)

    assert told is not None
    assert told.channels == channels
    assert containers.inspect(body) == by_the_demuxer(body)
    assert containers.inspect(body).duration_seconds == pytest.approx(seconds, abs=0.0005)


def test_what_is_too_long_is_refused_in_the_demuxers_words():
    assert inspected(WHOLE, 4.0) == by_the_demuxer(WHOLE, 4.0)
    assert inspected(WHOLE, 4.0)[0].__name__ == "TooLong"


packets = st.builds(
    lambda first, rest: bytes([first]) + rest, st.sampled_from(FIRSTS), st.binary(min_size=1, max_size=300)
)


@settings(max_examples=scaled(300, 5000), deadline=None)
@given(
    pages=st.lists(st.lists(packets, min_size=1, max_size=30), min_size=1, max_size=5),
    skip=st.integers(0, 65_535) | st.sampled_from([0, 312, 3840]),
    over=st.integers(0, 200) | st.integers(-200, 6000),
    first_position=st.just(0) | st.integers(-2000, 100_000),
    channels=st.integers(1, 3),
    family=st.just(0) | st.integers(0, 2),
    last_flag=st.sampled_from([4, 4, 4, 0]),
)
def test_any_file_is_as_long_as_the_demuxer_says(pages, **told):
    body = written(pages, **told)

    assert inspected(body) == by_the_demuxer(body)


@settings(max_examples=scaled(100, 5000), deadline=None)
@given(
    pages=st.lists(
        st.lists(packets.filter(lambda one: one[0] != 0xFB), min_size=1, max_size=20), min_size=2, max_size=4
    ),
    skip=st.integers(0, 65_535),
    over=st.integers(0, 119),
)
def test_a_file_as_it_should_be_is_read_by_its_pages(pages, skip, over):
    body = written(pages, skip=skip, over=over)

    assert ogg.look(body) is not None
    assert inspected(body) == by_the_demuxer(body)


@settings(max_examples=scaled(300, 5000), deadline=None)
@given(st.data())
def test_a_damaged_file_is_what_the_demuxer_says(data):
    """Behind its first word, without which it is no Ogg."""
    body = bytearray(WHOLE)
    del body[data.draw(st.integers(5, len(body)) | st.just(len(body))) :]
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(4, len(body) - 1) | st.integers(4, min(len(body), 200) - 1))
        body[at] ^= data.draw(st.integers(1, 255))

    assert inspected(bytes(body)) == by_the_demuxer(bytes(body))


def test_pages_that_are_not_all_of_the_file_are_left_to_the_demuxer():
    second = WHOLE.index(b"OggS", 4)
    third = WHOLE.index(b"OggS", second + 4)

    for body in (WHOLE + b"more", WHOLE + WHOLE, WHOLE[:-1], WHOLE[:third], WHOLE[:second] + WHOLE[third:]):
        assert ogg.look(body) is None
        assert inspected(body) == by_the_demuxer(body)
