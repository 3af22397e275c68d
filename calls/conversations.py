"""What happens to a call: opened, filled chunk by chunk, finished, read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import transaction

from calls import forgotten, numbers, store
from calls.documents import (
    Call,
    CallState,
    Emotion,
    Flag,
    FlagReview,
    FlagVerdict,
    People,
    Segment,
    Speaker,
    people_by_side,
)
from calls.errors import CallTaken, PersonForgotten, UnknownCall, UnknownFlag
from metrics import timings

log = structlog.get_logger("earshot.conversations")

USUAL_PLATFORM = "web"


def open_call(
    *,
    user: Any,
    call_id: str,
    start_time: datetime,
    session_id: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Make the call for a recording, or give an existing one its recording; again is the same as once.

    Raises UnknownCall for a colleague's call that the user may not see, CallTaken when it has another recording,
    PersonForgotten when somebody whom the call is about has been erased.
    """
    people = _people_in(user, details or {})
    with transaction.atomic():
        if forgotten.among(user.tenant_id, set().union(*people_by_side(people).values())):
            raise PersonForgotten(f"There is no call {call_id} that you may see.")
        _open(user, call_id, start_time, session_id, details)


def _open(user: Any, call_id: str, start_time: datetime, session_id: str, details: Mapping[str, Any] | None) -> None:
    known = store.find({"tenant_id": user.tenant_id, "call_id": call_id})
    if known is None:
        known = _insert_call(user, call_id, start_time, session_id, details)
    if known["user_id"] != user.pk and not user.may("calls.read_all"):
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    if not store.attach_session(tenant_id=user.tenant_id, call_id=call_id, session_id=session_id):
        raise CallTaken(f"Call {call_id} has another recording. Give this one a call of its own.")


def _people_in(user: Any, details: Mapping[str, Any]) -> People:
    return People(
        user_id=user.pk,
        contact_id=None,
        platform=details.get("platform", USUAL_PLATFORM),
        external_user_id=details.get("external_user_id"),
    )


def _insert_call(
    user: Any, call_id: str, start_time: datetime, session_id: str, details: Mapping[str, Any] | None
) -> Call:
    given = dict(details or {})
    now = datetime.now(UTC)
    call = Call(
        call_id=call_id,
        id=numbers.following(),
        tenant_id=user.tenant_id,
        session_id=session_id,
        subject=given.pop("subject", ""),
        type=given.pop("type", "call"),
        direction=given.pop("direction", ""),
        platform=given.pop("platform", USUAL_PLATFORM),
        language=given.pop("language", "en"),
        status_id=None,
        start_time=start_time,
        end_time=None,
        duration=0.0,
        owner_id=user.pk,
        user_id=user.pk,
        assigned_to_id=None,
        contact_id=None,
        external_user_id=given.pop("external_user_id", None),
        deleted=0,
        status="in_progress",
        summary="",
        metadata=given,
        conversation=[],
        version=1,
        created_at=now,
        updated_at=now,
    )
    if store.insert(call):
        return call
    return store.find({"tenant_id": user.tenant_id, "call_id": call_id}) or call


def store_segments(
    *, tenant_id: int, call_id: str, parts: Sequence[str], segments: Sequence[Segment], end_time: float
) -> list[Segment]:
    """Take in what parts of a recording said, in place of what they said before. `end_time`: up to where, seconds.

    A part is what the second word of a segment's id says. Returns what was taken in: without what somebody said who has
    been erased. Raises PersonForgotten when one of the two has been and it is not known who speaks, UnknownCall when
    there is no such call.
    """
    with timings.measured("calls.store_segments"):
        people = store.people_of(tenant_id=tenant_id, call_id=call_id)
        if people is None:
            raise _unknown(call_id)
        with transaction.atomic():
            segments = _without_forgotten(tenant_id, call_id, people, segments)
            known = store.replace_segments(
                tenant_id=tenant_id,
                call_id=call_id,
                parts=parts,
                segments=segments,
                duration=end_time,
            )
    if not known:
        raise _unknown(call_id)
    return segments


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
    people = store.people_of(tenant_id=tenant_id, call_id=call_id)
    if people is None:
        raise _unknown(call_id)
    with transaction.atomic():
        if forgotten.among(tenant_id, set().union(*people_by_side(people).values())):
            # Evidence may quote whoever it is; of segments that went, the store takes no emotion.
            flags = []
        known = store.replace_estimates(
            tenant_id=tenant_id, call_id=call_id, parts=parts, emotions=emotions, flags=flags
        )
    if not known:
        raise _unknown(call_id)


