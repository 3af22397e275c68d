"""The rows of recordings: all of a whole one; of one side what tells of it.

Of a recording that stays in part, its words, gaps, lengths and states stay. What was made of both sides together goes,
and so does what anybody may have written about the one who goes. Chunks' texts mix both sides: what the other one said
is in the call.
"""

import re
import uuid
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from audio import sessions
from audio.erasing import shares
from audio.models import (
    AnalysisJob,
    AudioChunk,
    AudioChunkQuerySet,
    AudioSession,
    ChunkPeaks,
    ChunkSignal,
    RecordingConsent,
    RecordingGap,
    SessionVoice,
)
from audio.speakers import SIDES
from audio.states import ErasedSide
from metrics.erasing import Progress, Subject, untold

# In the place of a pause's reason: with none at all the verdict would be another.
ERASED: Final = "Erased with one side of the recording"
# So many whole recordings are deleted in one transaction, and of so many chunks one side.
_SESSIONS_AT_ONCE: Final = 50
_CHUNKS_AT_ONCE: Final = 200
_SIGNAL_COLUMNS: Final = (
    "regions",
    "prosody",
    "cuts",
    "turns",
    "speakers",
    "voice_seconds",
    "repeats",
    "voice_prints",
    "fingerprint",
)
# What one chunk tells, of both sides together.
_TELLS = (
    ~Q(transcription="")
    | ~Q(analysis_results={})
    | Q(speaker_count__isnull=False)
    | Q(voice_activity_ratio__isnull=False)
    | Q(suspicious_activity_score__isnull=False)
    | (Q(signal__isnull=False) & ~Q(signal__cuts=[]))
)
_SILENT: Final[dict[str, Any]] = {
    "transcription": "",
    "analysis_results": {},
    "speaker_count": None,
    "voice_activity_ratio": None,
    "suspicious_activity_score": None,
}


def count(subject: Subject, /) -> int:
    """Whole recordings and their chunks; of the others, recordings and chunks that tell of the side that goes."""
    found = shares.of(subject)
    counted = 0
    for some in shares.batches(found.whole):
        counted += _rows(subject, some).count() + AudioChunk.objects.filter(session__in=_rows(subject, some)).count()
    for side in ErasedSide:
        for some in shares.batches(found.of_side(side)):
            counted += _telling(_rows(subject, some), side, subject).count() + _chunks_telling(some).count()
    return counted


def erase(subject: Subject, /, *, progress: Progress = untold) -> int:
    """Delete them, and empty the others. How many recordings and chunks it was."""
    found = shares.of(subject)
    erased = 0
    for start in range(0, len(found.whole), _SESSIONS_AT_ONCE):
        gone = _delete(subject, found.whole[start : start + _SESSIONS_AT_ONCE])
        progress(gone)
        erased += gone
    for session in _rows(subject, list(found.sides)).order_by("pk"):
        erased += _empty(session, found.sides[str(session.pk)], subject, progress=progress)
    return erased


def search(subject: Subject, /) -> int:
    """By the tables themselves: rows that bear the ids, or the user's, and words that are left of one side."""
    found = shares.of(subject)
    wanted: dict[str, Any] = {
        "tenant": subject.tenant_id,
        "whole": list(found.whole),
        "sides": list(found.sides),
        "user": subject.user_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT count(*) FROM audio_audiosession
                    WHERE tenant_id = %(tenant)s AND (id = ANY(%(whole)s::uuid[]) OR user_id = %(user)s))
                 + (SELECT count(*) FROM audio_audiochunk WHERE session_id = ANY(%(whole)s::uuid[]))
                 + (SELECT count(*) FROM audio_audiochunk chunk
                    LEFT JOIN audio_chunksignal signal ON signal.chunk_id = chunk.id
                    WHERE chunk.session_id = ANY(%(sides)s::uuid[])
                      AND (chunk.transcription <> '' OR octet_length(signal.fingerprint) > 0
                           OR jsonb_array_length(signal.repeats) > 0))
            """,
            wanted,
        )
        (number,) = cursor.fetchone()
    return int(number)


def recordings(subject: Subject) -> int:
    """How many of the subject's recordings there are."""
    return _rows(subject, list(subject.sessions)).count()


def _rows(subject: Subject, ids: Sequence[str]) -> QuerySet[AudioSession]:
    return AudioSession.objects.filter(tenant=subject.tenant_id, pk__in=ids)


def _delete(subject: Subject, ids: Sequence[str]) -> int:
    """With everything that hangs on them. An upload that would put a row to one of them waits, and finds it gone."""
    with transaction.atomic():
        locked = _rows(subject, ids).select_for_update().order_by("pk")
        there = list(locked.values_list("pk", flat=True))
        if not there:
            return 0
        AnalysisJob.objects.filter(chunk__session__pk__in=there).delete()
        ChunkSignal.objects.filter(chunk__session__pk__in=there).delete()
        ChunkPeaks.objects.filter(chunk__session__pk__in=there).delete()
        # In one statement. `delete` would read every chunk first, in case that something hangs on it, and then delete
        # a hundred at a time; if anything did, the database would refuse.
        chunks = AudioChunk.objects.filter(session__pk__in=there)
        number = chunks._raw_delete(chunks.db)
        AudioSession.objects.filter(pk__in=there).delete()
    return len(there) + number


