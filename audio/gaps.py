"""Stretches without sound that the recorder tells of: pauses, a lost device, a line that was cut."""

import uuid

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from audio import sessions
from audio.errors import BadGap
from audio.manifest import ROUNDING_SECONDS, Manifest
from audio.models import AudioChunk, AudioSession, RecordingGap
from audio.states import GapCause, SessionStatus
from metrics.prepared import PreparedUpdate

# More than a recording of days has; a recorder that makes one a second is stopped.
MOST_GAPS = 10_000
# Asked at every upload.
_end_pauses = PreparedUpdate(
    lambda session_id, latest, end: (
        RecordingGap.objects.filter(
            session=session_id, cause=GapCause.PAUSE, end_seconds=None, start_seconds__lte=latest
        ),
        {"end_seconds": Greatest(F("start_seconds"), Value(end))},
    ),
    uuid.UUID,
    float,
    float,
)


def declare(
    session: AudioSession, *, start: float, end: float | None, cause: GapCause, reason: str = ""
) -> AudioSession:
    """Write down a gap, or set the end of one that was told before; again is the same as once.

    A pause begins as a gap without an end. Raises BadGap for one that ends before it begins or is one too many,
    UnknownSession when the session has been erased.
    """
    if end is not None and end < start:
        raise BadGap("A gap ends after it begins.", fields={"end": [f"At least {start:g}."]})
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        session = sessions.lock(session)
        known = session.gaps.filter(start_seconds=start, cause=cause).first()
        if known is None and session.gaps.count() >= MOST_GAPS:
            raise BadGap(f"A recording has at most {MOST_GAPS} gaps.")
        gap = known or RecordingGap(session=session, start_seconds=start, cause=cause)
        gap.end_seconds = end if end is not None else gap.end_seconds
        gap.reason = reason or gap.reason
        gap.save()
        sessions.note_life(session)
        session = sessions.settle(session)
        transaction.on_commit(lambda: sessions.announce_change(session), robust=True)
    return session


def is_paused(session: AudioSession, whole: Manifest) -> bool:
    """Whether it goes on and is paused now; `whole` is its manifest."""
    return session.status == SessionStatus.RECORDING and whole.is_paused


def end_pauses_before(chunk: AudioChunk) -> None:
    """Sound goes on after a pause that nobody ended: it ended there."""
    _end_pauses(chunk.session_id, chunk.start_time_seconds + ROUNDING_SECONDS, chunk.start_time_seconds)
