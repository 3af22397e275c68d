"""What masks hide: taken away for most, put back for those who may read it. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from calls.documents import Redaction, Segment
from calls.redaction.kinds import MASKS


class Stretch(NamedTuple):
    """A part of what somebody said that is masked as a whole or not at all; what nobody knows any more is its mask.

    `start`: where it begins in what was said; `shown`: where it, or the mask in its place, begins in the text.
    """

    said: str
    start: int
    shown: int
    redaction: Redaction | None


def originals_removed(segment: Segment) -> Segment:
    """The segment without what its masks hide."""
    if not segment.get("redactions"):
        return segment
    return {**segment, "redactions": [_without_original(redaction) for redaction in segment["redactions"]]}


def restored(segment: Segment) -> str:
    """The text as it was said, as far as the originals are there and the masks stand where they were put."""
    return "".join(stretch.said for stretch in stretches(segment))


def stretches(segment: Segment) -> Iterator[Stretch]:
    """All that was said, in order: what the text shows, and between that what its masks hide."""
    text = segment["text"]
    start = at = 0
    for redaction in segment.get("redactions", []):
        shown, end = redaction["start"], redaction["end"]
        if shown < at or text[shown:end] != MASKS.get(redaction["kind"]):
            # Somebody wrote another text since.
            continue
        yield Stretch(text[at:shown], start, at, None)
        start += shown - at
        hidden = redaction.get("original") or text[shown:end]
        yield Stretch(hidden, start, shown, redaction)
        start, at = start + len(hidden), end
    yield Stretch(text[at:], start, at, None)


def _without_original(redaction: Redaction) -> Redaction:
    kept = redaction.copy()
    kept.pop("original", None)
    return kept
