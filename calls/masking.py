"""Redaction as a company wants it, wherever words enter a call."""

from collections.abc import Sequence

from calls import redaction
from calls.documents import Segment
from calls.models import RedactionPolicy

# What a call is in where nobody said: then it may be in any.
USUAL_LANGUAGE = "en"
_ANY_LANGUAGE = ""


def masked(segments: Sequence[Segment], *, tenant_id: int, language: str) -> list[Segment]:
    """The segments without what is nobody's business, which goes with them where the company keeps it."""
    return masked_by(RedactionPolicy.of(tenant_id), segments, language=language)


def masked_by(policy: RedactionPolicy, segments: Sequence[Segment], *, language: str) -> list[Segment]:
    """The same by a policy that is known, for whoever masks many calls; in the order that they were given in."""
    in_order = sorted(enumerate(segments), key=lambda placed: (placed[1]["start_time"], placed[1]["segment_id"]))
    languages = (language, _ANY_LANGUAGE) if language == USUAL_LANGUAGE else (language,)
    masked_in_order = redaction.redact([segment for _, segment in in_order], policy.kinds, languages)
    hidden = list(segments)
    for (place, _), segment in zip(in_order, masked_in_order, strict=True):
        hidden[place] = segment if policy.keep_originals else redaction.originals_removed(segment)
    return hidden


def masked_text(text: str, *, policy: RedactionPolicy, language: str) -> str:
    """What a person or a program writes about a call, without what is nobody's business; that is not kept."""
    if not text:
        return ""
    written = Segment(segment_id="", speaker="", text=text, start_time=0.0, end_time=0.0, confidence=1.0)
    (hidden,) = masked_by(policy, [written], language=language)
    return hidden["text"]


def masked_beside(
    segments: Sequence[Segment], *, near: Sequence[Segment], tenant_id: int, language: str
) -> tuple[list[Segment], list[Segment]]:
    """As `masked`, for part of a call, with what the call says around it: a number may go on from one to the other.

    Returns the segments, and those around them in which something is masked by now that was not before.
    """
    hidden = masked([*near, *segments], tenant_id=tenant_id, language=language)
    touched = [after for before, after in zip(near, hidden[: len(near)], strict=True) if after != before]
    return hidden[len(near) :], touched
