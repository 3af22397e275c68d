"""How something is said: the pitch of the voice and the level of the sound, twenty times a second.

Pitch is found by the normalised cross-correlation of a stretch with itself some milliseconds later (Talkin, "A robust
algorithm for pitch tracking", 1995), which needs no fundamental in the sound: the telephone cuts it off. The best
candidates of neighbouring frames then settle together which of them is heard, for an octave too high or too low
correlates nearly as well.
"""

import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.telephone_rate import RATE, lowered

# Seconds from one frame to the next.
HOP = 0.05
# Hertz. Voices of grown-ups, from a low man's to a raised woman's.
LOWEST, HIGHEST = 60.0, 400.0
# Decibels of full scale: what silence counts as.
FLOOR = -100.0

# Pitch is sought below this frequency: higher overtones are mostly breath.
_CUTOFF = 2_500.0
# Hertz. Each overtone is weighed by its frequency, counted in this: on the telephone, the one in the first formant
# would otherwise stand for the voice, and be taken for a fundamental of 300 to 400 Hz.
_EMPHASIS = 1_000.0
_STEP = round(HOP * RATE)
# What is compared, 25 ms, and how much later at least and at most: one period.
_COMPARED = round(0.025 * RATE)
_SHORTEST, _LONGEST = int(RATE / HIGHEST), int(np.ceil(RATE / LOWEST))
_LAGS = np.arange(_SHORTEST - 1, _LONGEST + 2)
_SPECTRUM = 512
# Voiced is what correlates by more than this; white noise of this length and width hardly ever does.
VOICED = 0.5
# Full scale 1. Added to what is compared, so that what nobody can hear has no pitch: some -60 dB.
_FAINT = 1e-3
# Twice a period correlates as well as one: the longer has to be better by this much for every octave.
_OCTAVE_COST = 0.02
# What it costs to leap by an octave from one frame to the next, and how many candidates each frame has.
_LEAP_COST = 0.35
_CANDIDATES = 4

# A packed Prosody: version, frames; pitch in cents above 55 Hz plus one (0: unvoiced); level in half decibels.
_HEAD = struct.Struct("<BI")
_PACKED_VERSION = 1
_CENTS_FROM = 55.0
# More than two hours in one piece nobody packs: such a count is garbage.
_MOST_FRAMES = round(7200 / HOP)


@dataclass(frozen=True, slots=True, eq=False)
class Prosody:
    """Frames of `HOP` seconds each, float32 of shape (frames,).

    `pitch` in hertz, 0 where nothing is voiced; `level` in decibels of full scale (a full square wave is 0), not below
    `FLOOR`.
    """

    pitch: NDArray[np.float32]
    level: NDArray[np.float32]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.level) * HOP

    def between(self, start: float, end: float) -> "Prosody":
        """The frames whose middle is at or after `start` and before `end`, in seconds from the first frame's begin."""
        first, last = (min(len(self.level), max(0, int(np.ceil(time / HOP - 0.5)))) for time in (start, end))
        return Prosody(self.pitch[first:last], self.level[first:last])


@dataclass(frozen=True, slots=True)
class ProsodyStage:
    """A Stage: samples, mono of shape (n,) at 16 kHz, to their Prosody."""

    name: ClassVar[str] = "prosody"
    engine: ClassVar[str] = "earshot"
    model: ClassVar[str] = "cross-correlation"
    version: ClassVar[str] = "1"

    def health(self) -> None:
        """It needs nothing that could be missing."""

    def load(self) -> None:
        """There is nothing to load."""

    def run(self, samples: NDArray[np.float32], /) -> Prosody:
        return measure(samples)


def measure(samples: NDArray[np.float32]) -> Prosody:
    """Pitch and level of mono `samples` of shape (n,) at 16 kHz; a last piece shorter than `HOP` counts as a frame."""
    hop = round(HOP * SAMPLE_RATE)
    frames = -(-len(samples) // hop)
    if not frames:
        return Prosody(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32))
    padded = np.zeros(frames * hop, dtype=np.float32)
    # A damaged file can hold any bits; full scale is 1, and what is far beyond it says nothing more.
    padded[: len(samples)] = np.nan_to_num(samples, nan=0.0).clip(-2.0, 2.0)
    # The last frame is measured by what there is of it, not by the silence that fills it up.
    lengths = np.full(frames, hop)
    lengths[-1] = len(samples) - (frames - 1) * hop
    power = np.einsum("ij,ij->i", padded.reshape(frames, hop), padded.reshape(frames, hop)) / lengths
    level = np.maximum(FLOOR, 10 * np.log10(np.maximum(power, 1e-10)))
    return Prosody(_pitch(lowered(padded, _weights), frames), level.astype(np.float32))


def pack(prosody: Prosody) -> bytes:
    """Three bytes a frame, 1.8 KB for 30 s: pitch to a cent or two, level to a quarter of a decibel."""
    voiced = prosody.pitch > 0
    cents = np.zeros(len(prosody.pitch), dtype="<u2")
    cents[voiced] = np.clip(1200 * np.log2(prosody.pitch[voiced] / _CENTS_FROM), 0, 65_000).round() + 1
    halves = np.clip(-2 * prosody.level, 0, 255).round().astype(np.uint8)
    return _HEAD.pack(_PACKED_VERSION, len(cents)) + cents.tobytes() + halves.tobytes()


