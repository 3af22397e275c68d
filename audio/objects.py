"""Whether the object store holds what the rows say: verified, mended, and rid of what no row knows.

A chunk whose object is lost or damaged is given back from the cache if that has it, else it is owed again, so that a
recorder that still has it sends it once more. Objects are removed only when they are old, for a young one may be on
its way to its row.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import groupby

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audio import blobs, chunk_bytes, sessions
from audio.blobs import Listed
from audio.errors import UnknownSession
from audio.models import AudioChunk, AudioChunkQuerySet
from audio.states import UPLOAD_MOVES, UploadStatus, sources

log = structlog.get_logger("earshot.objects")

LOST = "Its object was lost from the store. Its sender has to send it again."
# So many rows are read at a time.
MOST_AT_ONCE = 200
_KEY = re.compile(r"audio/([0-9a-f-]{36})/chunk_\d{4,}\w*\.\w+\Z")


class Finding(StrEnum):
    RIGHT = "right"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one chunk, and what was done: `given_back` from the cache, or `owed_again`.

    `is_cached`: its bytes are in the cache, so that they can be given back.
    """

    chunk: AudioChunk
    finding: Finding
    is_cached: bool = False
    given_back: bool = False
    owed_again: bool = False

    @property
    def is_settled(self) -> bool:
        """Store and row agree now: the object is right, or the row says that it is owed."""
        return self.finding is Finding.RIGHT or self.given_back or self.owed_again


def verify(chunks: AudioChunkQuerySet, *, fix: bool = False, after: uuid.UUID | None = None) -> Iterator[Verified]:
    """Read every object of the stored ones among `chunks` and compare it with its row. Raises StoreUnavailable.

    With `fix` those that were lost are looked for too: their objects may have come back from a backup.

    In the order of their ids, a few at a time, so that memory does not grow and one can go on `after` the last that
    was seen. What is erased meanwhile is passed over.
    """
    while page := list(_next(chunks.looked_after(also_lost=LOST if fix else None), after)):
        for chunk in page:
            try:
                yield verify_one(chunk, fix=fix)
            except (AudioChunk.DoesNotExist, UnknownSession):
                log.info("chunk_gone", chunk_id=str(chunk.pk))
        after = page[-1].pk


def verify_one(chunk: AudioChunk, *, fix: bool = False) -> Verified:
    """Read the chunk's object and compare it with its row; with `fix`, mend what is wrong.

    Raises StoreUnavailable; UnknownSession or AudioChunk.DoesNotExist when it has been erased meanwhile.
    """
    digest = blobs.digest_of(chunk.s3_key)
    if digest != chunk.stored_checksum:
        # It may have been transcoded since the row was read.
        chunk.refresh_from_db()
        digest = blobs.digest_of(chunk.s3_key)
    if digest == chunk.stored_checksum:
        if chunk.upload_status == UploadStatus.FAILED:
            _take_back(chunk)
        return Verified(chunk, Finding.RIGHT)
    if chunk.upload_status == UploadStatus.FAILED:
        return Verified(chunk, Finding.MISSING, owed_again=True)
    finding = Finding.MISSING if digest is None else Finding.DAMAGED
    log.error("object_not_right", session_id=str(chunk.session_id), chunk_index=chunk.chunk_index, finding=finding)
    body = chunk_bytes.cached(chunk)
    if not fix:
        return Verified(chunk, finding, is_cached=body is not None)
    if body is not None:
        return Verified(chunk, finding, is_cached=True, given_back=_give_back(chunk, body))
    # What is damaged may still sound; nobody else may have it, so it stays for people to decide on.
    return Verified(chunk, finding, owed_again=finding is Finding.MISSING and _owe_again(chunk))


def orphans(prefix: str = blobs.ROOT, *, nobody_records: bool = False) -> Iterator[Listed]:
    """Objects that no row knows and that are older than EARSHOT_ORPHAN_SECONDS. Raises StoreUnavailable.

    While `nobody_records` none is on its way to its row, and they may be of any age.
    """
    before = timezone.now() - timedelta(seconds=settings.EARSHOT_ORPHAN_SECONDS)
    for page in blobs.listed(prefix):
        old = [one for one in page if nobody_records or one.modified < before]
        for session_id, found in groupby(old, key=lambda one: _session_of(one.key)):
            known = set()
            if session_id is not None:
                known = set(AudioChunk.objects.filter(session=session_id).values_list("s3_key", flat=True))
            yield from (one for one in found if one.key not in known)


def remove_orphans(*, nobody_records: bool = False) -> int:
    """Remove the objects that no row knows, as `orphans` finds them; how many there were. Raises StoreUnavailable."""
    removed = 0
    for orphan in orphans(nobody_records=nobody_records):
        remove(orphan)
        removed += 1
    return removed


def remove(orphan: Listed) -> None:
    """Remove an object that no row knows. Raises StoreUnavailable."""
    blobs.erase(orphan.key)
    log.info("orphan_removed", bytes=orphan.size)


def _next(chunks: AudioChunkQuerySet, after: uuid.UUID | None) -> AudioChunkQuerySet:
    following = chunks.filter(pk__gt=after) if after else chunks
    return following.select_related("session").order_by("pk")[:MOST_AT_ONCE]


def _give_back(chunk: AudioChunk, body: bytes) -> bool:
    blobs.put(chunk.s3_key, body, content_type=chunk.content_type)
    as_it_was = AudioChunk.objects.filter(pk=chunk.pk, s3_key=chunk.s3_key, stored_checksum=chunk.stored_checksum)
    if not as_it_was.filter(session__erased_side="", session__sound_removed_at=None).exists():
        # Erased while the object was on its way back: nobody else knows that it is there.
        blobs.erase(chunk.s3_key)
        return False
    return True


def _take_back(chunk: AudioChunk) -> None:
    """The object of a chunk that was lost is there again."""
    with transaction.atomic():
        session = sessions.lock(chunk.session)
        if session.sound_removed_at is not None:
            return
        AudioChunk.objects.filter(pk=chunk.pk, upload_status=UploadStatus.FAILED).update(
            upload_status=UploadStatus.UPLOADED, error=""
        )
        sessions.settle(session)


def _owe_again(chunk: AudioChunk) -> bool:
    with transaction.atomic():
        session = sessions.lock(chunk.session)
        if session.sound_removed_at is not None:
            return False
        lost = AudioChunk.objects.filter(
            pk=chunk.pk,
            stored_checksum=chunk.stored_checksum,
            upload_status__in=sources(UPLOAD_MOVES, UploadStatus.FAILED),
        ).update(upload_status=UploadStatus.FAILED, error=LOST)
        session = sessions.settle(session)
        transaction.on_commit(lambda: sessions.announce_change(session))
    return bool(lost)


def _session_of(key: str) -> uuid.UUID | None:
    found = _KEY.match(key)
    try:
        return uuid.UUID(found.group(1)) if found else None
    except ValueError:
        return None
