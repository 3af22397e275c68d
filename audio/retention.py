"""Sound and recordings that are older than their company keeps any.

The sound goes and the rest stays: the transcript, the rows, the verdict on what there was. Whole recordings go with
their calls, whose age the desk knows. Of what a legal hold is on, nothing goes.

1. A recording is marked first (`sound_removed_at`), under its lock and only when no work on it is under way. From then
   on it is not played, nothing is taken in for it, and nobody takes its chunks for lost.
2. Its objects go, with all versions of them, and what the cache has of its chunks.
3. Its chunks take up no room any more. By that one sees that it is done: whoever goes on after a crash finds the rest.
"""

import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q
from django.utils import timezone

from audio import blobs, cache, chunk_bytes, erasing, live
from audio.models import AnalysisJob, AudioChunk, AudioSession, AudioSessionQuerySet
from audio.states import ENDED
from calls import store
from metrics.retention import Held

log = structlog.get_logger("earshot.retention")

_AT_ONCE: Final = 100


def count(tenant_id: int, *, before: datetime, held: Held, kept_call_ids: Collection[str] = ()) -> tuple[int, int]:
    """Of how many recordings `remove` would take the sound, and how many of that age keep theirs, being held.

    Changes nothing.
    """
    going = _due(tenant_id, before, held, kept_call_ids).count()
    return going, _due(tenant_id, before, Held(), ()).count() - going


def oldest(tenant_id: int) -> datetime | None:
    """When the oldest recording ended that has its sound still; None when there is none."""
    with_sound = AudioSession.objects.filter(tenant=tenant_id, status__in=ENDED, sound_removed_at=None)
    moment: datetime | None = with_sound.aggregate(oldest=Min("end_time"))["oldest"]
    return moment


def remove(tenant_id: int, *, before: datetime, held: Held, kept_call_ids: Collection[str] = ()) -> Iterator[int]:
    """Take the sound of a company's recordings that ended before a moment, batch by batch; tells of how many.

    Not of those that are held: whose user or call is, and those of `kept_call_ids`, calls that are held for somebody
    else in them. Again is the same as once, also after it died anywhere. Raises StoreUnavailable or StateAway.
    """
    due = _due(tenant_id, before, held, kept_call_ids)
    for ids in _batches(due):
        yield _remove(due, ids)


def count_recordings(tenant_id: int, call_ids: Collection[str], *, held: Held) -> int:
    """How many `remove_recordings` would remove. Changes nothing."""
    return _of_calls(tenant_id, call_ids, held).count()


def remove_recordings(tenant_id: int, call_ids: Collection[str], *, held: Held) -> int:
    """Remove the recordings of a company's calls, which go too. How many there were.

    None that is held by its user or its call; the caller leaves out those that are held for somebody else. Again is the
    same as once, also after it died anywhere. Raises RetryableAudioError.
    """
    found = _of_calls(tenant_id, call_ids, held).values_list("pk", flat=True)
    return erasing.remove_whole(tenant_id, [str(session_id) for session_id in found])


def remove_left(tenant_id: int, *, before: datetime, held: Held) -> Iterator[int]:
    """Remove the recordings that began before a moment and whose calls are gone for good, batch by batch; how many.

    So who takes away calls by their age need not know which they were. A call that was deleted and can be brought back
    is there. Raises RetryableCallError or RetryableAudioError.
    """
    for ids in _batches(_free(AudioSession.objects.filter(tenant=tenant_id, start_time__lt=before), held)):
        calls = dict(AudioSession.objects.filter(pk__in=ids).values_list("pk", "call_id"))
        there = store.last_changes({"tenant_id": tenant_id}, list(calls.values())).keys()
        left = [str(session_id) for session_id, call_id in calls.items() if call_id not in there]
        if left:
            yield erasing.remove_whole(tenant_id, left)


def _batches(due: AudioSessionQuerySet) -> Iterator[list[uuid.UUID]]:
    """The ids in order, a few at a time; each is told of once, whatever becomes of it."""
    last = uuid.UUID(int=0)
    while ids := list(due.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        yield ids
        last = ids[-1]


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
