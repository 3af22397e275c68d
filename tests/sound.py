"""Builders of sound: people talking, tones, and both in any container.

Nothing here uses the code under test.
"""

import struct
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
SPEECH = Path(__file__).resolve().parent.parent / "crm" / "speech" / "reading.ogg"

# Extension → FFmpeg's muxer and the codec people's files of that kind hold.
MUXERS = {
    "webm": ("webm", "libopus"),
    "ogg": ("ogg", "libopus"),
    "m4a": ("mp4", "aac"),
    "mp3": ("mp3", "libmp3lame"),
    "wav": ("wav", "pcm_s16le"),
}

Samples = NDArray[np.float32]


@cache
def speech(recording: Path = SPEECH) -> Samples:
    """26.7 s of one man reading aloud, or another recording that is here, mono float32 at 16 kHz.

    What he says is `speech_text`. Not to be written to.
    """
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    with av.open(BytesIO(recording.read_bytes()), mode="r", format="ogg") as source:
        frames = [piece for frame in source.decode(audio=0) for piece in resampler.resample(frame)]
    frames += resampler.resample(None)
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
    samples.setflags(write=False)
    return samples


def speech_text() -> str:
    """The words of `speech`, one sentence a line."""
    return SPEECH.with_suffix(".txt").read_text()


def tone(seconds: float, *, frequency: float = 440.0, level: float = 0.3, sample_rate: int = SAMPLE_RATE) -> Samples:
    """A sine, mono float32."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (level * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def silence(seconds: float, *, sample_rate: int = SAMPLE_RATE) -> Samples:
    return np.zeros(round(seconds * sample_rate), dtype=np.float32)


def noise(seconds: float, *, level: float = 0.05, seed: int = 0) -> Samples:
    """White noise of this root mean square, the same for the same seed."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * SAMPLE_RATE)).astype(np.float32)


def hold_music(seconds: float) -> Samples:
    """Four chords that go round, two seconds each, every note with overtones and a decay."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    chords = np.array([(262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294)], dtype=np.float64)
    notes = chords[(times // 2).astype(int) % len(chords)]
    sound = np.zeros_like(times)
    for note in notes.T:
        for overtone in (1, 2, 3):
            sound += np.sin(2 * np.pi * overtone * note * times) / overtone
    return (0.1 * sound * np.exp(-(times % 0.5) * 3)).astype(np.float32)


def encode(
    samples: Samples,
    *,
    container: str = "ogg",
    sample_rate: int = SAMPLE_RATE,
    codec: str | None = None,
    bit_rate: int | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """`samples` of shape (n,) or (channels, n) as a file: webm, ogg, m4a, mp3 or wav.

    Opus is always coded at 48 kHz.
    """
    muxer, usual_codec = MUXERS[container]
    codec = codec or usual_codec
    channels = np.atleast_2d(samples)
    layout = "mono" if len(channels) == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=layout)
    frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), 0
    body = BytesIO()
    with av.open(body, mode="w", format=muxer, options=options or {}) as target:
        stream = target.add_stream(codec, rate=48_000 if "opus" in codec else sample_rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        if bit_rate:
            stream.bit_rate = bit_rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            target.mux(packet)
    return body.getvalue()


# --- What a recorder sends: one continuous encoding, cut on packets ---

OPUS_RATE = 48_000
OPUS_PACKET = 960
# What the encoder looks ahead: the first so many samples that it gives are none of the signal's.
OPUS_DELAY = 312


def cut_opus(samples: Samples, *, packets: int | None = None, pre_roll: int = 32) -> list[bytes]:
    """One encoding of `samples`, mono at 48 kHz, as Ogg files of `packets` each that decode alone; uncut without.

    Chunk n has the sound from n * packets * 960 - 312 on: packets before it are there for the decoder to run in, and
    are skipped.
    """
    encoded = _opus_packets(samples)
    packets = packets or len(encoded)
    chunks = []
    for first in range(0, len(encoded), packets):
        begin = max(0, first - pre_roll)
        skip = (first - begin) * OPUS_PACKET or OPUS_DELAY
        chunks.append(_ogg(encoded[begin : first + packets], skip=skip))
    return chunks


def _opus_packets(samples: Samples) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = OPUS_RATE, "mono", "flt", 48_000
    encoded = []
    for start in range(0, len(samples) - OPUS_PACKET + 1, OPUS_PACKET):
        block = np.ascontiguousarray(samples[None, start : start + OPUS_PACKET])
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = OPUS_RATE, Fraction(1, OPUS_RATE), start
        encoded += [bytes(packet) for packet in encoder.encode(frame)]
    return encoded


def _ogg(packets: list[bytes], *, skip: int) -> bytes:
    """RFC 7845: a page for the head, one for the tags, one for each packet."""
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, skip, OPUS_RATE, 0, 0)
    tags = struct.pack("<8sI4sI", b"OpusTags", 4, b"test", 0)
    pages = [_ogg_page(head, 0, 0, 2), _ogg_page(tags, 0, 1, 0)]
    for number, packet in enumerate(packets):
        is_last = number == len(packets) - 1
        pages.append(_ogg_page(packet, (number + 1) * OPUS_PACKET, number + 2, 4 if is_last else 0))
    return b"".join(pages)


def _ogg_page(packet: bytes, granule: int, number: int, flags: int) -> bytes:
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 1, number, 0, len(lacing)) + lacing + packet
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x104C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", checksum) + page[26:]


def undecodable():
    """What demuxes and does not decode."""
    body = bytearray(encode(tone(1.0), container="m4a"))
    media = body.find(b"mdat")
    size = int.from_bytes(body[media - 4 : media], "big") - 8
    body[media + 4 : media + 4 + size] = b"\xff" * size
    return bytes(body)
