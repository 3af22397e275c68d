"""The two functions that older programs call. They do what they did, on conversations.

Both are deprecated, and say what to call instead; docs/legacy.md tells more.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from calls import conversations, old_segments, segment_rules
from calls.documents import Segment
from calls.errors import AmbiguousCall, BadSegments, UnknownCall
from calls.old_segments import SIDES, Row, Side
from calls.store import legacy

MOST_AT_ONCE = 20_000


def store_call_segments(
    call_id: str | int, audio_type: str, segments: Sequence[Mapping[str, Any]], *, tenant_id: int | None = None
) -> bool:
    """Take in what one side of a call says. Always True; the same again changes nothing.

    Segments are dicts of `text`, `start_time`, `end_time` (seconds) and, where they have them, `confidence` and
    `segment_id`.
    Raises ValueError for another audio_type than "agent" and "client", BadSegments, UnknownCall, PersonForgotten,
    AmbiguousCall where several companies have a call of this id and `tenant_id` does not say whose is meant.

    Deprecated: use `calls.conversations.upsert_segments`.
    """
    _deprecated("store_call_segments", "upsert_segments")
    side = _side(audio_type)
    said = _read(side, segments)
    pieces = [
        said[start : start + segment_rules.MOST_AT_ONCE] for start in range(0, len(said), segment_rules.MOST_AT_ONCE)
    ]
    for piece in pieces:
        segment_rules.check(piece)
    company = _company(str(call_id), tenant_id)
    for piece in pieces or [[]]:
        conversations.upsert_segments(tenant_id=company, call_id=str(call_id), segments=piece)
    return True


def get_call_segments(call_id: str | int, audio_type: str, *, tenant_id: int | None = None) -> list[dict[str, Any]]:
    """What one side of a call says, in order of time, as people have corrected it, and masked.

    Dicts of `segment_id, call_id, audio_type, text, start_time, end_time, speaker, confidence`. Raises ValueError,
    UnknownCall, AmbiguousCall as `store_call_segments` does.

    Deprecated: use `calls.conversations.read_call`.
    """
    _deprecated("get_call_segments", "read_call")
    side = _side(audio_type)
    company = _company(str(call_id), tenant_id)
    found = conversations.find_everywhere(str(call_id), tenant_id=company)
    if not found:
        raise _unknown(str(call_id))
    return [
        {
            "segment_id": old_segments.id_given(segment["segment_id"], side),
            "call_id": str(call_id),
            "audio_type": side,
            "text": segment["text"],
            "start_time": segment["start_time"],
            "end_time": segment["end_time"],
            "speaker": segment["speaker"],
            "confidence": segment["confidence"],
        }
        for segment in found[0]["conversation"]
        if segment["speaker"] == side
    ]


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(
        f"calls.legacy.{name} is deprecated; use calls.conversations.{instead} instead.",
        DeprecationWarning,
        stacklevel=3,
    )


def _side(audio_type: str) -> Side:
    if audio_type not in SIDES:
        raise ValueError(f'audio_type is "agent" or "client", not {audio_type!r:.40}.')
    return audio_type


def _read(side: Side, segments: Sequence[Mapping[str, Any]]) -> list[Segment]:
    if len(segments) > MOST_AT_ONCE:
        raise BadSegments(f"{len(segments)} segments at once are too many; store {MOST_AT_ONCE} at most at a time.")
    read = old_segments.read(
        Row(side, str(position), segment if isinstance(segment, Mapping) else {})
        for position, segment in enumerate(segments)
    )
    if read.bad:
        raise BadSegments(
            "Some segments cannot be right; nothing was taken in. See the fields.",
            fields={bad.row.place: [bad.why] for bad in read.bad},
        )
    return read.segments


def _company(call_id: str, tenant_id: int | None) -> int:
    """Raises UnknownCall, AmbiguousCall."""
    if tenant_id is not None:
        return tenant_id
    companies = legacy.companies_of(call_id)
    if not companies:
        raise _unknown(call_id)
    if len(companies) > 1:
        raise AmbiguousCall(f"{len(companies)} companies have a call {call_id}. Say whose by tenant_id.")
    return companies[0]


def _unknown(call_id: str) -> UnknownCall:
    return UnknownCall(f"There is no call {call_id}.")
