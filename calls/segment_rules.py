"""What a segment must be to be taken in from elsewhere. Pure."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from calls.documents import Segment
from calls.errors import BadSegments

MOST_AT_ONCE = 1000
LONGEST_TEXT = 10_000
MOST_WORDS = 2000
# Thirty days; a call that is longer is a mistake of somebody's clock.
LATEST_SECONDS = 30 * 24 * 3600.0
# A word may be heard so far outside of what it is part of.
SLACK_SECONDS = 1.0
# Without a colon, which divides the names that recordings give to theirs.
IDENTITY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
SPEAKER = re.compile(r"agent|client|speaker_[1-9][0-9]{0,2}|unknown")


def check(segments: Sequence[Segment]) -> None:
    """Raises BadSegments, with the position of each that cannot be and what is wrong with it."""
    if len(segments) > MOST_AT_ONCE:
        raise BadSegments(f"{len(segments)} segments at once are too many; send {MOST_AT_ONCE} at most at a time.")
    times_named = Counter(segment["segment_id"] for segment in segments)
    wrong: dict[str, list[str]] = {}
    for position, segment in enumerate(segments):
        faults = _faults(segment)
        if times_named[segment["segment_id"]] > 1:
            faults.append("Another one has the same segment_id.")
        if faults:
            wrong[str(position)] = faults
    if wrong:
        raise BadSegments("Some segments cannot be right; nothing was taken in. See the fields.", fields=wrong)


def _faults(segment: Segment) -> list[str]:
    faults = []
    if not IDENTITY.fullmatch(segment["segment_id"]):
        faults.append("segment_id: 1 to 64 letters, digits, dots, dashes or underscores.")
    if not SPEAKER.fullmatch(segment["speaker"]):
        faults.append("speaker: agent, client, speaker_1 and so on, or unknown.")
    if not 1 <= len(segment["text"]) <= LONGEST_TEXT:
        faults.append(f"text: 1 to {LONGEST_TEXT} characters.")
    if "\0" in segment["text"]:
        faults.append("text: the character NUL cannot be stored.")
    faults += _faults_of_times(segment["start_time"], segment["end_time"])
    if not 0 <= segment["confidence"] <= 1:
        faults.append("confidence: 0 to 1.")
    words = segment.get("words", [])
    if len(words) > MOST_WORDS:
        faults.append(f"words: {MOST_WORDS} at most.")
    for word in words:
        if faulty := _faults_of_times(word["start_time"], word["end_time"]):
            faults.append(f"words: {faulty[0]}")
            break
    if words and _signs("".join(word["text"] for word in words)) != _signs(segment["text"]):
        # What is masked in the text would stand in the words.
        faults.append("words: together they are not the text.")
    first, last = segment["start_time"] - SLACK_SECONDS, segment["end_time"] + SLACK_SECONDS
    if any(word["start_time"] < first or word["end_time"] > last for word in words):
        faults.append("words: one is said before or after the segment.")
    return faults


def _signs(text: str) -> str:
    """A text by its letters and figures: engines write its marks and capitals now in one and now in the other."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _faults_of_times(start: float, end: float) -> list[str]:
    if not (math.isfinite(start) and math.isfinite(end)):
        return ["Times are finite numbers of seconds."]
    if start < 0 or end > LATEST_SECONDS:
        return [f"Times are from 0 to {LATEST_SECONDS:.0f} seconds."]
    return ["It ends before it begins."] if end < start else []
