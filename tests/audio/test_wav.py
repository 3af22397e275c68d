"""The head of a WAV file that nobody has made yet, read by others."""

import struct
import wave
from io import BytesIO

import av
import numpy as np
import pytest

from audio.wav import Mark, header

MARKS = [Mark(8_000, 4_000, "pause: card data"), Mark(14_000, 2_000, "never arrived")]


def chunks(head):
    """Name and content of each chunk up to `data`, by the rule that all RIFF files follow."""
    at, found = 12, {}
    while at < len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        found[name] = head[at + 8 : at + 8 + length] if name != b"data" else length
        at += 8 + (length + length % 2 if name != b"data" else 0)
    return found


@pytest.mark.parametrize("marks", [[], MARKS], ids=["plain", "marked"])
@pytest.mark.parametrize("channels", [1, 2])
def test_others_read_the_very_samples(channels, marks):
    samples = np.arange(16_000 * channels, dtype="<i2")
    body = header(16_000, channels=channels, sample_rate=16_000, marks=marks) + samples.tobytes()
    with wave.open(BytesIO(body)) as read:
        assert (read.getnchannels(), read.getframerate(), read.getsampwidth(), read.getnframes()) == (
            channels,
            16_000,
            2,
            16_000,
        )
        assert read.readframes(16_000) == samples.tobytes()
    with av.open(BytesIO(body)) as read:
        decoded = np.concatenate([frame.to_ndarray().ravel() for frame in read.decode(audio=0)])
        assert read.duration == 1_000_000
    assert np.array_equal(decoded, samples)


def test_marks_tell_where_how_long_and_why():
    found = chunks(header(16_000, channels=1, sample_rate=16_000, marks=MARKS))
    [count] = struct.unpack_from("<I", found[b"cue "])
    points = [struct.unpack_from("<II4sIII", found[b"cue "], 4 + 24 * place) for place in range(count)]
    assert [(number, start, name, offset) for number, start, name, _, _, offset in points] == [
        (1, 8_000, b"data", 8_000),
        (2, 14_000, b"data", 14_000),
    ]
    told = found[b"LIST"]
    assert told.startswith(b"adtl")
    assert b"pause: card data\0" in told
    assert struct.pack("<4sIII4s", b"ltxt", 20, 2, 2_000, b"rgn ") in told


def test_words_of_any_script_keep_the_chunks_at_even_bytes():
    for label in ("Пауза", "x", "xx", ""):
        head = header(10, channels=1, sample_rate=16_000, marks=[Mark(0, 5, label)])
        assert len(head) % 2 == 0
        assert label.encode() + b"\0" in chunks(head)[b"LIST"]


def test_the_lengths_are_those_of_the_file():
    head = header(1_000, channels=2, sample_rate=16_000, marks=MARKS)
    assert struct.unpack_from("<I", head, 4) == (len(head) + 4_000 - 8,)
    assert chunks(head)[b"data"] == 4_000


def test_more_than_four_gigabytes_is_an_rf64_that_others_read():
    frames = 100 * 3600 * 16_000
    head = header(frames, channels=2, sample_rate=16_000, marks=[Mark(16_000, 5, "offline"), Mark(2**32, 5, "too far")])
    assert head.startswith(b"RF64\xff\xff\xff\xffWAVEds64")
    size, data, samples, _ = struct.unpack_from("<QQQI", head, 20)
    assert (size, data, samples) == (len(head) + frames * 4 - 8, frames * 4, frames)
    assert b"too far" not in head, "a cue point has 32 bits"
    with av.open(BytesIO(head + bytes(64_000))) as read:
        stream = read.streams.audio[0]
        assert (stream.sample_rate, stream.channels) == (16_000, 2)
        assert sum(frame.samples for frame in read.decode(audio=0)) == 16_000
