"""Accepts chunks so that an acknowledged one is never lost.

The order matters: look at the bytes, claim the row by (session, index) with their digest, store the object, mark
the row uploaded and make its job in one transaction, answer. Whatever dies in between, the same bytes sent again
take the claim over; other bytes never do, so a losing upload cannot overwrite an acknowledged object. Who never comes
back has the sweep look what is there (`settle_claims`).
"""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from audio import blobs, chunk_bytes, consents, containers, gaps, jobs, progress, sessions
from audio.containers import Inspection
from audio.errors import (
    AudioError,
    BadChunk,
    BodyTooLarge,
    ChunkConflict,
    EmptyBody,
    SoundRemoved,
    StoreUnavailable,
    UnknownSession,
    UploadInProgress,
    WrongDigest,
)
from audio.headers import LATEST_START_SECONDS, Declared
from audio.models import AudioChunk, AudioSession, AudioSessionQuerySet
from audio.states import UPLOAD_MOVES, JobKind, UploadStatus, sources
from metrics import timings
from metrics.prepared import Prepared, PreparedUpdate

log = structlog.get_logger("earshot.chunks")

# Where a chunk is put when it comes before its predecessor and does not say where it begins.
USUAL_CHUNK_SECONDS = 30.0

# Of the chunks after one that came late, so many are read at a time.
MOST_AT_ONCE = 10
# A sweep looks at so many uploads that did not end; the next one is seconds away.
MOST_SWEPT = 100
# Asked at every upload.
_stored_from: Prepared[AudioChunk] = Prepared(
    lambda session_id, index: (
        AudioChunk.objects.stored()
        .filter(session=session_id, chunk_index__gte=index)
        .order_by("chunk_index")[:MOST_AT_ONCE]
    ),
    uuid.UUID,
    int,
)


def _marking_stored(*, is_late: bool) -> PreparedUpdate:
    """Of whom the claim still is. As one that nobody has heard: its object may have been lost and come once more."""
    return PreparedUpdate(
        lambda chunk_id, claimed_at, now, checksum, size: (
            AudioChunk.objects.filter(
                pk=chunk_id, claimed_at=claimed_at, upload_status__in=sources(UPLOAD_MOVES, UploadStatus.UPLOADED)
            ),
            {
                **progress.UNHEARD[JobKind.ANALYSIS],
                "upload_status": UploadStatus.UPLOADED,
                "stored_at": now,
                "stored_checksum": checksum,
                "compressed_size_bytes": size,
                "compression_ratio": 1.0,
                "is_late": is_late,
            },
        ),
        *(uuid.UUID, datetime, datetime, str, int),
    )


_mark_stored, _mark_stored_late = _marking_stored(is_late=False), _marking_stored(is_late=True)
NOT_FINISHED = "The upload did not end. Its sender has to send it again."


def accept(session: AudioSession, *, index: int, body: bytes, declared: Declared) -> tuple[AudioChunk, bool]:
    """Store a chunk for good. Returns its row and whether it is new; the same bytes again are no news.

    Raises BadChunk, EmptyBody, BodyTooLarge, WrongDigest, NotAudio, NoAudio or TooLong and keeps nothing;
    ChunkConflict when other bytes are there already; ConsentRequired; UploadInProgress or StoreUnavailable when
    sending it again a moment later will do; UnknownSession when the session, or whoever recorded it, has been erased;
    SoundRemoved when the company does not keep the recording's sound any more.
    """
    sessions.refuse_forgotten(session)
    sessions.refuse_without_sound(session)
    received_at = timezone.now()
    if not 0 <= index < sessions.MOST_CHUNKS:
        raise BadChunk(f"A chunk's index is from 0 to {sessions.MOST_CHUNKS - 1}.", fields={"index": [index]})
    _check_samples(declared)
    digest = _digest_of(body, declared.digest)
    try:
        with timings.measured("upload.inspect"):
            inspection = containers.inspect(body, longest_seconds=settings.EARSHOT_LONGEST_CHUNK_SECONDS)
        consents.refuse_without(session, captured_at=declared.captured_at, seconds=inspection.duration_seconds)
    except AudioError:
        # What has been stored already is told as that, whatever would be refused by now. Most never was: it is not
        # looked for before it has to be.
        known = find(session, index)
        if known is None:
            raise
        return _same_again(known, digest.hex()), False
    chunk, ours = _claim(
        session,
        index,
        {
            "checksum": digest.hex(),
            "file_size_bytes": len(body),
            "received_at": received_at,
            **_described(session, index, inspection, declared),
        },
    )
    if not ours:
        return _same_again(chunk, digest.hex()), False
    _store(chunk, body)
    chunk_bytes.keep(chunk, body)
    try:
        return _acknowledge(session, chunk)
    except (UnknownSession, SoundRemoved, AudioChunk.DoesNotExist) as refused:
        _take_away(chunk)
        if isinstance(refused, SoundRemoved):
            raise
        raise UnknownSession(sessions.NOT_THERE.format(session_id=session.pk)) from None


