"""Makes one side of a recording silence, and leaves the other as it is.

1. Each chunk's object is decoded, that side's channel set to nothing, the file encoded anew, decoded again and
   compared. Of a file that has only one channel, and of one that does not decode, no sound is kept.
2. It is put under a name of its own, which says what it lacks, read back and compared, and the row is given it.
3. When all rows have theirs, whatever else lies there goes: the originals, their versions, uploads that did not end.

The name in the row is the sign that a chunk is done: who goes on after a crash does what has none. Nobody else changes
the rows by then, since the recording is closed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import structlog
from django.db import transaction
from numpy.typing import NDArray

from audio import blobs, containers, objects, opus, sessions
from audio.analysis import decoding
from audio.containers import OGG
from audio.errors import StoreUnavailable, TooLong, Undecodable
from audio.models import AudioChunk, AudioChunkQuerySet, AudioSession
from audio.speakers import SIDES
from audio.states import ErasedSide, UploadStatus
from audio.transcoding import CODEC, TOLERANCE_SECONDS
from metrics.erasing import Progress

log = structlog.get_logger("earshot.erasing")

# Decoding keeps a core busy; while one waits for the store another works.
_AT_ONCE: Final = 2
_READ_AT_ONCE: Final = 20
# What an encoder makes of nothing beside a loud channel, as an amplitude: 40 dB below that of speech.
_QUIET: Final = 0.01
# The shortest file there is: of what does not decode.
_NOTHING: Final = np.zeros((len(SIDES), 960), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Silenced:
    """A file, where it lies, and how many seconds it holds."""

    key: str
    body: bytes
    seconds: float

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def left(session_ids: Sequence[str], side: ErasedSide) -> int:
    """How many chunks have that side's sound still, and objects there are beside those that stay."""
    others = blobs.count_all(map(blobs.prefix_of, session_ids), keep=_keys_of(session_ids))
    return _not_done(session_ids, side).count() + others


def silence(session: AudioSession, side: ErasedSide, *, progress: Progress) -> int:
    """Make that side of a closed recording silence. How many objects went. Raises StoreUnavailable."""
    ids = [str(session.pk)]
    # What did not arrive whole will not any more.
    session.chunks.exclude(upload_status=UploadStatus.UPLOADED).exclude(error=objects.LOST).delete()
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="silencing") as threads:
        while some := list(_not_done(ids, side).order_by("chunk_index")[:_READ_AT_ONCE]):
            base = session.s3_base_key
            for chunk, made in zip(some, threads.map(partial(_stored_without, side, base), some), strict=True):
                _take(session, chunk, made)
                progress(1)
    return blobs.erase_all(map(blobs.prefix_of, ids), keep=_keys_of(ids))


def without(body: bytes, side: ErasedSide) -> tuple[bytes, float]:
    """The same sound as an Ogg Opus file of two channels, that side's silent, and its length in seconds.

    Raises Undecodable, TooLong.
    """
    container = containers.sniff(body)
    if container is None:
        raise Undecodable("This is no file that holds sound.")
    channel = SIDES.index(side)
    original = decoding.pieces(body, channels=2, container=container, sample_rate=opus.SAMPLE_RATE)
    length = 0

    def sound() -> Iterator[NDArray[np.float32]]:
        nonlocal length
        for piece in original:
            length += piece.shape[1]
            yield _silent(piece, channel)

    made = opus.encode(sound(), channels=len(SIDES))
    seconds = length / opus.SAMPLE_RATE
    there = decoding.decode(made, channels=len(SIDES), container=OGG)
    is_whole = abs(there.duration - seconds) <= TOLERANCE_SECONDS and there.samples.shape[0] == len(SIDES)
    if not is_whole or np.abs(there.samples[channel]).max() > _QUIET:
        raise Undecodable("One side could not be made silence.")
    return made, seconds


def _silent(piece: NDArray[np.float32], channel: int) -> NDArray[np.float32]:
    if piece.shape[0] != len(SIDES):
        # Both sides are in it, or nobody knows which.
        return np.zeros((len(SIDES), piece.shape[1]), dtype=np.float32)
    # Files of floats may hold what is no number.
    kept = np.nan_to_num(piece, posinf=1.0, neginf=-1.0)
    kept[channel] = 0.0
    return kept


def _stored_without(side: ErasedSide, base: str, chunk: AudioChunk) -> Silenced | None:
    """The chunk's new object; None where the old one was lost. In a thread of its own, and so without the database."""
    original = blobs.get(chunk.s3_key)
    if original is None:
        return None
    try:
        body, seconds = without(original, side)
    except (Undecodable, TooLong) as error:
        log.warning("chunk_not_silenced", chunk_index=chunk.chunk_index, error=error.code)
        body, seconds = opus.encode([_NOTHING], channels=len(SIDES)), 0.0
    made = Silenced(blobs.key_of(base, chunk.chunk_index, OGG.extension, without=side), body, seconds)
    blobs.put(made.key, made.body, content_type=OGG.content_type)
    if blobs.digest_of(made.key) != made.checksum:
        raise StoreUnavailable("The object store gave other bytes back than it was given.")
    return made


def _take(session: AudioSession, chunk: AudioChunk, made: Silenced | None) -> None:
    """Give the row its new object, unless somebody else has."""
    as_read = AudioChunk.objects.filter(pk=chunk.pk, s3_key=chunk.s3_key, stored_checksum=chunk.stored_checksum)
    with transaction.atomic():
        sessions.lock(session, also_closed=True)
        if made is None:
            # It was lost before. Its place stays empty, and the verdict says so.
            as_read.update(upload_status=UploadStatus.FAILED, error=objects.LOST)
            return
        as_read.update(
            s3_key=made.key,
            content_type=OGG.content_type,
            codec=CODEC,
            # Also the digest of what was received: it tells one who has the original that this was it.
            checksum=made.checksum,
            stored_checksum=made.checksum,
            compressed_size_bytes=len(made.body),
            compression_ratio=round(chunk.file_size_bytes / len(made.body), 3),
            decoded_seconds=made.seconds,
        )


def _not_done(session_ids: Sequence[str], side: ErasedSide) -> AudioChunkQuerySet:
    return _stored(session_ids).exclude(s3_key__contains=blobs.mark_of(side))


def _keys_of(session_ids: Sequence[str]) -> set[str]:
    return set(_stored(session_ids).order_by().values_list("s3_key", flat=True))


def _stored(session_ids: Sequence[str]) -> AudioChunkQuerySet:
    return AudioChunk.objects.stored().filter(session__pk__in=session_ids)
