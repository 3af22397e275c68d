"""Speech that has been heard before, sample for sample: a looped announcement, a replayed "yes, I agree".

After Haitsma and Kalker, "A highly robust audio fingerprinting system" (2002): every 32 ms the energies of 33 bands
make 32 bits, each saying whether the difference between two neighbouring bands grows or shrinks. Coding, level and
where the frames happen to begin change few of the bits; another saying of the same words changes nearly half of them.
A speech synthesiser, which says the same sentence in the same way each time, does repeat itself in this sense.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio.analysis.telephone_rate import RATE, lowered
from audio.analysis.voice_activity import Region

Key = TypeVar("Key")

# Seconds. The shortest stretch that counts: people do say two words twice alike.
SHORTEST = 2.0
# Of the bits, at most so many may differ on average over the whole stretch. By chance it is half of them.
MOST_DIFFERENT = 0.25
# The same for some frames at its ends, where fewer bits vary more.
MOST_DIFFERENT_NEAR = 0.35
_NEAR = 9
# Of the frames of such a stretch, so many must be speech in both.
LEAST_SPEECH = 0.6

_STEP = 256
_WIDTH = 2_048
HOP = _STEP / RATE
_BITS = 32
_EDGES = np.round(300.0 * (3_000.0 / 300.0) ** (np.arange(_BITS + 2) / (_BITS + 1)) * _WIDTH / RATE).astype(int)
# Frames at either end of a stretch, which hear as much of what is beside it as of the stretch.
_EDGE = 3
_WINDOW = np.hanning(_WIDTH).astype(np.float32)
# Of full scale: some -75 dB, below which all is silent. And what changes less than this between two frames is a tone.
_SILENT = 2e-4
_STEADY = 0.02

# A stretch is looked at closer where at least so many hashes of the two sounds agree at the same distance in time, and
# at most so many are, those that agree most.
_LEAST_VOTES = 4
_MOST_CANDIDATES = 128
# Two hashes for each frame: the lower and the upper of its bits, eight in common.
_HASH_BITS = 20
_SHIFTS = (0, _BITS - _HASH_BITS)
# A hash that a chunk has more often than this says nothing about where in it one is.
_MOST_ALIKE = 6

# A packed Fingerprint: version, frames; which of them are speech; the bits of those.
_HEAD = struct.Struct("<BI")
_PACKED_VERSION = 1
# An hour and a half in one piece: such a count is garbage.
_MOST_FRAMES = 170_000


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """Frames of `HOP` seconds, frame i around i * HOP: `bits`, uint32, and whether it is `speech`; both (frames,).

    Bits of frames that are not speech are 0 and mean nothing.
    """

    bits: NDArray[np.uint32]
    speech: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Repeat(Generic[Key]):
    """From `start` to `end`, in seconds, is what was in `of_key` from `of_start` on.

    `similarity` is the share of bits alike, 0.5 by chance and 1 for the same samples.
    """

    start: float
    end: float
    of_key: Key
    of_start: float
    similarity: float


class FingerprintStage:
    """A Stage: mono samples and where somebody speaks in them, to what they are known again by."""

    name: Final = "fingerprint"
    engine: Final = "earshot"
    model: Final = "band-energy-differences"
    version: Final = "1"

    def health(self) -> None:
        """It needs nothing that could be missing."""

    def load(self) -> None:
        """There is nothing to load."""

    def run(self, given: tuple[NDArray[np.float32], Sequence[Region]], /) -> Fingerprint:
        samples, regions = given
        return fingerprint(samples, regions)


def fingerprint(samples: NDArray[np.float32], regions: Sequence[Region]) -> Fingerprint:
    """The speech in mono `samples` of shape (n,) at 16 kHz; silence and steady tones within `regions` are left out."""
    energies = _band_energies(lowered(samples))
    across = np.diff(energies, axis=1)
    growing = np.diff(across, axis=0) < 0
    whole, change = energies.sum(axis=1), np.abs(np.diff(energies, axis=0)).sum(axis=1)
    both = whole[1:] + whole[:-1]
    speech = (both > 2 * _SILENT**2) & (change > _STEADY * both)
    times = np.arange(len(speech)) * HOP
    within = np.zeros(len(speech), dtype=bool)
    for region in regions:
        within |= (times >= region.start) & (times < region.end)
    speech &= within
    bits = np.packbits(growing, axis=1).view(">u4")[:, 0].astype(np.uint32)
    return Fingerprint(np.where(speech, bits, np.uint32(0)), speech)


def repeats(
    fingerprint: Fingerprint, earlier: Sequence[tuple[Key, Fingerprint]], *, shortest: float = SHORTEST
) -> tuple[Repeat[Key], ...]:
    """Stretches of `fingerprint`, of `shortest` seconds and more, that are in one of `earlier`; in order and apart.

    Of several origins of a stretch the longest alike counts. `fingerprint` itself among the earlier ones finds
    what it repeats of itself.
    """
    found = [
        repeat
        for which, distance in _candidates(fingerprint, [other for _, other in earlier])
        for repeat in _alike(fingerprint, *earlier[which], distance, shortest)
    ]
    found.sort(key=lambda repeat: ((repeat.start - repeat.end) * (repeat.similarity - 0.5), repeat.start))
    apart: list[Repeat[Key]] = []
    for repeat in found:
        if all(repeat.end <= other.start or repeat.start >= other.end for other in apart):
            apart.append(repeat)
    return tuple(sorted(apart, key=lambda repeat: repeat.start))


def pack(fingerprint: Fingerprint) -> bytes:
    """At most 4 KB for 30 s of speech, and less for less speech."""
    bits = fingerprint.bits[fingerprint.speech].astype("<u4")
    mask = np.packbits(fingerprint.speech)
    return _HEAD.pack(_PACKED_VERSION, len(fingerprint.speech)) + mask.tobytes() + bits.tobytes()


def unpack(packed: bytes) -> Fingerprint:
    """What `pack` packed. Raises ValueError for anything else, before it takes any memory."""
    if len(packed) < _HEAD.size:
        raise ValueError("A packed fingerprint is longer than this.")
    version, frames = _HEAD.unpack_from(packed)
    if version != _PACKED_VERSION:
        raise ValueError(f"A packed fingerprint of version {version} is not known.")
    mask_bytes = -(-frames // 8)
    if frames > _MOST_FRAMES or len(packed) < _HEAD.size + mask_bytes:
        raise ValueError("A packed fingerprint has as many frames as it says.")
    mask = np.frombuffer(packed, dtype=np.uint8, count=mask_bytes, offset=_HEAD.size)
    speech = np.unpackbits(mask, count=frames).astype(bool)
    if len(packed) != _HEAD.size + mask_bytes + 4 * np.count_nonzero(speech):
        raise ValueError("A packed fingerprint has the bits of as many frames as are speech.")
    bits = np.zeros(frames, dtype=np.uint32)
    bits[speech] = np.frombuffer(packed, dtype="<u4", offset=_HEAD.size + mask_bytes)
    return Fingerprint(bits, speech)


def _band_energies(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Energies of 33 bands from 300 to 3000 Hz of `samples` at `RATE`; for each `HOP` and one more.

    Frame i is around (i - 0.5) * HOP.
    """
    frames = len(samples) // _STEP + 1
    before = (_WIDTH + _STEP) // 2
    padded = np.zeros(frames * _STEP + _WIDTH + before, dtype=np.float32)
    padded[before : before + len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WIDTH)[::_STEP][:frames]
    # A mean square of full scale, whatever the width.
    spectrum = np.fft.rfft(windows * _WINDOW)[:, : _EDGES[-1]] * np.float32(2 / _WIDTH)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    energies: NDArray[np.float32] = np.add.reduceat(power, _EDGES[:-1], axis=1)
    return energies


