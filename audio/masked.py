"""Where a recording is silent, because what is said there is masked in its transcript.

1. `calls.redacted_spans` tells who says what is masked, and when. Each span is made PADDING_SECONDS longer at either
   end: engines are off by that much about when a word begins and ends.
2. A word's time is told from where its chunk said that it begins; the chunk's sound lies where the manifest has put
   it. The two drift apart in a recording of hours, so that a span is moved along with the chunks it is said in.
3. Where two channels keep the sides apart, that of who says it is silent. Everywhere else all channels are.

What has not been transcribed yet is not known to be anything to be masked, and is heard: a recording is silent in all
the right places once its last chunk is transcribed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypedDict

from audio.manifest import Manifest
from audio.models import AudioSession
from audio.speakers import SIDES
from calls import redacted_spans, redaction
from calls.redacted_spans import RedactedSpan

# A syllable.
PADDING_SECONDS: Final = 0.15


@dataclass(frozen=True, slots=True)
class Masked:
    """From `start` to `end`, in seconds on the recording's line: silent in `channel`, or in all of them when None.

    `kinds` of what is masked there (`calls.redaction.KINDS`), without repeats, in the order in which they are said.
    """

    start: float
    end: float
    channel: int | None
    kinds: tuple[str, ...]


class ToldMasked(TypedDict):
    """The same as a page is told of it."""

    start: float
    end: float
    channel: int | None
    kinds: list[str]


def of(session: AudioSession, whole: Manifest) -> tuple[Masked, ...]:
    """What is silent of a recording that is laid out so, in order of time; what overlaps in a channel is one.

    Raises what `calls` raises when it cannot be known: a recording is not to be heard then.
    """
    spans = redacted_spans.of_call(tenant_id=session.tenant_id, call_id=session.call_id)
    if not spans:
        return ()
    told = dict(session.chunks.stored().order_by().values_list("chunk_index", "start_time_seconds"))
    moves = [
        _Move(told[span.index], told[span.index] + span.end - span.start, span.start - told[span.index])
        for span in whole.spans
        # One may have been erased since.
        if span.index in told
    ]
    return joined(_placed(span, moves, channels=session.channels) for span in spans)


@dataclass(frozen=True, slots=True)
class _Move:
    """What a chunk that said that it goes from `start` to `end` is moved by on the line, in seconds."""

    start: float
    end: float
    by: float


def _placed(span: RedactedSpan, moves: Sequence[_Move], *, channels: int) -> Masked:
    start, end = span.start - PADDING_SECONDS, span.end + PADDING_SECONDS
    # Across a joint it is as long as takes in both chunks' places.
    by = [move.by for move in moves if move.start < end and move.end > start] or [0.0]
    is_apart = channels == len(SIDES) and span.speaker in SIDES
    channel = SIDES.index(span.speaker) if is_apart else None
    return Masked(max(0.0, start + min(by)), max(0.0, end + max(by)), channel, (span.kind,))


def joined(stretches: Iterable[Masked]) -> tuple[Masked, ...]:
    """The same in order of time, with those that overlap or touch in a channel as one."""
    last: dict[int | None, Masked] = {}
    done: list[Masked] = []
    for one in sorted(stretches, key=lambda one: one.start):
        before = last.get(one.channel)
        if before is not None and one.start <= before.end:
            kinds = tuple(dict.fromkeys([*before.kinds, *one.kinds]))
            last[one.channel] = replace(before, end=max(before.end, one.end), kinds=kinds)
        else:
            if before is not None:
                done.append(before)
            last[one.channel] = one
    return tuple(sorted([*done, *last.values()], key=lambda one: (one.start, one.end)))


def name_of(kind: str) -> str:
    """In plain words: "card number"."""
    return redaction.MASKS[kind].strip("[]")


def told(stretches: Iterable[Masked], *, start: float, end: float) -> list[ToldMasked]:
    """Those that reach into the time from `start` to `end`."""
    return [
        ToldMasked(start=round(one.start, 3), end=round(one.end, 3), channel=one.channel, kinds=list(one.kinds))
        for one in stretches
        if one.start < end and one.end > start
    ]
