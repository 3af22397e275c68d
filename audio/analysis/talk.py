"""How a conversation is shared: who talks for how long, how fast, and who cuts in on whom. Pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audio.analysis.voice_activity import Region

# Seconds. Shorter than this is a sign of listening ("yes", "I see"), not an attempt to take the word.
SHORTEST_TAKEOVER = 1.0
# Seconds. Two who begin at once do not interrupt one another.
HEAD_START = 0.5
# Seconds of speech without which a rate says nothing.
ENOUGH_FOR_A_RATE = 5.0


@dataclass(frozen=True, slots=True)
class Talk:
    """One speaker's part. Seconds; `share` of all speech (0-1); `words_per_minute` of their own speech.

    None where it cannot be told: the rate without enough speech or words, the interruptions without a channel each.
    """

    seconds: float
    share: float
    words: int
    words_per_minute: float | None
    interruptions: int | None


def shared(voices: Mapping[str, Sequence[Region]], words: Mapping[str, int], *, are_channels: bool) -> dict[str, Talk]:
    """Speaker → their part, of `voices`: where each speaks, in order. `are_channels`: they may be heard at once."""
    seconds = {speaker: sum(region.duration for region in regions) for speaker, regions in voices.items()}
    whole = sum(seconds.values())
    return {
        speaker: Talk(
            seconds=round(seconds[speaker], 3),
            share=round(seconds[speaker] / whole, 3) if whole else 0.0,
            words=words.get(speaker, 0),
            words_per_minute=_rate(words.get(speaker, 0), seconds[speaker]),
            interruptions=_interruptions(regions, _of_others(voices, speaker)) if are_channels else None,
        )
        for speaker, regions in voices.items()
    }


def together(voices: Mapping[str, Sequence[Region]]) -> float:
    """Seconds in which two or more speak at once."""
    edges = sorted(
        edge for regions in voices.values() for region in regions for edge in ((region.start, 1), (region.end, -1))
    )
    seconds, speaking, since = 0.0, 0, 0.0
    for time, step in edges:
        if speaking > 1:
            seconds += time - since
        speaking, since = speaking + step, time
    return round(seconds, 3)


def _of_others(voices: Mapping[str, Sequence[Region]], speaker: str) -> list[Sequence[Region]]:
    return [regions for other, regions in voices.items() if other != speaker]


def _rate(words: int, seconds: float) -> float | None:
    return round(words / seconds * 60, 1) if words and seconds >= ENOUGH_FOR_A_RATE else None


def _interruptions(own: Sequence[Region], others: Sequence[Sequence[Region]]) -> int:
    """How often one begins while another has the word, keeps on, and is the one who goes on talking."""
    starts = [[region.start for region in regions] for regions in others]
    return sum(
        any(_is_cut_off(regions, begins, region) for regions, begins in zip(others, starts, strict=True))
        for region in own
        if region.duration >= SHORTEST_TAKEOVER
    )


def _is_cut_off(regions: Sequence[Region], begins: Sequence[float], by: Region) -> bool:
    # Of one speaker's regions, which do not overlap, only the last to have begun by then can still go on.
    last = bisect_right(begins, by.start - HEAD_START) - 1
    return last >= 0 and by.start < regions[last].end < by.end
