"""What happens to a call that there is: filled part by part, estimated, finished, read."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import structlog

from calls import forgotten, indexing, live, masking, redaction, segment_rules, store
from calls.corrections import applied, as_people_say, with_originals
from calls.documents import (
    About,
    Call,
    CallState,
    Emotion,
    Flag,
    FlagReview,
    FlagVerdict,
    HistoryEntry,
    Original,
    Segment,
    Speaker,
    part_of,
    people_by_side,
)
from calls.errors import PersonForgotten, UnknownCall, UnknownFlag
from metrics import timings

log = structlog.get_logger("earshot.conversations")


def store_segments(
    *, tenant_id: int, call_id: str, parts: Sequence[str], segments: Sequence[Segment], end_time: float
) -> list[Segment]:
    """Take in what parts of a recording said, in place of what they said before. `end_time`: up to where, seconds.

    A part is what the second word of a segment's id says. Returns what was taken in: without what somebody said who has
    been erased. Raises PersonForgotten when one of the two has been and it is not known who speaks, UnknownCall when
    there is no such call.
    """
    with timings.measured("calls.store_segments"):
        about = _about(tenant_id, call_id)
        with indexing.marked(tenant_id, call_id):
            staying = _without_forgotten(tenant_id, call_id, about, segments)
            hidden, touched = masking.masked_beside(
                staying,
                near=_near(tenant_id, call_id, staying, parts),
                tenant_id=tenant_id,
                language=about["language"],
            )
            known = store.replace_segments(
                tenant_id=tenant_id,
                call_id=call_id,
                parts=parts,
                segments=hidden,
                others=touched,
                duration=end_time,
            )
            if not known:
                raise _unknown(call_id)
            live.changed(tenant_id, [call_id])
    told = applied(hidden, about.get("corrections", []), about.get("renamed", {}))
    # Corrections of other places are no news of these parts.
    ids = {segment["segment_id"] for segment in hidden}
    return [one for one in told if one["segment_id"] in ids or part_of(one["segment_id"]) in parts]


def upsert_segments(*, tenant_id: int, call_id: str, segments: Sequence[Segment]) -> list[Segment]:
    """Take in segments that a source has named itself, each in the place of the one of its id.

    Returns what was taken in, as `store_segments` does. Raises BadSegments, PersonForgotten, UnknownCall.
    """
    segment_rules.check(segments)
    with timings.measured("calls.upsert_segments"):
        about = _about(tenant_id, call_id)
        with indexing.marked(tenant_id, call_id):
            staying = _without_forgotten(tenant_id, call_id, about, segments)
            hidden, touched = masking.masked_beside(
                staying,
                near=_near(tenant_id, call_id, staying),
                tenant_id=tenant_id,
                language=about["language"],
            )
            known = store.upsert_segments(
                tenant_id=tenant_id,
                call_id=call_id,
                segments=hidden,
                others=touched,
                duration=max((segment["end_time"] for segment in hidden), default=0.0),
                spilled=about.get("spilled"),
            )
            if not known:
                raise _unknown(call_id)
            live.changed(tenant_id, [call_id])
    ids = {segment["segment_id"] for segment in hidden}
    told = applied(hidden, about.get("corrections", []), about.get("renamed", {}))
    return [segment for segment in told if segment["segment_id"] in ids]


def add_segments(user: Any, call_id: str, segments: Sequence[Segment]) -> list[Segment]:
    """As `upsert_segments`, for a call that the user may see. Raises UnknownCall for any other."""
    if not store.is_there(readable_by(user, call_id)):
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    return upsert_segments(tenant_id=user.tenant_id, call_id=call_id, segments=segments)


def store_estimates(
    *,
    tenant_id: int,
    call_id: str,
    parts: Sequence[str],
    emotions: Sequence[Emotion] | None,
    flags: Sequence[Flag] | None,
) -> None:
    """Take in what was estimated and flagged of parts, in place of what was before; None leaves what there is.

    Raises UnknownCall.
    """
    about = _about(tenant_id, call_id)
    with indexing.marked(tenant_id, call_id):
        if "erased_side" in about or forgotten.among(tenant_id, set().union(*people_by_side(about).values())):
            # Evidence may quote whoever it is; of segments that went, the store takes no emotion.
            flags = []
        known = store.replace_estimates(
            tenant_id=tenant_id, call_id=call_id, parts=parts, emotions=emotions, flags=flags
        )
        if not known:
            raise _unknown(call_id)
        live.changed(tenant_id, [call_id])


def correct_speakers(
    *, tenant_id: int, call_id: str, corrections: Mapping[str, Sequence[str]], speakers: Sequence[Speaker]
) -> None:
    """Give segments to others than was thought: speaker → ids of segments. Raises UnknownCall."""
    with indexing.marked(tenant_id, call_id):
        known = store.correct_speakers(tenant_id=tenant_id, call_id=call_id, corrections=corrections, speakers=speakers)
        if not known:
            raise _unknown(call_id)
        live.changed(tenant_id, [call_id])


def texts_of_chunks(*, tenant_id: int, call_id: str, indexes: Sequence[int]) -> dict[int, str]:
    """What each of some chunks of a recording says in all; of a call that is gone nothing."""
    said = store.segments_of_chunks(tenant_id=tenant_id, call_id=call_id, indexes=indexes) or []
    return {
        index: " ".join(segment["text"] for segment in said if segment.get("chunk_index") == index) for index in indexes
    }


def segments_of_chunks(*, tenant_id: int, call_id: str, indexes: Sequence[int]) -> list[Segment]:
    """What begins in some chunks of a recording, in order of time. Raises UnknownCall."""
    said = store.segments_of_chunks(tenant_id=tenant_id, call_id=call_id, indexes=indexes)
    if said is None:
        raise _unknown(call_id)
    return [redaction.originals_removed(segment) for segment in said]


def language_of(*, tenant_id: int, call_id: str) -> str:
    """The language that a call is in, as whoever opened it said. Raises UnknownCall."""
    return _about(tenant_id, call_id)["language"] or "en"


def segments_of(*, tenant_id: int, call_id: str) -> list[Segment]:
    """All that is said in a call, for whoever heard it. Raises UnknownCall."""
    call = store.find({"tenant_id": tenant_id, "call_id": call_id})
    if call is None:
        raise _unknown(call_id)
    return [redaction.originals_removed(segment) for segment in call["conversation"]]


def review_flag(user: Any, call_id: str, flag_id: str, verdict: FlagVerdict) -> Call:
    """Say of a flag that it is right or wrong; a wrong one does not count. Raises UnknownCall, UnknownFlag."""
    now = datetime.now(UTC)
    review = FlagReview(flag_id=flag_id, verdict=verdict, by=user.pk, at=now)
    entry = HistoryEntry(act="flag_judged", by=user.pk, at=now, about=flag_id, after=verdict)
    filters = readable_by(user, call_id)
    if not indexing.marking(user.tenant_id, call_id, lambda: store.review_flag(filters, review, entry=entry)):
        read_call(user, call_id)
        raise UnknownFlag(f"There is no flag {flag_id} on call {call_id}. It may have been analysed again meanwhile.")
    live.changed(user.tenant_id, [call_id])
    return read_call(user, call_id)


def _near(tenant_id: int, call_id: str, segments: Sequence[Segment], parts: Sequence[str] = ()) -> list[Segment]:
    """What else is said around some segments: who reads out a number pauses, and may be cut there."""
    if not segments:
        return []
    near = store.segments_between(
        tenant_id=tenant_id,
        call_id=call_id,
        start_time=min(segment["start_time"] for segment in segments) - redaction.LONGEST_PAUSE,
        end_time=max(segment["end_time"] for segment in segments) + redaction.LONGEST_PAUSE,
    )
    ids = {segment["segment_id"] for segment in segments}
    return [one for one in near if one["segment_id"] not in ids and part_of(one["segment_id"]) not in parts]


def _without_forgotten(tenant_id: int, call_id: str, about: About, segments: Sequence[Segment]) -> list[Segment]:
    by_side = people_by_side(about)
    gone = forgotten.among(tenant_id, set().union(*by_side.values()))
    # Of a side that has been erased the call does not say any more who it was.
    sides = {side for side, keys in by_side.items() if not gone.isdisjoint(keys)} | {about.get("erased_side")}
    if sides == {None}:
        return list(segments)
    if any(segment["speaker"] not in by_side for segment in segments):
        raise PersonForgotten(f"There is no call {call_id}.")
    log.info("words_of_forgotten_left_out", tenant_id=tenant_id)
    return [segment for segment in segments if segment["speaker"] not in sides]


def finish_call(
    *,
    tenant_id: int,
    call_id: str,
    state: CallState,
    end_time: datetime,
    duration: float,
    verdict: Mapping[str, Any] | None = None,
) -> None:
    """Mark the call as ended, of which nothing is provisional then; again, after a late chunk, with new figures.

    `duration` in seconds; `verdict` is the source's own word on whether all of it is here.
    """
    values = {"status": state, "end_time": end_time, "duration": duration, "verdict": verdict}
    with indexing.marked(tenant_id, call_id):
        store.finish(tenant_id=tenant_id, call_id=call_id, values=values)
        live.changed(tenant_id, [call_id])


def reopen_call(*, tenant_id: int, call_id: str, verdict: Mapping[str, Any] | None = None) -> None:
    """More of the call has come, or turned out to be missing, after it had ended."""
    store.change(tenant_id=tenant_id, call_id=call_id, values={"status": "in_progress", "verdict": verdict})
    live.changed(tenant_id, [call_id])


def words_and_changes(*, tenant_id: int, call_id: str) -> tuple[dict[str, int], int]:
    """How many words each speaker says, and how often the word passes to another. Raises UnknownCall."""
    words = store.words_by_speaker(tenant_id=tenant_id, call_id=call_id)
    speakers = store.speakers_in_order(tenant_id=tenant_id, call_id=call_id)
    if speakers is None:
        raise _unknown(call_id)
    return words, sum(one != other for one, other in pairwise(speakers))


def read_call(user: Any, call_id: str) -> Call:
    """A call of the user's tenant with its conversation; who may not see colleagues' calls gets only their own."""
    with timings.measured("calls.read_call"):
        call = store.find(readable_by(user, call_id))
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    return as_people_say(call)


def last_changes(user: Any, call_ids: Collection[str]) -> dict[str, datetime]:
    """When these calls were last changed, of those that are the user's to see, deleted ones among them."""
    return store.last_changes(all_readable_by(user), call_ids)


