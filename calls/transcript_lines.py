"""Conversations that come as text: who said what, and when, from the usual forms of lines. Pure.

1. A line is a label and what was said (`transcript_labels.py` knows labels), or it goes on with the line before it. A
   blank line ends what is being said, not who says it.
2. Whoever has a name besides a role, or instead of one, keeps it.
3. What is too long for one segment is split, at the end of a sentence where there is one.
4. Times that were given are kept, but for those that go back. The others are estimated from how long the words take to
   read.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from calls import transcript_labels
from calls.documents import Segment
from calls.errors import BadTranscript
from calls.transcript_labels import LONGEST_LABEL, Speakers

MOST_CHARACTERS = 200_000
MOST_LINES = 20_000
LONGEST_SEGMENT = 2000
# People speak some 150 words a minute, which is 15 characters a second with the spaces between them.
CHARACTERS_PER_SECOND = 15.0
SHORTEST_SECONDS = 0.5
# A conversation whose first line says a later time tells the time of day, and begins at its first line.
LATEST_BEGINNING_SECONDS = 3600.0
DAY_SECONDS = 86_400.0
# No conversation is longer; what is said later came in another.
LATEST_SECONDS = 100 * DAY_SECONDS
_TIMES = ("start_time", "end_time")
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)]*\s")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who said what. `times_estimated`: at least one time is by the length of the words, and not by a clock.

    `names`: speaker → name as it is written, for those who have one.
    """

    segments: list[Segment]
    times_estimated: bool
    names: Mapping[str, str]


@dataclass(slots=True)
class _Turn:
    speaker: str
    words: list[str]
    start: float | None = None
    end: float | None = None
    date: str | None = None


def conversation_of(transcript: str | Sequence[Mapping[str, Any]]) -> list[Segment]:
    """The segments of `read`, which also tells whether their times are estimates."""
    return read(transcript).segments


def read(transcript: str | Sequence[Mapping[str, Any]]) -> Conversation:
    """Who said what, from a text or from a list of `{role | speaker, content | text, start_time?, end_time?}`.

    Segments are in order of time and named by their place. Raises BadTranscript for what is too long, and for a list
    that holds something else.
    """
    check(transcript)
    speakers = Speakers()
    if isinstance(transcript, str):
        turns = _turns_of_text(transcript, speakers)
    else:
        turns = _turns_of_list(transcript, speakers)
    turns = [turn for turn in turns if turn.words]
    _drop_times_that_go_back(turns)
    heard = {turn.speaker for turn in turns}
    return Conversation(
        _segments(list(_split(turns))),
        times_estimated=any(turn.start is None for turn in turns),
        names={speaker: name for speaker, name in speakers.names().items() if speaker in heard},
    )


def check(transcript: Any) -> None:
    """Raise BadTranscript for what `read` would refuse; costs next to nothing."""
    if isinstance(transcript, str):
        _check_size(len(transcript), len(transcript.splitlines()))
        return
    if not isinstance(transcript, Sequence) or isinstance(transcript, bytes):
        raise _bad("A text, or a list of {role, content}.")
    if len(transcript) > MOST_LINES:
        raise _bad(f"At most {MOST_LINES} lines.")
    characters = 0
    for position, said in enumerate(transcript):
        if not isinstance(said, Mapping):
            raise _bad(f"Entry {position} is no object with role and content.")
        who, what = _who(said), _what(said)
        if not isinstance(who, str) or not isinstance(what, str):
            raise _bad(f"Entry {position} needs a role and a content, both texts.")
        if len(who) > LONGEST_LABEL:
            raise _bad(f"The role of entry {position} is longer than {LONGEST_LABEL} characters.")
        for name in _TIMES:
            if said.get(name) is not None and not _is_time(said[name]):
                raise _bad(f"The {name} of entry {position} is no number of seconds from 0.")
        start, end = (said.get(name) for name in _TIMES)
        if start is not None and end is not None and end < start:
            raise _bad(f"Entry {position} ends before it begins.")
        characters += len(what)
    _check_size(characters, 0)


def is_empty(transcript: str | Sequence[Mapping[str, Any]]) -> bool:
    """Whether nothing at all is said in what `check` has let pass."""
    if isinstance(transcript, str):
        return not any(_said_in(line) for line in transcript.splitlines())
    return not any(_what(said).strip() for said in transcript)


