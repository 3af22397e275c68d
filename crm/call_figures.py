"""How a conversation was shared, worked out of what is said in it. Pure.

From the lines as they are shown, so that the figures say the same as the page: a corrected speaker counts as corrected.
Whoever merely has pauses in a line is counted as speaking throughout it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypedDict

from audio.analysis import talk
from audio.analysis.voice_activity import Region
from calls.documents import Segment

Interval = tuple[float, float]


class Part(TypedDict):
    """One speaker's part: seconds, share of all speech (0-1), lines, words, and words a minute where these are known.

    `interruptions`: how often they cut in on somebody; None where nobody can tell.
    """

    speaker: str
    seconds: float
    share: float
    lines: int
    words: int
    words_per_minute: float | None
    interruptions: int | None


class Figures(TypedDict):
    """`parts` in the order in which people first speak. Seconds; None where the times are guessed.

    `silence` is what was recorded and nobody speaks in, `silence_share` its share of what was recorded; `crosstalk` is
    where two speak at once. `changes`: how often the word passes to another.
    """

    parts: list[Part]
    silence: float | None
    silence_share: float | None
    crosstalk: float | None
    interruptions: int | None
    changes: int


def figures(
    conversation: Sequence[Segment],
    *,
    duration: float,
    gaps: Iterable[tuple[float, float | None]] = (),
    are_channels: bool,
    are_times_known: bool,
) -> Figures:
    """Of a conversation in order of time, which lasts `duration` seconds and has no sound in `gaps`.

    `are_channels`: each side is heard by itself, so that two may be heard at once. A gap without an end goes on to the
    end of the call.
    """
    by_speaker: dict[str, list[Segment]] = {}
    for segment in conversation:
        by_speaker.setdefault(segment["speaker"], []).append(segment)
    words = {speaker: sum(len(one["text"].split()) for one in said) for speaker, said in by_speaker.items()}
    voices = {speaker: _joined(_interval(one) for one in said) for speaker, said in by_speaker.items()}
    shares = talk.shared(_regions(voices), words, are_channels=are_channels and are_times_known)
    parts = [
        Part(
            speaker=speaker,
            seconds=one.seconds,
            share=one.share,
            lines=len(by_speaker[speaker]),
            words=one.words,
            words_per_minute=one.words_per_minute if are_times_known else None,
            interruptions=one.interruptions,
        )
        for speaker, one in shares.items()
    ]
    changes = sum(one["speaker"] != other["speaker"] for one, other in pairwise(conversation))
    silence, share = _silence(voices, duration, gaps) if are_times_known else (None, None)
    return Figures(
        parts=parts,
        silence=silence,
        silence_share=share,
        crosstalk=talk.together(_regions(voices)) if are_times_known and are_channels else None,
        interruptions=_sum_of(part["interruptions"] for part in parts),
        changes=changes,
    )


def _silence(
    voices: Mapping[str, Sequence[Interval]], duration: float, gaps: Iterable[tuple[float, float | None]]
) -> tuple[float, float]:
    """Seconds in which nobody speaks, and their share of those that were recorded."""
    missing = _joined((start, duration if end is None else end) for start, end in gaps)
    spoken = [interval for intervals in voices.values() for interval in intervals]
    recorded = duration - _length(missing, duration)
    silence = max(0.0, duration - _length(_joined([*spoken, *missing]), duration))
    return round(silence, 3), round(silence / recorded, 3) if recorded > 0 else 0.0


def _interval(segment: Segment) -> Interval:
    return segment["start_time"], segment["end_time"]


def _joined(intervals: Iterable[Interval]) -> list[Interval]:
    """The same stretches in order, each moment once."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _length(intervals: Iterable[Interval], duration: float) -> float:
    return sum(max(0.0, min(end, duration) - min(start, duration)) for start, end in intervals)


def _regions(voices: Mapping[str, Sequence[Interval]]) -> dict[str, list[Region]]:
    return {speaker: [Region(start, end) for start, end in intervals] for speaker, intervals in voices.items()}


def _sum_of(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
