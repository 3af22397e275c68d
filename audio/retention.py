"""Sound and recordings that are older than their company keeps any.

The sound goes and the rest stays: the transcript, the rows, the verdict on what there was. Whole recordings go with
their calls, whose age the desk knows. Of what a legal hold is on, nothing goes.

1. A recording is marked first (`sound_removed_at`), under its lock and only when no work on it is under way. From then
   on it is not played, nothing is taken in for it, and nobody takes its chunks for lost.
2. Its objects go, with all versions of them, and what the cache has of its chunks.
3. Its chunks take up no room any more. By that one sees that it is done: whoever goes on after a crash finds the rest.
"""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from audio import blobs, cache, chunk_bytes, erasing, live
from audio.models import AnalysisJob, AudioChunk, AudioSession, AudioSessionQuerySet
from audio.states import ENDED
from metrics.erasing import Progress, untold
from metrics.retention import Held

log = structlog.get_logger("earshot.retention")

_AT_ONCE: Final = 100


def count_sound(tenant_id: int, *, before: datetime, held: Held, kept_call_ids: Collection[str] = ()) -> int:
    """Of how many recordings `remove_sound` would remove the sound. Changes nothing."""
    return _due(tenant_id, before, held, kept_call_ids).count()


def remove_sound(
    tenant_id: int, *, before: datetime, held: Held, kept_call_ids: Collection[str] = (), progress: Progress = untold
) -> int:
    """Remove the sound of a company's recordings that ended before a moment. Of how many.

    Not of those that are held: whose user or call is, and those of `kept_call_ids`, calls that are held for somebody
    else in them. Raises StoreUnavailable or StateAway; what is left then goes the next time.
    """
    removed = 0
    due = _due(tenant_id, before, held, kept_call_ids)
    last = None
    while some := list(
        (due.filter(pk__gt=last) if last else due).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]
    ):
        last = some[-1]
        gone = _remove(due, some)
        progress(gone)
        removed += gone
    return removed


def count_recordings(tenant_id: int, call_ids: Collection[str], *, held: Held) -> int:
    """How many `remove_recordings` would remove. Changes nothing."""
    return _of_calls(tenant_id, call_ids, held).count()


def remove_recordings(tenant_id: int, call_ids: Collection[str], *, held: Held, progress: Progress = untold) -> int:
    """Remove the recordings of a company's calls, which go too. How many there were.

    None that is held by its user or its call; the caller leaves out those that are held for somebody else. Raises
    RetryableAudioError; what is left then goes the next time.
    """
    found = _of_calls(tenant_id, call_ids, held).values_list("pk", flat=True)
    return erasing.remove_whole(tenant_id, [str(session_id) for session_id in found], progress=progress)


def _due(tenant_id: int, before: datetime, held: Held, kept_call_ids: Collection[str]) -> AudioSessionQuerySet:
    """Ended, and either their sound is there still or some of it was left when it was being removed."""
    old = AudioSession.objects.filter(tenant=tenant_id, status__in=ENDED, end_time__lt=before)
    stored = AudioChunk.objects.stored().filter(session=OuterRef("pk"))
    under_way = AnalysisJob.objects.unfinished().filter(chunk__session=OuterRef("pk"))
    not_begun = Q(sound_removed_at=None) & Exists(stored) & ~Exists(under_way)
    begun = Q(sound_removed_at__isnull=False) & Exists(stored.filter(compressed_size_bytes__isnull=False))
    return _free(old, held).exclude(call_id__in=list(kept_call_ids)).filter(not_begun | begun)


def _remove(due: AudioSessionQuerySet, ids: Collection[uuid.UUID]) -> int:
    with transaction.atomic():
        # Asked once they are locked: who had work sent off for one has committed it by then.
        list(AudioSession.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk"))
        sessions = list(due.filter(pk__in=ids))
        AudioSession.objects.filter(pk__in=[one.pk for one in sessions], sound_removed_at=None).update(
            sound_removed_at=timezone.now()
        )
    blobs.erase_all([blobs.prefix_of(session.pk) for session in sessions])
    chunks = AudioChunk.objects.filter(session__in=sessions)
    indexes = chunks.order_by().values_list("session_id", "chunk_index")
    cache.drop_all([chunk_bytes.KEY.format(session_id=one, chunk_index=index) for one, index in indexes])
    chunks.update(compressed_size_bytes=None)
    for session in sessions:
        live.recording_changed(session.tenant_id, str(session.pk))
    log.info("sound_removed", recordings=len(sessions))
    return len(sessions)


def _of_calls(tenant_id: int, call_ids: Collection[str], held: Held) -> AudioSessionQuerySet:
    return _free(AudioSession.objects.filter(tenant=tenant_id, call_id__in=list(call_ids)), held)


def _free(sessions: AudioSessionQuerySet, held: Held) -> AudioSessionQuerySet:
    return sessions.exclude(user__in=list(held.user_ids)).exclude(call_id__in=list(held.call_ids))
