"""What happens to a call: opened, filled chunk by chunk, finished, read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from calls import numbers, store
from calls.documents import Call, CallState, Segment
from calls.errors import CallTaken, UnknownCall
from metrics import timings


def open_call(
    *,
    user: Any,
    call_id: str,
    start_time: datetime,
    session_id: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Make the call for a recording, or give an existing one its recording; again is the same as once.

    Raises UnknownCall for a colleague's call that the user may not see, CallTaken when it has another recording.
    """
    known = store.find({"tenant_id": user.tenant_id, "call_id": call_id})
    if known is None:
        known = _insert_call(user, call_id, start_time, session_id, details)
    if known["user_id"] != user.pk and not user.may("calls.read_all"):
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    if not store.attach_session(tenant_id=user.tenant_id, call_id=call_id, session_id=session_id):
        raise CallTaken(f"Call {call_id} has another recording. Give this one a call of its own.")


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
        platform=given.pop("platform", "web"),
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
) -> None:
    """Take in what one chunk said, in place of what it said before. `end_time`: where the chunk ends, seconds."""
    with timings.measured("calls.store_chunk_segments"):
        known = store.replace_chunk_segments(
            tenant_id=tenant_id,
            call_id=call_id,
            chunk_index=chunk_index,
            segments=segments,
            duration=end_time,
        )
    if not known:
        raise UnknownCall(f"There is no call {call_id}.")


def finish_call(*, tenant_id: int, call_id: str, state: CallState, end_time: datetime, duration: float) -> None:
    """Mark the call as ended; again, after a late chunk, with new figures."""
    store.change(
        tenant_id=tenant_id,
        call_id=call_id,
        values={"status": state, "end_time": end_time, "duration": duration},
    )


def read_call(user: Any, call_id: str) -> Call:
    """A call of the user's tenant with its conversation; who may not see colleagues' calls gets only their own."""
    own = {} if user.may("calls.read_all") else {"user_id": user.pk}
    with timings.measured("calls.read_call"):
        call = store.find({"tenant_id": user.tenant_id, "call_id": call_id, **own})
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    return call