def _telling(rows: QuerySet[AudioSession], side: ErasedSide, subject: Subject) -> QuerySet[AudioSession]:
    """Those whose own row, consents, gaps or voices tell of the side still."""
    told: Any = ~Q(metadata={}) | (Q(user__isnull=False) if side == ErasedSide.AGENT else ~Q(test_session_id=""))
    told |= Exists(_consents(side, subject).filter(session=OuterRef("pk")))
    told |= Exists(RecordingGap.objects.filter(session=OuterRef("pk")).exclude(reason__in=["", ERASED]))
    told |= Exists(SessionVoice.objects.filter(session=OuterRef("pk")))
    return rows.filter(told)


def _consents(side: ErasedSide, subject: Subject) -> QuerySet[RecordingConsent]:
    """Those that name the one who goes: all that may be the customer's, and of a colleague's those with their name."""
    if side == ErasedSide.CLIENT:
        return RecordingConsent.objects.exclude(by="", wording="")
    named = Q(pk__in=[])
    for name in _names_of(subject):
        # As a word or some, and not within others: "ann" is no part of Hannah.
        alone = rf"(^|\W){re.escape(name)}($|\W)"
        named |= Q(by__iregex=alone) | Q(wording__iregex=alone)
    return RecordingConsent.objects.filter(named)


def _names_of(subject: Subject) -> set[str]:
    """What a colleague is called, while their account is there still."""
    user = get_user_model()._default_manager.filter(pk=subject.user_id or 0).first()
    known = {*subject.emails}
    if user is not None:
        known |= {user.get_username(), user.get_full_name()}
    return {name for name in known if name}


def _chunks_telling(ids: Sequence[str]) -> AudioChunkQuerySet:
    return AudioChunk.objects.filter(_TELLS, session__pk__in=ids)


def _empty(session: AudioSession, side: ErasedSide, subject: Subject, *, progress: Progress) -> int:
    """Take out of what stays what tells of one side. How many rows were changed."""
    emptied = 0
    # The recording's own row at the end: by it one sees that all is done.
    while some := list(_chunks_telling([str(session.pk)]).order_by("chunk_index")[:_CHUNKS_AT_ONCE]):
        with transaction.atomic():
            _locked(session)
            _empty_chunks([chunk.pk for chunk in some], SIDES.index(side))
        progress(len(some))
        emptied += len(some)
    with transaction.atomic():
        locked = _locked(session)
        emptied += _telling(_rows(subject, [str(session.pk)]), side, subject).count()
        consents = _consents(side, subject).filter(session=locked)
        consents.update(by="", wording="")
        locked.gaps.exclude(reason="").update(reason=ERASED)
        locked.voices.all().delete()
        # It tells of the agent's machine, and of the call as whoever recorded it knew it.
        locked.metadata = {}
        if side == ErasedSide.AGENT:
            locked.user = None
        else:
            locked.test_session_id = ""
        locked.save(update_fields=["metadata", "user", "test_session_id", "updated_at"])
    return emptied


def _locked(session: AudioSession) -> AudioSession:
    return sessions.lock(session, also_closed=True)


def _empty_chunks(ids: Sequence[uuid.UUID], channel: int) -> None:
    AudioChunk.objects.filter(pk__in=ids).update(**_SILENT)
    signals = list(ChunkSignal.objects.filter(pk__in=ids))
    for signal in signals:
        signal.regions = _without(signal.regions, channel, [])
        signal.prosody = _without(signal.prosody, channel, "")
        signal.cuts, signal.turns, signal.speakers, signal.voice_seconds, signal.repeats = [], [], [], [], []
        signal.voice_prints = signal.fingerprint = b""
    ChunkSignal.objects.bulk_update(signals, _SIGNAL_COLUMNS)
    measured = list(ChunkPeaks.objects.filter(pk__in=ids).exclude(bins=b""))
    for one in measured:
        bins = np.frombuffer(bytes(one.bins), dtype=np.uint8).reshape(-1, len(SIDES)).copy()
        bins[:, channel] = 0
        one.bins = bins.tobytes()
    ChunkPeaks.objects.bulk_update(measured, ["bins"])


def _without(by_channel: Sequence[Any], channel: int, nothing: Any) -> list[Any]:
    """The same with nothing in one channel; of what has not one for each side nothing stays."""
    if len(by_channel) != len(SIDES):
        return [nothing for _ in by_channel]
    return [nothing if number == channel else one for number, one in enumerate(by_channel)]
