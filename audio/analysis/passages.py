"""Where a chunk may be cut so that no word is, and what is transcribed in one go across the boundary of two chunks.

Each chunk has an *opening* and a *closing*, in pauses near its two ends, told by its own sound alone. Between them it
is transcribed by itself. From the closing of one chunk to the opening of the next goes another passage, made of both:
the sentence that the boundary cuts in two is heard whole there. Whoever transcribes, in whatever order, cuts at the
same places, so each word belongs to one passage.

A passage's voice is found anew in it, with the sound before and after at hand, on the same grid of windows as in its
chunks: cut or not, the same sound is the same speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio.analysis import voice_activity
from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.voice_activity import Region

Samples = NDArray[np.float32]

# Seconds. A cut lies so far within a pause, so that neither side of it is a word that was heard late or faintly.
MARGIN = 0.15
# Seconds. Nearer to either end of a chunk than this, what seems a pause may be a word that the boundary cuts: the
# detector has not heard enough of it yet.
NEAREST = 0.6
# Seconds. Farther from the end of a chunk than this, the passage across the boundary would be long, and its words late.
FARTHEST = 12.0
# Seconds of sound before and after a passage from which the detector of voice learns what silence is there.
RUN_UP, RUN_OUT = 3.0, 1.0
# Seconds over which loudness is taken where there is no pause to be cut in.
LULL = 0.15


@dataclass(frozen=True, slots=True)
class Cuts:
    """Seconds from the beginning of a chunk. Equal when all of the chunk belongs to the passages around it."""

    opening: float
    closing: float


def cuts(samples: Samples, regions: Sequence[Region], *, is_first: bool) -> Cuts:
    """Where a chunk of mono `samples` (n,) with voice in `regions` is cut; the first chunk has no boundary before it.

    A short chunk without a pause goes whole to the passage before it, the first one to the passage after. In a long one
    without a pause near enough the cut is at the faintest moment, and may go through a word.
    """
    duration = len(samples) / SAMPLE_RATE
    pauses = _pauses(regions, duration)
    opening = 0.0 if is_first else _first_cut(pauses, duration)
    closing = _last_cut(pauses, duration, earliest=0.0 if is_first else NEAREST)
    if opening is not None and closing is not None and opening <= closing:
        return Cuts(opening, closing)
    if duration <= 2 * FARTHEST:
        return _of_short(opening, closing, duration, is_first=is_first)
    if opening is None:
        opening = _faintest(samples, NEAREST, FARTHEST)
    if closing is None:
        closing = _faintest(samples, duration - FARTHEST, duration - NEAREST)
    return Cuts(opening, closing)


def _of_short(opening: float | None, closing: float | None, duration: float, *, is_first: bool) -> Cuts:
    if is_first:
        return Cuts(0.0, closing or 0.0)
    found = [cut for cut in (opening, closing) if cut is not None]
    # One pause that is not far enough from both ends to be both cuts, or none.
    cut = found[0] if found else duration
    return Cuts(cut, cut)


def _pauses(regions: Sequence[Region], duration: float) -> list[Region]:
    edges = [0.0, *(edge for region in regions for edge in (region.start, region.end)), duration]
    return [Region(start, end) for start, end in list(pairwise(edges))[::2] if end - start >= 2 * MARGIN]


def _first_cut(pauses: Sequence[Region], duration: float) -> float | None:
    for pause in pauses:
        cut = max(pause.start + MARGIN, NEAREST)
        if cut <= min(pause.end - MARGIN, FARTHEST, duration - NEAREST):
            return cut
    return None


def _last_cut(pauses: Sequence[Region], duration: float, *, earliest: float) -> float | None:
    for pause in reversed(pauses):
        cut = min(pause.end - MARGIN, duration - NEAREST)
        if cut >= max(pause.start + MARGIN, duration - FARTHEST, earliest):
            return cut
    return None


def _faintest(samples: Samples, start: float, end: float) -> float:
    """The middle of the `LULL` with the least energy between two times."""
    part = samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(np.float64)
    width = round(LULL * SAMPLE_RATE)
    energy = np.concatenate([[0.0], np.cumsum(np.square(part))])
    return start + LULL / 2 + int(np.argmin(energy[width:] - energy[:-width])) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stretch of sound to be transcribed in one go: mono samples (n,), the voice in them, where it begins.

    `regions` are in seconds from the beginning of the samples, `start` on the recording's own line.
    """

    samples: Samples
    regions: tuple[Region, ...]
    start: float


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One channel of a chunk next to a boundary: mono samples (n,), where it begins on the line, where it is cut."""

    samples: Samples
    start: float
    cuts: Cuts

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


def own(samples: Samples, regions: Sequence[Region], cuts: Cuts, *, start: float) -> Piece:
    """What a chunk that begins at `start` is transcribed from by itself."""
    kept = samples[_sample(cuts.opening) : _sample(cuts.closing)]
    return Piece(kept, _within(regions, cuts.opening, cuts.closing), start + cuts.opening)


def across(left: Side | None, right: Side | None, *, tolerance: float) -> list[Piece]:
    """What is transcribed of a boundary: one piece where both sides are there and follow one another, else each alone.

    They follow one another when the one begins where the other ends, within `tolerance` seconds.
    """
    if left is not None and right is not None and abs(right.start - left.end) <= tolerance:
        # On the line of the one that was there first, so that what is said over the boundary has no seam in time.
        joined = np.concatenate([left.samples, right.samples])
        boundary = len(left.samples) / SAMPLE_RATE
        return [_heard(joined, left.cuts.closing, boundary + right.cuts.opening, start=left.start)]
    pieces = []
    if left is not None:
        pieces.append(_heard(left.samples, left.cuts.closing, left.end - left.start, start=left.start))
    if right is not None:
        pieces.append(_heard(right.samples, 0.0, right.cuts.opening, start=right.start))
    return pieces


def _heard(samples: Samples, start_cut: float, end_cut: float, *, start: float) -> Piece:
    """The piece between two cuts, its voice found with some sound around it; `samples` begin at `start` on the line."""
    first, last = max(0.0, start_cut - RUN_UP), end_cut + RUN_OUT
    around = samples[_sample(first) : _sample(last)]
    activity = voice_activity.detect(around, begins_at=start + first)
    found = [Region(region.start + first, region.end + first) for region in activity.regions]
    return Piece(samples[_sample(start_cut) : _sample(end_cut)], _within(found, start_cut, end_cut), start + start_cut)


def _within(regions: Sequence[Region], start: float, end: float) -> tuple[Region, ...]:
    """Regions between two cuts, in seconds from the first."""
    return tuple(
        Region(max(region.start, start) - start, min(region.end, end) - start)
        for region in regions
        if region.end > start and region.start < end
    )


def _sample(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