def read_head(user: Any, call_id: str) -> Call:
    """As `read_call`, without its conversation and what else grows with it."""
    call = store.head(readable_by(user, call_id))
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    return call


def originals_of(user: Any, call_id: str) -> list[Original]:
    """The segments of a call of which something is masked, as they were said. Raises UnknownCall."""
    call = store.find(readable_by(user, call_id))
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    return [
        Original(
            segment_id=segment["segment_id"],
            speaker=segment["speaker"],
            start_time=segment["start_time"],
            end_time=segment["end_time"],
            text=redaction.restored(segment),
            masked=segment["text"],
        )
        for segment in with_originals(call["conversation"], call.get("corrections", []), call.get("renamed", {}))
        if segment.get("redactions")
    ]


def find_everywhere(call_id: str, *, tenant_id: int | None = None) -> list[Call]:
    """The calls of this id, of one company or of all; for whoever runs the installation."""
    whose = {} if tenant_id is None else {"tenant_id": tenant_id}
    return [as_people_say(call) for call in store.find_all({"call_id": call_id, **whose})]


def read_call_if_any(user: Any, call_id: str) -> Call | None:
    """As `read_call`; None for one that there is not."""
    try:
        return read_call(user, call_id)
    except UnknownCall:
        return None


def readable_by(user: Any, call_id: str) -> dict[str, Any]:
    """What a query for a call asks for, so that it finds none that the user may not see."""
    return {**all_readable_by(user), "call_id": call_id}


def all_readable_by(user: Any) -> dict[str, Any]:
    """The same for every call that the user may see."""
    own = {} if user.may("calls.read_all") else {"user_id": user.pk}
    return {"tenant_id": user.tenant_id, **own}


def _about(tenant_id: int, call_id: str) -> About:
    about = store.about(tenant_id=tenant_id, call_id=call_id)
    if about is None:
        raise _unknown(call_id)
    return about


def _unknown(call_id: str) -> UnknownCall:
    return UnknownCall(f"There is no call {call_id}.")
