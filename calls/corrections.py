"""What people say is right, laid over what a source says. Pure, and done whenever a call is read.

The conversation in the store stays as its source has it, so hearing a recording again, with another engine and other
segments, cannot lose a correction: it holds for its place, not for a row.

* What is heard in a recording is found by its place: who speaks, from when to when. The words said there give way, and
  the segments that have no others.
* What a source names itself is found by its id.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import cast

from calls.documents import Call, Correction, Segment, Word, by_time, part_of
from calls.redaction import originals_removed

# Two sides may talk at once; of any other speakers a source may think differently the next time.
_SIDES = frozenset({"agent", "client"})
EDGE_SECONDS = 0.3
# A mask is one word, whatever is written in it.
_WORD = re.compile(r"\[[^\[\]]*\]|\S+")


def as_people_say(call: Call) -> Call:
    """The call with its corrections applied, its speakers called as people call them, and without what masks hide."""
    corrections, renamed = call.get("corrections", []), call.get("renamed", {})
    corrected: Call = {**call, "conversation": applied(call["conversation"], corrections, renamed)}
    if not renamed:
        return corrected
    if "speakers" in call:
        seconds: dict[str, float] = {}
        for one in call["speakers"]:
            name = renamed.get(one["speaker"], one["speaker"])
            seconds[name] = seconds.get(name, 0.0) + one["seconds"]
        corrected["speakers"] = [{"speaker": name, "seconds": round(length, 3)} for name, length in seconds.items()]
    return corrected


def applied(
    conversation: Sequence[Segment], corrections: Sequence[Correction], renamed: Mapping[str, str]
) -> list[Segment]:
    """The same in order of time, each segment once, and without what masks hide."""
    return [originals_removed(segment) for segment in with_originals(conversation, corrections, renamed)]


def with_originals(
    conversation: Sequence[Segment], corrections: Sequence[Correction], renamed: Mapping[str, str]
) -> list[Segment]:
    """The same with what masks hide, for those who may read it."""
    said = list(conversation)
    if not corrections and not renamed:
        return said
    written: set[str] = set()
    for correction in sorted(corrections, key=lambda one: one["at"]):
        said = _corrected(said, correction, written)
    own = {one["correction_id"] for one in corrections if "speaker" in one}
    for position, segment in enumerate(said):
        if segment["speaker"] in renamed and segment.get("correction_id") not in own:
            said[position] = {**segment, "speaker": renamed[segment["speaker"]]}
    return sorted(said, key=by_time)


def renamed_to(renamed: Mapping[str, str], name: str, to: str) -> dict[str, str]:
    """Whom people mean from now on, once who is called `name` is called `to`; someone of that name is the same then."""
    changed = {heard: to if called == name else called for heard, called in renamed.items()}
    changed.setdefault(name, to)
    return {heard: called for heard, called in changed.items() if heard != called}


def sides_of(renamed: Mapping[str, str]) -> dict[str, str]:
    """Which side (agent or client) those are who are called otherwise: their name → the side.

    Of one whom both sides are called nobody can tell.
    """
    sides: dict[str, str] = {}
    for side in sorted(_SIDES & renamed.keys()):
        name = renamed[side]
        if name in sides:
            del sides[name]
        elif name not in _SIDES:
            sides[name] = side
    return sides


def correction_of(segment: Segment, corrections: Iterable[Correction]) -> Correction | None:
    """By what a shown segment was corrected, if correcting it again is to change the same correction."""
    for one in corrections:
        if one["correction_id"] == segment.get("correction_id"):
            is_same_place = (one["start_time"], one["end_time"]) == (segment["start_time"], segment["end_time"])
            return one if is_same_place or not part_of(one["segment_id"]) else None
    return None


def _corrected(said: Sequence[Segment], correction: Correction, written: set[str]) -> list[Segment]:
    """With one correction more. `written`: the segments that people have written, which stay; one may be added."""
    there = [segment for segment in said if segment["segment_id"] not in written and _is_there(segment, correction)]
    replaced = {segment["segment_id"] for segment in there}
    if "text" not in correction:
        told = {"corrected": True, "correction_id": correction["correction_id"]}
        speaker = correction.get("speaker", correction["heard_as"])
        return [
            cast("Segment", {**segment, "speaker": speaker, **told}) if segment["segment_id"] in replaced else segment
            for segment in said
        ]
    others = []
    for segment in said:
        rest: Segment | None = segment
        if segment["segment_id"] not in written:
            rest = _rest_of(segment, correction, gives_way=segment["segment_id"] in replaced)
        if rest is not None:
            others.append(rest)
    as_said = _as_said(correction, there, {segment["segment_id"] for segment in others})
    written.add(as_said["segment_id"])
    return [*others, as_said]


def _as_said(correction: Correction, there: Sequence[Segment], taken: set[str]) -> Segment:
    """The segment that a person has written, in the place of those that are there."""
    identity = correction["segment_id"]
    if identity in taken:
        # Named by its position; by now another sentence has that.
        identity = f"{identity}:{correction['correction_id']}"
    text = correction["text"]
    start, end = correction["start_time"], correction["end_time"]
    if there and not part_of(identity):
        # Its source, which names it, may say otherwise when it was said.
        start, end = there[0]["start_time"], there[0]["end_time"]
    segment = Segment(
        segment_id=identity,
        speaker=correction.get("speaker") or (there[0]["speaker"] if there else correction["heard_as"]),
        text=text,
        start_time=start,
        end_time=end,
        confidence=1.0,
        corrected=True,
        correction_id=correction["correction_id"],
    )
    words = [word for one in there for word in one.get("words", [])]
    if words:
        segment["words"] = respelled(text, words, start=start, end=end)
    if correction.get("redactions"):
        segment["redactions"] = correction["redactions"]
    for one in there[:1]:
        if "chunk_index" in one:
            segment["chunk_index"] = one["chunk_index"]
    return segment


def respelled(text: str, words: Sequence[Word], *, start: float, end: float) -> list[Word]:
    """The words of a text with times: of those that were heard, theirs; the others share what is between them."""
    written = _WORD.findall(text)
    heard = [word["text"].casefold() for word in words]
    found: list[Word | None] = [None] * len(written)
    for block in SequenceMatcher(
        a=heard, b=[word.casefold() for word in written], autojunk=False
    ).get_matching_blocks():
        for step in range(block.size):
            found[block.b + step] = {**words[block.a + step], "text": written[block.b + step]}
    spelled: list[Word] = []
    position = 0
    while position < len(written):
        known = found[position]
        if known is not None:
            spelled.append(known)
            position += 1
            continue
        until = position
        while until < len(written) and found[until] is None:
            until += 1
        after = found[until] if until < len(written) else None
        begin = spelled[-1]["end_time"] if spelled else start
        stop = max(after["start_time"] if after else end, begin)
        each = (stop - begin) / (until - position)
        spelled += [
            Word(
                text=written[index],
                start_time=round(begin + (index - position) * each, 3),
                end_time=round(begin + (index - position + 1) * each, 3),
                confidence=1.0,
            )
            for index in range(position, until)
        ]
        position = until
    return spelled


def _is_there(segment: Segment, correction: Correction) -> bool:
    if not part_of(segment["segment_id"]):
        return segment["segment_id"] == correction["segment_id"]
    if not _is_same_voice(segment, correction):
        return False
    length = segment["end_time"] - segment["start_time"]
    if length <= 0:
        return correction["start_time"] <= segment["start_time"] <= correction["end_time"]
    return _overlap(segment, correction) >= length / 2


def _is_same_voice(segment: Segment, correction: Correction) -> bool:
    speakers = {segment["speaker"], correction["heard_as"]}
    return len(speakers) == 1 or not speakers & _SIDES


def _rest_of(segment: Segment, correction: Correction, *, gives_way: bool) -> Segment | None:
    """What is left of a segment beside a place that somebody has corrected: the words that are not said there."""
    words = segment.get("words", [])
    if not part_of(segment["segment_id"]) or not words or " ".join(word["text"] for word in words) != segment["text"]:
        return None if gives_way else segment
    if not _is_same_voice(segment, correction) or _overlap(segment, correction) <= 0:
        return segment
    # A word at the edge is heard a little earlier or later the next time.
    room = EDGE_SECONDS if gives_way else 0.0
    start, end = correction["start_time"] - room, correction["end_time"] + room
    left = [position for position, word in enumerate(words) if not start <= _middle(word) <= end]
    if len(left) == len(words):
        return segment
    return _with_words(segment, left) if left else None


def _with_words(segment: Segment, positions: Sequence[int]) -> Segment:
    """The segment with some of its words, and the masks that are among them."""
    words = segment["words"]
    begins, offset = [], 0
    for word in words:
        begins.append(offset)
        offset += len(word["text"]) + 1
    kept: list[Word] = []
    moved, offset = {}, 0
    for position in positions:
        moved[begins[position]] = offset
        kept.append(words[position])
        offset += len(words[position]["text"]) + 1
    left: Segment = {
        **segment,
        "words": kept,
        "text": " ".join(word["text"] for word in kept),
        "start_time": max(segment["start_time"], kept[0]["start_time"]),
        "end_time": max(segment["start_time"], kept[-1]["end_time"]),
    }
    if "redactions" in segment:
        left["redactions"] = [
            {**one, "start": moved[one["start"]], "end": moved[one["start"]] + one["end"] - one["start"]}
            for one in segment["redactions"]
            if one["start"] in moved
        ]
    return left


def _middle(word: Word) -> float:
    return (word["start_time"] + word["end_time"]) / 2


def _overlap(segment: Segment, correction: Correction) -> float:
    return min(segment["end_time"], correction["end_time"]) - max(segment["start_time"], correction["start_time"])
