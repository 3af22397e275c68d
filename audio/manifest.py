"""What a recording holds and what it lacks: its chunks laid out on one line, and the verdict. Pure.

The line is the recording's own: seconds from its beginning, on which pauses take up room too. `lay_out` puts each
chunk where it says that it begins, and never one over another. Where no chunk lies there is a gap, told with its
cause; nothing else may ever make a recording look whole.

1. A hole between two chunks is what the recorder declared it to be, a pause or a lost device. What it did not declare
   never arrived, where chunks of the count are missing, and is the device's otherwise.
2. A chunk that holds less sound than it was said to hold ends in a gap.
3. Indexes that were counted and have not come are owed.
4. A recording whose recorder went away without a word has an open end.

With sample ranges all of this is exact to the sample; without them, to what encoders add and take away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

from audio.states import GapCause, VerdictState

# Encoders pad and resamplers cut: so much more or less says nothing. A sample range leaves no such doubt.
TOLERANCE_SECONDS = 0.1
# What `X-Start-Time` rounds away.
ROUNDING_SECONDS = 0.001
# Below one sample at any rate there is; above what sums of seconds are off by.
SHORTEST_SAMPLE_SECONDS = 1e-6

# Of gaps and of chunks that are owed, so many are named in an answer or an event.
MOST_NAMED = 1000

DAMAGED = "Damaged or cut short"
LEFT = "The recorder went away without saying that it was done"


@dataclass(frozen=True, slots=True)
class SampleRange:
    """The recorder's own count of samples, first and last included, at `rate` a second."""

    first: int
    last: int
    rate: int

    @property
    def seconds(self) -> float:
        return (self.last - self.first + 1) / self.rate


@dataclass(frozen=True, slots=True)
class Piece:
    """A stored chunk: where it says that it begins, how long it is said to be, how much of it decodes, in seconds.

    `decoded` is None until somebody has tried. One that `is_late` came when its recorder had counted already.
    """

    index: int
    start: float
    declared: float
    decoded: float | None = None
    samples: SampleRange | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """From `start` to `end`, in seconds; without an end it has not ended, or nobody knows where."""

    start: float
    end: float | None
    cause: GapCause
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a chunk's sound lies on the line, in seconds."""

    index: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """`duration`: how long the line is, in seconds, its gaps included but for an open end; `late` counts late chunks.

    `is_paused` as the recorder told it: a pause was declared and not ended, wherever the line has it by now.
    """

    state: VerdictState
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]
    owed: tuple[int, ...]
    duration: float
    late: int
    is_paused: bool

    @property
    def sound_seconds(self) -> float:
        return sum(span.end - span.start for span in self.spans)


class ToldGap(TypedDict):
    start: float
    end: float | None
    cause: str
    reason: str


class Verdict(TypedDict):
    """What is told of a manifest: at most MOST_NAMED gaps, and as many indexes that are owed."""

    state: str
    gaps: list[ToldGap]
    owed: list[int]


def verdict(manifest: Manifest) -> Verdict:
    return Verdict(
        state=manifest.state.value,
        gaps=[
            ToldGap(
                start=round(gap.start, 6),
                end=None if gap.end is None else round(gap.end, 6),
                cause=gap.cause.value,
                reason=gap.reason,
            )
            for gap in manifest.gaps[:MOST_NAMED]
        ],
        owed=list(manifest.owed[:MOST_NAMED]),
    )


