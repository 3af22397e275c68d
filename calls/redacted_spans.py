"""When in a call something is said that is masked: what a recording of it does not let everybody hear.

1. What a source says has its masks with the times of the words that they hide; where words have no times, all of the
   segment counts.
2. What people have written in its place is masked too. The words of which nobody knows when they were said may have
   been said anywhere between those that were heard.

What was heard first counts as well where somebody has corrected it: the sound is still that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from calls import store
from calls.corrections import with_originals
from calls.documents import Call, Correction, Redaction, Segment, Word
from calls.errors import UnknownCall
from calls.redaction.words import Place, places_of


@dataclass(frozen=True, slots=True, order=True)
class RedactedSpan:
    """Seconds on the recording's own line; `speaker` is whom the source names, whatever people call them.

    `kind` is of what is masked, one of `redaction.KINDS`.
    """

    start: float
    end: float
    speaker: str
    kind: str


def of_call(*, tenant_id: int, call_id: str) -> list[RedactedSpan]:
    """Everything that is masked in a call, deleted or not, in order of time. Spans may overlap.

    Raises UnknownCall when there is no such call, by which alone it could be known; RetryableCallError.
    """
    call = store.masked_in(tenant_id=tenant_id, call_id=call_id)
    if call is None:
        raise UnknownCall(f"There is no call {call_id} by which one knew what is masked in its recording.")
    return sorted({*_heard(call), *_written(call)})


def _heard(call: Call) -> Iterator[RedactedSpan]:
    for segment in call["conversation"]:
        for redaction in segment.get("redactions", []):
            yield _span(segment, redaction, redaction["start_time"], redaction["end_time"], segment["speaker"])


def _written(call: Call) -> Iterator[RedactedSpan]:
    """What is masked in what people say is right."""
    masked = {one["correction_id"]: one for one in call.get("corrections", []) if one.get("redactions")}
    if not masked:
        return
    known = {_times(word) for segment in call["conversation"] for word in segment.get("words", [])}
    for segment in with_originals(call["conversation"], call["corrections"], {}):
        correction = masked.get(segment.get("correction_id", ""))
        if correction is not None and "text" in correction:
            yield from _in(segment, correction, known)


def _in(segment: Segment, correction: Correction, known: set[tuple[float, float]]) -> Iterator[RedactedSpan]:
    words = segment.get("words") or []
    places = places_of(words, segment["text"]) if words else None
    for redaction in segment.get("redactions", []):
        own = [] if places is None else _covered(places, redaction)
        start, end = _reach(segment, words, own[0], own[-1], known) if own else (None, None)
        yield _span(segment, redaction, start, end, correction["heard_as"])


def _covered(places: Sequence[Place], redaction: Redaction) -> list[int]:
    """Which words a mask covers, in whole or in part."""
    start, end = redaction["start"], redaction["end"]
    return [number for number, place in enumerate(places) if place.start < end and place.end > start]


def _reach(
    segment: Segment, words: Sequence[Word], first: int, last: int, known: set[tuple[float, float]]
) -> tuple[float, float]:
    """From when to when words from `first` to `last` may have been said.

    `known` are the times of all that was heard: those of any other word are guessed.
    """
    before, after = first - 1, last + 1
    start, end = words[first]["start_time"], words[last]["end_time"]
    if _times(words[first]) not in known:
        while before >= 0 and _times(words[before]) not in known:
            before -= 1
        start = words[before]["end_time"] if before >= 0 else segment["start_time"]
    if _times(words[last]) not in known:
        while after < len(words) and _times(words[after]) not in known:
            after += 1
        end = words[after]["start_time"] if after < len(words) else segment["end_time"]
    return start, end


def _span(segment: Segment, redaction: Redaction, start: float | None, end: float | None, speaker: str) -> RedactedSpan:
    """All of the segment where one does not know better."""
    if start is None or end is None or end <= start:
        start, end = segment["start_time"], segment["end_time"]
    return RedactedSpan(start=start, end=end, speaker=speaker, kind=redaction["kind"])


def _times(word: Word) -> tuple[float, float]:
    return word["start_time"], word["end_time"]
