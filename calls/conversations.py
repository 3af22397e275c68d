"""What happens to a call: opened, filled chunk by chunk, finished, read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import transaction

from calls import forgotten, numbers, store
from calls.documents import Call, CallState, People, Segment, people_by_side
from calls.errors import CallTaken, PersonForgotten, UnknownCall
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


def store_chunk_segments(
    *, tenant_id: int, call_id: str, chunk_index: int, segments: Sequence[Segment], end_time: float
) -> list[Segment]:
    """Take in what one chunk said, in place of what it said before. `end_time`: where the chunk ends, seconds.

    Returns what was taken in: without what somebody said who has been erased. Raises PersonForgotten when one of the
    two has been and it is not known who speaks, UnknownCall when there is no such call.
    """
    with timings.measured("calls.store_chunk_segments"):
        people = store.people_of(tenant_id=tenant_id, call_id=call_id)
        if people is None:
            raise UnknownCall(f"There is no call {call_id}.")
        with transaction.atomic():
            segments = _without_forgotten(tenant_id, call_id, people, segments)
            known = store.replace_chunk_segments(
                tenant_id=tenant_id,
                call_id=call_id,
                chunk_index=chunk_index,
                segments=segments,
                duration=end_time,
            )
    if not known:
        raise UnknownCall(f"There is no call {call_id}.")
    return segments


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
    """Mark the call as ended; again, after a late chunk, with new figures.

    `duration` in seconds; `verdict` is the source's own word on whether all of it is here.
    """
    store.change(
        tenant_id=tenant_id,
        call_id=call_id,
        values={"status": state, "end_time": end_time, "duration": duration, "verdict": verdict},
    )


def speaker_changes(*, tenant_id: int, call_id: str) -> int:
    """How often the word passes from one speaker to another. Raises UnknownCall."""
    changes = store.speaker_changes(tenant_id=tenant_id, call_id=call_id)
    if changes is None:
        raise UnknownCall(f"There is no call {call_id}.")
    return changes


def read_call(user: Any, call_id: str) -> Call:
    """A call of the user's tenant with its conversation; who may not see colleagues' calls gets only their own."""
    own = {} if user.may("calls.read_all") else {"user_id": user.pk}
    with timings.measured("calls.read_call"):
        call = store.find({"tenant_id": user.tenant_id, "call_id": call_id, **own})
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    return call