def lay_out(
    pieces: Iterable[Piece], declared: Iterable[Gap] = (), *, total: int | None = None, is_abandoned: bool = False
) -> Manifest:
    """The manifest of what is stored and declared. `pieces` in the order of their indexes; `total` once it is known."""
    pieces = list(pieces)
    placed = list(_placed(pieces))
    declared = list(declared)
    is_paused = any(gap.cause == GapCause.PAUSE and gap.end is None for gap in declared)
    declared = [_ended(gap, placed) for gap in declared]
    gaps = list(declared)
    for place, following in pairwise([_Place.before_all(), *placed]):
        cause = GapCause.NEVER_ARRIVED if following.piece.index > place.piece.index + 1 else GapCause.DEVICE
        is_counted = _counted_between(place.piece, following.piece) is not None
        smallest = SHORTEST_SAMPLE_SECONDS if is_counted else TOLERANCE_SECONDS
        gaps += _undeclared(place.end, following.start, cause, declared, smallest=smallest)
        if following.sound_end < following.end:
            gaps.append(Gap(following.sound_end, following.end, GapCause.NEVER_ARRIVED, DAMAGED))
    ends = placed[-1].end if placed else 0.0
    duration = max([ends, *(gap.end for gap in declared if gap.end is not None)])
    counted = max(total or 0, pieces[-1].index + 1 if pieces else 0)
    there = {piece.index for piece in pieces}
    owed = tuple(index for index in range(counted) if index not in there)
    if owed and (not pieces or owed[-1] > pieces[-1].index):
        gaps.append(Gap(ends, None, GapCause.NEVER_ARRIVED))
    elif is_abandoned:
        gaps.append(Gap(ends, None, GapCause.NEVER_ARRIVED, LEFT))
    gaps.sort(key=lambda gap: (gap.start, gap.cause))
    return Manifest(
        state=_state(total, owed, gaps),
        spans=tuple(_spans(placed)),
        gaps=tuple(gaps),
        owed=owed,
        duration=duration,
        late=sum(piece.is_late for piece in pieces),
        is_paused=is_paused,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """A piece on the line; its sound may end before it does."""

    piece: Piece
    start: float
    sound_end: float
    end: float

    @classmethod
    def before_all(cls) -> "_Place":
        """What the first piece follows: nothing, which ends where the line begins."""
        return cls(Piece(-1, 0.0, 0.0), 0.0, 0.0, 0.0)


def _placed(pieces: Iterable[Piece]) -> Iterable[_Place]:
    before = _Place.before_all()
    for piece in pieces:
        start = _start_of(piece, before)
        whole = piece.declared
        sound = whole if piece.decoded is None else piece.decoded
        if abs(sound - whole) <= TOLERANCE_SECONDS:
            sound = whole
        before = _Place(piece, start, start + sound, start + max(sound, whole))
        yield before


def _start_of(piece: Piece, before: _Place) -> float:
    counted = _counted_between(before.piece, piece)
    if counted is None:
        ahead = piece.start - before.end
        if abs(ahead) <= ROUNDING_SECONDS or ahead < -TOLERANCE_SECONDS:
            return before.end
        # A little over the end of its predecessor is an encoder's padding there, which the start cuts off.
        return piece.start
    # Samples that were counted and are in neither chunk take up their room, whatever the starts say. Starts that are
    # told by a clock drift away from the count, so of them only the distance to the one before is believed.
    by_count = before.end + counted
    by_start = before.end + piece.start - (before.piece.start + before.piece.declared)
    return by_count if by_start - by_count <= TOLERANCE_SECONDS else by_start


def _counted_between(piece: Piece, following: Piece) -> float | None:
    """Seconds of samples that the recorder counted between the two; None where no one count goes through both."""
    one, other = piece.samples, following.samples
    if one is None or other is None or one.rate != other.rate or other.first <= one.last:
        return None
    return (other.first - one.last - 1) / one.rate


def _ended(gap: Gap, placed: Sequence[_Place]) -> Gap:
    """A gap that nobody ended ends where sound begins again."""
    if gap.end is not None:
        return gap
    again = next((place.start for place in placed if place.start >= gap.start), None)
    return Gap(gap.start, again, gap.cause, gap.reason)


def _undeclared(
    start: float, end: float, cause: GapCause, declared: Iterable[Gap], *, smallest: float
) -> Iterable[Gap]:
    """What of the hole from `start` to `end` no declared gap explains, but for what is smaller than `smallest`."""
    at = start
    for gap in sorted(declared, key=lambda gap: gap.start):
        gap_end = end if gap.end is None else gap.end
        if gap_end <= at or gap.start >= end:
            continue
        if gap.start - at > smallest:
            yield Gap(at, gap.start, cause)
        at = max(at, gap_end)
    if end - at > smallest:
        yield Gap(at, end, cause)


def _spans(placed: Sequence[_Place]) -> Iterable[Span]:
    for place, following in pairwise([*placed, None]):
        if place is None:
            continue
        end = place.sound_end if following is None else min(place.sound_end, following.start)
        yield Span(place.piece.index, place.start, end)


def _state(total: int | None, owed: Sequence[int], gaps: Iterable[Gap]) -> VerdictState:
    if total is None:
        return VerdictState.RECORDING
    explained = all(gap.cause == GapCause.PAUSE and gap.reason for gap in gaps)
    return VerdictState.COMPLETE if explained and not owed else VerdictState.INCOMPLETE