def _take_away(chunk: AudioChunk) -> None:
    """Remove what was put for a recording that was erased, closed or lost its sound while the object was on its way.

    Nobody else knows that it is there. An erasure of a side leaves rows, and must find none of an upload.
    """
    chunk_bytes.drop(chunk)
    if not AudioChunk.objects.stored().filter(pk=chunk.pk, s3_key=chunk.s3_key).exists():
        # Another upload of the same bytes may have been quicker; what a row tells of is the erasure's to remove.
        blobs.erase(chunk.s3_key)
    AudioChunk.objects.filter(
        pk=chunk.pk, claimed_at=chunk.claimed_at, upload_status=UploadStatus.UPLOADING, session__in=_closed()
    ).delete()


def _closed() -> AudioSessionQuerySet:
    return AudioSession.objects.exclude(erased_side="", sound_removed_at=None)


def find(session: AudioSession, index: int) -> AudioChunk | None:
    return session.chunks.stored().filter(chunk_index=index).first()


def _check_samples(declared: Declared) -> None:
    samples, longest = declared.samples, settings.EARSHOT_LONGEST_CHUNK_SECONDS
    if samples is None:
        return
    if samples.seconds > longest or samples.first / samples.rate > LATEST_START_SECONDS:
        told = f"At most {longest} s of samples, and none after {LATEST_START_SECONDS:.0f} s."
        raise BadChunk("X-Sample-Range is out of bounds.", fields={"X-Sample-Range": [told]})


def _digest_of(body: bytes, declared: bytes | None) -> bytes:
    if not body:
        raise EmptyBody("The chunk is empty. Send the audio as the request's body.")
    if len(body) > settings.EARSHOT_LARGEST_CHUNK_BYTES:
        raise BodyTooLarge(
            f"The chunk has {len(body) / 2**20:.1f} MB; at most "
            f"{settings.EARSHOT_LARGEST_CHUNK_BYTES / 2**20:.0f} MB are taken."
        )
    digest = hashlib.sha256(body)
    if declared is not None and declared != digest.digest():
        raise WrongDigest("The bytes do not match their Content-Digest: they were changed on the way. Send them again.")
    return digest.digest()


def _described(session: AudioSession, index: int, inspection: Inspection, declared: Declared) -> dict[str, Any]:
    """The columns that tell what the chunk is and where on the recording it lies."""
    samples, begins = declared.samples, declared.start_time
    if begins is None and samples is not None:
        begins = samples.first / samples.rate
    # Without a word from the sender it has its place once it is stored (`_placed`).
    start = index * USUAL_CHUNK_SECONDS if begins is None else begins
    return {
        "start_time_seconds": start,
        "starts_declared": begins is not None,
        "duration_seconds": inspection.duration_seconds,
        "declared_seconds": samples.seconds if samples else inspection.duration_seconds,
        "end_time_seconds": start + inspection.duration_seconds,
        "first_sample": samples.first if samples else None,
        "last_sample": samples.last if samples else None,
        "sample_rate": samples.rate if samples else None,
        "s3_key": blobs.key_of(session.s3_base_key, index, inspection.container.extension),
        "content_type": inspection.container.content_type,
        "codec": inspection.codec,
        "captured_at": declared.captured_at,
    }


def _claim(session: AudioSession, index: int, values: dict[str, Any]) -> tuple[AudioChunk, bool]:
    """The row and whether it is ours to store: made just now, or taken over from an upload that did not end."""
    now, checksum = values["received_at"], values["checksum"]
    chunk = AudioChunk(session=session, chunk_index=index, claimed_at=now, **values)
    if _is_first(chunk):
        return chunk, True
    known = AudioChunk.objects.filter(session=session, chunk_index=index).first()
    if known is None:
        raise UnknownSession(sessions.NOT_THERE.format(session_id=session.pk))
    chunk = known
    if chunk.upload_status == UploadStatus.UPLOADED:
        return chunk, False
    stale = now - timedelta(seconds=settings.EARSHOT_UPLOAD_CLAIM_SECONDS)
    taken_over = (
        AudioChunk.objects.filter(pk=chunk.pk, checksum=checksum)
        .filter(Q(upload_status=UploadStatus.FAILED) | Q(upload_status=UploadStatus.UPLOADING, claimed_at__lt=stale))
        # As it is described now: what lay there may have been Opus of it, which is lost.
        .update(**values, upload_status=UploadStatus.UPLOADING, claimed_at=now, error="")
    )
    chunk.refresh_from_db()
    if not taken_over and chunk.upload_status != UploadStatus.UPLOADED:
        _same_again(chunk, checksum)
        raise UploadInProgress("These bytes are being stored by another request at this moment. Send them again.")
    return chunk, bool(taken_over)


