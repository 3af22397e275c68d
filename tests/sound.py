"""Builders of sound: people talking, tones, and both in any container.

Nothing here uses the code under test.
"""

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
def speech() -> Samples:
    """26.7 s of one man reading aloud, mono float32 at 16 kHz.

    What he says is `speech_text`. Not to be written to.
    """
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    with av.open(BytesIO(SPEECH.read_bytes()), mode="r", format="ogg") as source:
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
