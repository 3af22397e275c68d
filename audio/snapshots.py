"""A session as one looks at it: the session, its chunks, and what has been said so far."""

import uuid
from typing import Any, TypedDict

from audio import sessions
from audio.models import AudioSession
from audio.serializers import ChunkSerializer, SessionSerializer
from audio.told import Standing
from calls import conversations
from calls.documents import Emotion, ReviewedFlag, Segment, reviewed_flags


class Snapshot(TypedDict):
    session: dict[str, Any]
    chunks: list[dict[str, Any]]
    segments: list[Segment]
    emotions: list[Emotion]
    flags: list[ReviewedFlag]


def of(user: Any, session_id: uuid.UUID) -> Snapshot:
    """Raises UnknownSession when the user may not see it or it is gone."""
    session = sessions.find(user, session_id)
    # The sound may be seen while its call has been deleted.
    call = conversations.read_call_if_any(user, session.call_id)
    return Snapshot(
        session=dict(SessionSerializer(session).data),
        chunks=[dict(chunk) for chunk in ChunkSerializer(session.chunks.stored(), many=True).data],
        segments=call["conversation"] if call else [],
        emotions=call.get("emotions", []) if call else [],
        flags=reviewed_flags(call) if call else [],
    )


def standing_of(session: AudioSession) -> Standing:
    """How far the session and each of its chunks have come, by their rows."""
    chunks = session.chunks.stored().values_list("chunk_index", "processing_status", "analysed_at", "transcribed_at")
    return Standing.of_rows(session.status, session.total_chunks, chunks.order_by())
