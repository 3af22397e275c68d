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
from audio.models import AudioChunk, AudioChunkQuerySet
from audio.states import UPLOAD_MOVES, UploadStatus, sources

log = structlog.get_logger("earshot.objects")

LOST = "Its object was lost from the store. Its sender has to send it again."
_KEY = re.compile(r"audio/([0-9a-f-]{36})/chunk_\d{4,}\.\w+\Z")


class Finding(StrEnum):
    RIGHT = "right"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one chunk, and what was done: `given_back` from the cache, or `owed_again`."""

    chunk: AudioChunk
    finding: Finding
    given_back: bool = False
    owed_again: bool = False


def verify(chunks: AudioChunkQuerySet, *, fix: bool = False) -> Iterator[Verified]:
    """Read every object of the stored ones among `chunks` and compare it with its row. Raises StoreUnavailable."""
    for chunk in chunks.stored().select_related("session").order_by("session", "chunk_index").iterator(chunk_size=200):
        yield verify_one(chunk, fix=fix)


def verify_one(chunk: AudioChunk, *, fix: bool = False) -> Verified:
    """Read the chunk's object and compare it with its row; with `fix`, mend what is wrong. Raises StoreUnavailable."""
    digest = blobs.digest_of(chunk.s3_key)
    if digest != chunk.stored_checksum:
        # It may have been transcoded since the row was read.
        chunk.refresh_from_db()
        digest = blobs.digest_of(chunk.s3_key)
    if digest == chunk.stored_checksum:
        return Verified(chunk, Finding.RIGHT)
    finding = Finding.MISSING if digest is None else Finding.DAMAGED
    log.error("object_not_right", session_id=str(chunk.session_id), chunk_index=chunk.chunk_index, finding=finding)
    if not fix:
        return Verified(chunk, finding)
    body = chunk_bytes.cached(chunk)
    if body is not None:
        blobs.put(chunk.s3_key, body, content_type=chunk.content_type)
        return Verified(chunk, finding, given_back=True)
    return Verified(chunk, finding, owed_again=_owe_again(chunk))


def orphans() -> Iterator[Listed]:
    """Objects that no row knows and that are older than EARSHOT_ORPHAN_SECONDS. Raises StoreUnavailable."""
    before = timezone.now() - timedelta(seconds=settings.EARSHOT_ORPHAN_SECONDS)
    for page in blobs.listed():
        old = [one for one in page if one.modified < before]
        for session_id, found in groupby(old, key=lambda one: _session_of(one.key)):
            known = set()
            if session_id is not None:
                known = set(AudioChunk.objects.filter(session=session_id).values_list("s3_key", flat=True))
            yield from (one for one in found if one.key not in known)


def remove_orphans() -> int:
    """Remove the objects that no row knows; how many there were. Raises StoreUnavailable."""
    removed = 0
    for orphan in orphans():
        blobs.erase(orphan.key)
        log.info("orphan_removed", bytes=orphan.size)
        removed += 1
    return removed


def _owe_again(chunk: AudioChunk) -> bool:
    with transaction.atomic():
        session = sessions.lock(chunk.session)
        lost = AudioChunk.objects.filter(
            pk=chunk.pk,
            stored_checksum=chunk.stored_checksum,
            upload_status__in=sources(UPLOAD_MOVES, UploadStatus.FAILED),
        ).update(upload_status=UploadStatus.FAILED, error=LOST)
        sessions.settle(session)
    return bool(lost)


def _session_of(key: str) -> uuid.UUID | None:
    found = _KEY.match(key)
    try:
        return uuid.UUID(found.group(1)) if found else None
    except ValueError:
        return None