def _candidates(fingerprint: Fingerprint, earlier: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Which of the earlier, and how many frames later there, may sound the same."""
    if not earlier or not fingerprint.speech.any():
        return
    lengths = np.array([len(other.bits) for other in earlier])
    bits = np.concatenate([other.bits for other in earlier])
    speech = np.concatenate([other.speech for other in earlier])
    # Distances in time of one earlier fingerprint are a row of cells, shifted so that none is negative.
    own = len(fingerprint.bits)
    rows = np.concatenate([[0], np.cumsum(lengths + own)])
    cells = [_votes(fingerprint, bits, speech, shift, first=rows[:-1] + own, lengths=lengths) for shift in _SHIFTS]
    votes = np.bincount(np.concatenate(cells), minlength=int(rows[-1]))
    # A sound between two frames votes for both.
    votes[:-1] += votes[1:]
    likely = np.flatnonzero(votes >= _LEAST_VOTES)
    likely = likely[np.argsort(-votes[likely], kind="stable")][:_MOST_CANDIDATES]
    for cell in likely.tolist():
        which = int(np.searchsorted(rows, cell, side="right")) - 1
        yield which, cell - int(rows[which]) - own


def _votes(
    fingerprint: Fingerprint,
    bits: NDArray[np.uint32],
    speech: NDArray[np.bool_],
    shift: int,
    *,
    first: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> NDArray[np.int64]:
    """A cell for each pair of frames with the same hash: the row of the earlier one and their distance in time."""
    mask = np.uint32((1 << _HASH_BITS) - 1)
    places = np.flatnonzero(fingerprint.speech)
    hashes = (fingerprint.bits[places] >> np.uint32(shift)) & mask
    counts = np.bincount(hashes, minlength=int(mask) + 1)
    rare = counts[hashes] <= _MOST_ALIKE
    places, hashes = places[rare], hashes[rare]
    counts[counts > _MOST_ALIKE] = 0
    order = np.argsort(hashes, kind="stable")
    places = places[order]
    begins = np.cumsum(counts) - counts
    others = (bits >> np.uint32(shift)) & mask
    hits = np.flatnonzero((counts > 0)[others] & speech)
    times = counts[others[hits]]
    ends = np.cumsum(times)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - times, times)
    mine = places[np.repeat(begins[others[hits]], times) + within]
    starts = np.cumsum(lengths) - lengths
    which = np.searchsorted(starts, hits, side="right") - 1
    cells: NDArray[np.int64] = np.repeat(first[which] + hits - starts[which], times) - mine
    return cells


def _alike(
    fingerprint: Fingerprint, key: Key, other: Fingerprint, distance: int, shortest: float
) -> Iterator[Repeat[Key]]:
    """Stretches that are the same `distance` frames later in `other`."""
    frames = max(1, round(shortest / HOP) - 2 * _EDGE)
    if other is fingerprint and distance > -frames:
        return
    first, last = max(0, -distance), min(len(fingerprint.bits), len(other.bits) - distance)
    if last - first < frames:
        return
    mine, its = slice(first, last), slice(first + distance, last + distance)
    speech = fingerprint.speech[mine] & other.speech[its]
    different = np.where(speech, np.bitwise_count(fingerprint.bits[mine] ^ other.bits[its]), 0)
    spoken, wrong = (np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]) for counts in (speech, different))
    spoken_within, wrong_within = spoken[frames:] - spoken[:-frames], wrong[frames:] - wrong[:-frames]
    is_alike = (spoken_within >= LEAST_SPEECH * frames) & (wrong_within <= MOST_DIFFERENT * _BITS * spoken_within)
    edges = np.flatnonzero(np.diff(is_alike, prepend=False, append=False))
    # The mean carries a stretch on beyond its ends; there, what is near a frame tells whether it still belongs.
    near = np.ones(_NEAR)
    near_wrong, near_spoken = np.convolve(different, near, "same"), np.convolve(speech, near, "same")
    locally = speech & (near_wrong <= MOST_DIFFERENT_NEAR * _BITS * near_spoken)
    for low, after in edges.reshape(-1, 2).tolist():
        kept = np.flatnonzero(locally[low : after - 1 + frames])
        if len(kept) < LEAST_SPEECH * frames or kept[-1] + 1 - kept[0] < frames:
            continue
        begin, end = low + int(kept[0]), low + int(kept[-1]) + 1
        similarity = 1 - (wrong[end] - wrong[begin]) / (_BITS * (spoken[end] - spoken[begin]))
        start = max(first, first + begin - _EDGE)
        yield Repeat(
            round(start * HOP, 3),
            round(min(last, first + end + _EDGE) * HOP, 3),
            key,
            round((start + distance) * HOP, 3),
            round(float(similarity), 3),
        )