def _is_first(chunk: AudioChunk) -> bool:
    """Write the row down, unless there is one with its index, or its session is gone; in one statement."""
    try:
        # In a transaction of somebody else's, the statement has to be able to fail alone.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            chunk.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _store(chunk: AudioChunk, body: bytes) -> None:
    if not connection.in_atomic_block:
        # A store that hangs must not keep the database's connections from everybody else.
        connection.close()
    try:
        with timings.measured("upload.store"):
            blobs.put(chunk.s3_key, body, content_type=chunk.content_type)
    except StoreUnavailable as error:
        AudioChunk.objects.filter(pk=chunk.pk, upload_status=UploadStatus.UPLOADING).update(
            upload_status=UploadStatus.FAILED, error=error.message
        )
        raise


def _acknowledge(session: AudioSession, chunk: AudioChunk) -> tuple[AudioChunk, bool]:
    """The moment after which the chunk is never lost: row and job are committed together."""
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        now = timezone.now()
        session = sessions.lock(session)
        sessions.refuse_without_sound(session)
        mark_stored = _mark_stored_late if session.total_chunks is not None else _mark_stored
        if not mark_stored(chunk.pk, chunk.claimed_at, now, chunk.checksum, chunk.file_size_bytes):
            # It took so long that another upload of the same bytes took over.
            chunk.refresh_from_db()
            return chunk, False
        chunk = _placed(session, chunk.chunk_index)
        gaps.end_pauses_before(chunk)
        # Announced before the job is dispatched, so that watchers hear of the one before the other.
        transaction.on_commit(lambda: progress.announce("chunk_stored", chunk))
        jobs.create(chunk, JobKind.ANALYSIS)
        sessions.settle_locked(session, heard_of_at=now)
    _record_hops(chunk)
    log.info(
        "chunk_stored",
        session_id=str(chunk.session_id),
        chunk_index=chunk.chunk_index,
        bytes=chunk.file_size_bytes,
    )
    return chunk, True


def _placed(session: AudioSession, index: int) -> AudioChunk:
    """The chunk as it is now, once it and those after it begin where their predecessors end, or their senders said.

    What has been heard already where it does not lie is heard again.
    """
    before, placed = None, None
    for chunk in _from(session, index - 1):
        if chunk.chunk_index >= index:
            start = _start_after(before, chunk)
            is_moved = start != chunk.start_time_seconds
            if is_moved:
                progress.move(chunk, start=start)
            if chunk.chunk_index > index and not is_moved:
                break
            placed = placed or chunk
        before = chunk
    if placed is None:
        raise AudioChunk.DoesNotExist
    return placed


def _start_after(before: AudioChunk | None, chunk: AudioChunk) -> float:
    if chunk.starts_declared:
        return chunk.start_time_seconds
    follows = before is not None and before.chunk_index == chunk.chunk_index - 1
    return before.ends_at if before and follows else chunk.chunk_index * USUAL_CHUNK_SECONDS


def _from(session: AudioSession, index: int) -> Iterator[AudioChunk]:
    """The stored ones from an index on; mostly the next two or three are all that anybody wants."""
    while page := _stored_from(session.pk, index):
        for chunk in page:
            chunk.session = session
            yield chunk
        if len(page) < MOST_AT_ONCE:
            return
        index = page[-1].chunk_index + 1


def _record_hops(chunk: AudioChunk) -> None:
    """How long it was on its way, from the recorder to the store."""
    timings.record_hop("captured_to_received", chunk.captured_at, chunk.received_at)
    timings.record_hop("received_to_stored", chunk.received_at, chunk.stored_at)


def settle_claims() -> None:
    """Look after uploads that did not end: what is all there is acknowledged, what is not may be sent again."""
    stale = timezone.now() - timedelta(seconds=settings.EARSHOT_UPLOAD_CLAIM_SECONDS)
    left = AudioChunk.objects.filter(upload_status=UploadStatus.UPLOADING, claimed_at__lt=stale)
    for chunk in left.select_related("session").order_by("claimed_at")[:MOST_SWEPT]:
        with progress.one_of_many("chunk", chunk.pk):
            body = blobs.get(chunk.s3_key)
            if body is not None and hashlib.sha256(body).hexdigest() == chunk.checksum:
                try:
                    _acknowledge(chunk.session, chunk)
                except (UnknownSession, SoundRemoved):
                    # Whoever put it died before it could be taken away.
                    _take_away(chunk)
                    log.info("session_gone", kind="chunk", id=str(chunk.pk))
            else:
                AudioChunk.objects.filter(
                    pk=chunk.pk, claimed_at=chunk.claimed_at, upload_status=UploadStatus.UPLOADING
                ).update(upload_status=UploadStatus.FAILED, error=NOT_FINISHED)


def _same_again(chunk: AudioChunk, checksum: str) -> AudioChunk:
    if chunk.checksum != checksum:
        raise ChunkConflict(f"Chunk {chunk.chunk_index} is there already, with other bytes. Nothing was changed.")
    return chunk
