"""What is said in a call, as briefly as a page of hours of it needs. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

from calls.documents import Emotion, Segment, Word

# Below this, an engine is not sure of a word. The pages that follow a recording live have the same bound.
UNSURE_BELOW = 0.5
# The words of a text; call/words.js divides it alike.
WORD = re.compile(r"[^ \t\r\n]+")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Two stretches of one emotion with less between them are shown as one, seconds.
_TOUCHING = 2.0
# Words that an engine heard and that are not in the text are passed over, so many on end.
_LOOKED_AHEAD = 4


class Line(TypedDict):
    """A segment as it is shown. Seconds, to the millisecond.

    `times`: for each word of the text, in hundredths of a second and to the base of 36, how much later than the one
    before it begins; the first counted from `start`. `unsure`: [number of the word, confidence in per cent].
    `masks`: [start, end, kind] in characters of the text.
    """

    id: str
    start: float
    end: float
    speaker: str
    text: str
    times: NotRequired[str]
    unsure: NotRequired[list[tuple[int, int]]]
    masks: NotRequired[list[tuple[int, int, str]]]
    corrected: NotRequired[bool]
    provisional: NotRequired[bool]


class Stretch(TypedDict):
    """Where an emotion was estimated, in seconds."""

    start: float
    end: float
    emotion: str


def lines_of(conversation: Iterable[Segment]) -> list[Line]:
    return [line_of(segment) for segment in conversation]


def line_of(segment: Segment) -> Line:
    """What is shown of a segment."""
    line = Line(
        id=segment["segment_id"],
        start=round(segment["start_time"], 3),
        end=round(segment["end_time"], 3),
        speaker=segment["speaker"],
        text=segment["text"],
    )
    _tell_words(segment, line)
    if redactions := segment.get("redactions"):
        line["masks"] = [(mask["start"], mask["end"], mask["kind"]) for mask in redactions]
    if segment.get("corrected"):
        line["corrected"] = True
    if segment.get("provisional"):
        line["provisional"] = True
    return line


def stretches_of(emotions: Sequence[Emotion]) -> list[Stretch]:
    """Where which emotion was estimated, in order of time; those that are unknown are none."""
    found: list[Stretch] = []
    for one in emotions:
        if one["emotion"] == "unknown":
            continue
        last = found[-1] if found else None
        if last and last["emotion"] == one["emotion"] and one["start_time"] - last["end"] < _TOUCHING:
            last["end"] = max(last["end"], round(one["end_time"], 3))
        else:
            start, end = round(one["start_time"], 3), round(one["end_time"], 3)
            found.append(Stretch(start=start, end=end, emotion=one["emotion"]))
    return found


def _tell_words(segment: Segment, line: Line) -> None:
    """Put when each word begins, and which are unsure, beside a text whose words have times."""
    words = segment.get("words")
    if not words:
        return
    steps: list[str] = []
    unsure: list[tuple[int, int]] = []
    before = 0
    for number, word in enumerate(_paired(WORD.findall(segment["text"]), words)):
        begins = before
        if word is not None:
            begins = max(before, round((word["start_time"] - segment["start_time"]) * 100))
            if word["confidence"] < UNSURE_BELOW:
                unsure.append((number, round(word["confidence"] * 100)))
        steps.append(_in_base_36(begins - before))
        before = begins
    line["times"] = " ".join(steps)
    # Of what somebody has put right nobody doubts the rest any more: they have read it.
    if unsure and not segment.get("corrected"):
        line["unsure"] = unsure


def _paired(written: Sequence[str], words: Sequence[Word]) -> Sequence[Word | None]:
    """For each word of a text the one that was heard; None for what was not, as punctuation that stands by itself."""
    if len(written) == len(words):
        return words
    paired: list[Word | None] = []
    place = 0
    for text in written:
        ahead = range(place, min(place + _LOOKED_AHEAD, len(words)))
        found = next((at for at in ahead if words[at]["text"] and words[at]["text"] in text), None)
        paired.append(None if found is None else words[found])
        place = place if found is None else found + 1
    return paired


def _in_base_36(number: int) -> str:
    digits = _DIGITS[number % 36]
    while number := number // 36:
        digits = _DIGITS[number % 36] + digits
    return digits