def plain(said: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A list with what is read of it, and nothing else that it may hold."""
    return [
        {"role": _who(one), "content": _what(one), **{name: one[name] for name in _TIMES if one.get(name) is not None}}
        for one in said
    ]


def _check_size(characters: int, lines: int) -> None:
    if characters > MOST_CHARACTERS:
        raise _bad(f"At most {MOST_CHARACTERS} characters.")
    if lines > MOST_LINES:
        raise _bad(f"At most {MOST_LINES} lines.")


def _bad(what: str) -> BadTranscript:
    return BadTranscript("The transcript cannot be read; see the fields.", fields={"transcript": [what]})


def _who(said: Mapping[str, Any]) -> Any:
    return said.get("role", said.get("speaker"))


def _what(said: Mapping[str, Any]) -> Any:
    return said.get("content", said.get("text"))


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value < LATEST_SECONDS


def _said_in(line: str) -> str:
    """What is said in a line if it begins as lines with a label or a time do."""
    if (label := transcript_labels.label_of(line)) is not None:
        return label.said.strip("*_ \t")
    timed = transcript_labels.timed(line)
    return (timed[1] if timed else line).strip()


def _turns_of_text(text: str, speakers: Speakers) -> list[_Turn]:
    lines = text.splitlines()
    turns: list[_Turn] = []
    goes_on = False
    for line, label in zip(lines, transcript_labels.spoken(lines), strict=True):
        timed = None if label else transcript_labels.timed(line)
        if label is not None:
            turns.append(_Turn(speakers.named(label.text, label.aside), label.said.split()))
            moment = label.moment
        elif not line.strip():
            goes_on = False
            continue
        elif timed is not None or not goes_on or not turns:
            speaker = turns[-1].speaker if turns else speakers.unnamed()
            moment, said = timed or (None, line)
            turns.append(_Turn(speaker, said.split()))
        else:
            turns[-1].words.extend(line.split())
            continue
        if moment is not None:
            turns[-1].start, turns[-1].date = moment.seconds, moment.date
        goes_on = True
    if any(turn.date for turn in turns):
        _count_from_first_date(turns)
    else:
        _move_to_first_line(turns)
    return turns


def _turns_of_list(said: Sequence[Mapping[str, Any]], speakers: Speakers) -> list[_Turn]:
    turns = []
    for one in said:
        start, end = one.get("start_time"), one.get("end_time")
        label = " ".join(_who(one).split())
        outside, _, aside = label.removesuffix(")").partition(" (")
        speaker = speakers.named(outside, aside) if label else speakers.unnamed()
        words = _what(one).split()
        turns.append(
            _Turn(speaker, words, None if start is None else float(start), None if end is None else float(end))
        )
    if all(turn.start is not None for turn in turns):
        turns.sort(key=lambda turn: turn.start or 0.0)
    return turns


def _count_from_first_date(turns: Sequence[_Turn]) -> None:
    """Dates and times become times since the first; a time without a date is of the day of the one before it."""
    timed = [turn for turn in turns if turn.start is not None]
    days = transcript_labels.ordinals([turn.date for turn in timed if turn.date])
    if days is None:
        _move_to_first_line(turns)
        return
    of_each = iter(days)
    day = days[0]
    for turn in timed:
        day = next(of_each) if turn.date else day
        turn.start = (turn.start or 0.0) + day * DAY_SECONDS
    first = timed[0].start or 0.0
    for turn in timed:
        turn.start = (turn.start or 0.0) - first


def _drop_times_that_go_back(turns: Sequence[_Turn]) -> None:
    """A time before the one in front of it, or far beyond the first, is as good as none: it will be estimated."""
    latest = 0.0
    for turn in turns:
        if turn.start is not None and latest <= turn.start < LATEST_SECONDS:
            latest = turn.start
        elif turn.start is not None:
            turn.start = turn.end = None


def _move_to_first_line(turns: Sequence[_Turn]) -> None:
    """Times of day, which may pass midnight, become times since the first of them."""
    timed = [turn for turn in turns if turn.start is not None]
    if not timed or (first := timed[0].start or 0.0) < LATEST_BEGINNING_SECONDS:
        return
    days, last = 0.0, first
    for turn in timed:
        at = turn.start or 0.0
        if last - at > DAY_SECONDS / 2:
            days += DAY_SECONDS
        last = at
        turn.start = at + days - first


def _split(turns: Sequence[_Turn]) -> Iterator[_Turn]:
    """Turns of which none is too long for a segment; the first part of each has its time."""
    for turn in turns:
        parts = list(_parts(" ".join(turn.words).replace("\0", "\ufffd")))
        for position, part in enumerate(parts):
            yield _Turn(
                turn.speaker,
                [part],
                turn.start if position == 0 else None,
                turn.end if position == len(parts) - 1 else None,
            )


def _parts(text: str) -> Iterator[str]:
    while len(text) > LONGEST_SEGMENT:
        head = text[:LONGEST_SEGMENT]
        sentences = [found.end() for found in _SENTENCE_END.finditer(head)]
        cut = sentences[-1] if sentences else head.rfind(" ") + 1 or LONGEST_SEGMENT
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    yield text


def _segments(turns: Sequence[_Turn]) -> list[Segment]:
    starts = _starts(turns)
    ends = [after for _, after in pairwise(starts)]
    if turns:
        ends.append(starts[-1] + _reading_seconds(turns[-1]))
    for position, turn in enumerate(turns):
        if turn.end is not None:
            ends[position] = max(turn.end, starts[position])
    return [
        Segment(
            segment_id=f"intake:text:{position:05d}",
            speaker=turn.speaker,
            text=turn.words[0],
            start_time=round(start, 3),
            end_time=round(end, 3),
            confidence=1.0,
        )
        for position, (turn, start, end) in enumerate(zip(turns, starts, ends, strict=True))
    ]


def _starts(turns: Sequence[_Turn]) -> list[float]:
    """When each begins: as given and never before the one in front; between two that are given, by their lengths."""
    starts = [0.0] * len(turns)
    before, latest = 0, 0.0
    for position in range(len(turns) + 1):
        known = turns[position].start if position < len(turns) else None
        if known is None and position < len(turns):
            continue
        # Those from `before` on wait for a time: they begin where the last known one did, and take what they need to
        # be read, or less where the next known time comes earlier.
        needed = [_reading_seconds(turn) for turn in turns[before:position]]
        room = math.inf if known is None else max(known - latest, 0.0)
        share = min(1.0, room / sum(needed)) if needed else 1.0
        at = latest
        for offset, seconds in enumerate(needed):
            starts[before + offset] = at
            at += seconds * share
        latest = max(latest, known or 0.0)
        before = position
    return starts


def _reading_seconds(turn: _Turn) -> float:
    return max(len(turn.words[0]) / CHARACTERS_PER_SECOND, SHORTEST_SECONDS)