def correct_speakers(
    *, tenant_id: int, call_id: str, corrections: Mapping[str, Sequence[str]], speakers: Sequence[Speaker]
) -> None:
    """Give segments to others than was thought: speaker → ids of segments. Raises UnknownCall."""
    if not store.correct_speakers(tenant_id=tenant_id, call_id=call_id, corrections=corrections, speakers=speakers):
        raise _unknown(call_id)


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
    return said


def language_of(*, tenant_id: int, call_id: str) -> str:
    """The language that a call is in, as whoever opened it said. Raises UnknownCall."""
    language = store.language_of(tenant_id=tenant_id, call_id=call_id)
    if language is None:
        raise _unknown(call_id)
    return language


def segments_of(*, tenant_id: int, call_id: str) -> list[Segment]:
    """All that is said in a call, for whoever heard it. Raises UnknownCall."""
    call = store.find({"tenant_id": tenant_id, "call_id": call_id})
    if call is None:
        raise _unknown(call_id)
    return call["conversation"]


def review_flag(user: Any, call_id: str, flag_id: str, verdict: FlagVerdict) -> Call:
    """Say of a flag that it is right or wrong; a wrong one does not count. Raises UnknownCall, UnknownFlag."""
    review = FlagReview(flag_id=flag_id, verdict=verdict, by=user.pk, at=datetime.now(UTC))
    if not store.review_flag({**_readable(user), "call_id": call_id}, review):
        read_call(user, call_id)
        raise UnknownFlag(f"There is no flag {flag_id} on call {call_id}. It may have been analysed again meanwhile.")
    return read_call(user, call_id)


def _without_forgotten(tenant_id: int, call_id: str, people: People, segments: Sequence[Segment]) -> list[Segment]:
    by_side = people_by_side(people)
    gone = forgotten.among(tenant_id, set().union(*by_side.values()))
    if not gone:
        return list(segments)
    if any(segment["speaker"] not in by_side for segment in segments):
        raise PersonForgotten(f"There is no call {call_id}.")
    log.info("words_of_forgotten_left_out", call_id=call_id)
    return [segment for segment in segments if gone.isdisjoint(by_side[segment["speaker"]])]


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
    store.finish(
        tenant_id=tenant_id,
        call_id=call_id,
        values={"status": state, "end_time": end_time, "duration": duration, "verdict": verdict},
    )


def reopen_call(*, tenant_id: int, call_id: str, verdict: Mapping[str, Any] | None = None) -> None:
    """More of the call has come, or turned out to be missing, after it had ended."""
    store.change(tenant_id=tenant_id, call_id=call_id, values={"status": "in_progress", "verdict": verdict})


def words_and_changes(*, tenant_id: int, call_id: str) -> tuple[dict[str, int], int]:
    """How many words each speaker says, and how often the word passes to another. Raises UnknownCall."""
    words = store.words_by_speaker(tenant_id=tenant_id, call_id=call_id)
    changes = store.speaker_changes(tenant_id=tenant_id, call_id=call_id)
    if changes is None:
        raise _unknown(call_id)
    return words, changes


def read_call(user: Any, call_id: str) -> Call:
    """A call of the user's tenant with its conversation; who may not see colleagues' calls gets only their own."""
    with timings.measured("calls.read_call"):
        call = store.find({**_readable(user), "call_id": call_id})
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    return call


def find_everywhere(call_id: str, *, tenant_id: int | None = None) -> list[Call]:
    """The calls of this id, of one company or of all; for whoever runs the installation."""
    whose = {} if tenant_id is None else {"tenant_id": tenant_id}
    return store.find_all({"call_id": call_id, **whose})


def read_call_if_any(user: Any, call_id: str) -> Call | None:
    """As `read_call`; None for one that there is not."""
    try:
        return read_call(user, call_id)
    except UnknownCall:
        return None


def _readable(user: Any) -> dict[str, Any]:
    own = {} if user.may("calls.read_all") else {"user_id": user.pk}
    return {"tenant_id": user.tenant_id, **own}


def _unknown(call_id: str) -> UnknownCall:
    return UnknownCall(f"There is no call {call_id}.")