def unpack(packed: bytes) -> Prosody:
    """What `pack` packed. Raises ValueError for anything else, before it takes any memory."""
    if len(packed) < _HEAD.size:
        raise ValueError("A packed prosody is longer than this.")
    version, frames = _HEAD.unpack_from(packed)
    if version != _PACKED_VERSION:
        raise ValueError(f"A packed prosody of version {version} is not known.")
    if frames > _MOST_FRAMES or len(packed) != _HEAD.size + 3 * frames:
        raise ValueError("A packed prosody has as many frames as it says.")
    cents = np.frombuffer(packed, dtype="<u2", count=frames, offset=_HEAD.size).astype(np.float32)
    halves = np.frombuffer(packed, dtype=np.uint8, offset=_HEAD.size + 2 * frames).astype(np.float32)
    pitch = np.where(cents > 0, _CENTS_FROM * np.exp2((np.minimum(cents, 4_800) - 1) / 1200), 0.0)
    return Prosody(pitch.astype(np.float32), np.maximum(np.float32(FLOOR), -halves / 2))


def _weights(frequencies: NDArray[np.float32]) -> NDArray[np.float32]:
    """By frequency up to `_CUTOFF`, from where on they fall off over a quarter octave."""
    falling = np.clip((_CUTOFF * 1.2 - frequencies) / (_CUTOFF * 0.2), 0.0, 1.0)
    weights: NDArray[np.float32] = (frequencies / _EMPHASIS * falling).astype(np.float32)
    return weights


def _pitch(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Hertz in each frame, 0 where nothing is voiced. `samples` at `RATE`."""
    width = _COMPARED + int(_LAGS[-1])
    # The pair of periods lies around the frame's middle.
    before = (width - _STEP) // 2
    padded = np.zeros(frames * _STEP + 2 * width, dtype=np.float32)
    padded[width : width + len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)[width - before :: _STEP][:frames]
    correlation = _correlation(windows)
    lags, strengths = _candidates(correlation)
    chosen = _settled(lags, strengths)
    rows = np.arange(frames)
    lag, strength = lags[rows, chosen], strengths[rows, chosen]
    return np.where(strength > VOICED, RATE / lag, 0.0).astype(np.float32)


def _correlation(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """How alike the first 25 ms of each window and those one of `_LAGS` later are, -1 to 1; (frames, lags)."""
    windows = windows - windows.mean(axis=1, keepdims=True)
    whole = np.fft.rfft(windows, _SPECTRUM)
    first = np.fft.rfft(windows[:, :_COMPARED], _SPECTRUM)
    product = np.fft.irfft(whole * first.conj(), _SPECTRUM)[:, _LAGS]
    energy = np.cumsum(np.square(windows), axis=1, dtype=np.float64)
    faint = _COMPARED * _FAINT**2
    later = energy[:, _LAGS + _COMPARED - 1] - energy[:, _LAGS - 1]
    here = energy[:, _COMPARED - 1, None]
    return (product / np.sqrt((here + faint) * (later + faint))).astype(np.float32)


def _candidates(correlation: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The best peaks of each frame: lag in samples, between them by a parabola, and height; (frames, candidates)."""
    left, middle, right = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    lags = _LAGS[1:-1].astype(np.float32)
    is_peak = (middle >= left) & (middle > right)
    worth = np.where(is_peak, middle - _OCTAVE_COST * np.log2(lags / lags[0]), -1.0)
    best = np.argpartition(-worth, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    low, top, high = (np.take_along_axis(side, best, axis=1) for side in (left, middle, right))
    bend = low - 2 * top + high
    aside = np.where(bend < 0, 0.5 * (low - high) / np.minimum(bend, -1e-9), 0.0).clip(-0.5, 0.5)
    strengths = np.where(np.take_along_axis(is_peak, best, axis=1), top - 0.25 * (low - high) * aside, 0.0)
    return (lags[best] + aside).astype(np.float32), strengths.astype(np.float32)


def _settled(lags: NDArray[np.float32], strengths: NDArray[np.float32]) -> NDArray[np.intp]:
    """Which candidate each frame has, so that all together are strong and leap little (Viterbi's way)."""
    octaves = np.log2(lags)
    worth = strengths - _OCTAVE_COST * (octaves - octaves.min())
    # A leap into or out of what is not voiced costs nothing.
    voiced = strengths > VOICED
    leap = np.abs(octaves[1:, None, :] - octaves[:-1, :, None])
    cost = _LEAP_COST * np.minimum(leap, 1.0) * (voiced[1:, None, :] & voiced[:-1, :, None])
    came_from = np.zeros(lags.shape, dtype=np.intp)
    total = worth[0]
    for frame in range(1, len(lags)):
        ways = total[:, None] - cost[frame - 1]
        came_from[frame] = ways.argmax(axis=0)
        total = ways.max(axis=0) + worth[frame]
    chosen = np.zeros(len(lags), dtype=np.intp)
    chosen[-1] = total.argmax()
    for frame in range(len(lags) - 1, 0, -1):
        chosen[frame - 1] = came_from[frame, chosen[frame]]
    return chosen
