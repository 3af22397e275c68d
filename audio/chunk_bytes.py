"""The bytes of a chunk: for an hour from the cache, if it has them still, else from the object store.

The cache has them under `audio:chunk:{session_id}:{chunk_index}`. Losing them costs a read of the object store.
"""

import hashlib

from audio import blobs, cache, containers
from audio.containers import Container
from audio.errors import Undecodable
from audio.models import AudioChunk

KEY = "audio:chunk:{session_id}:{chunk_index}"
LIFE_SECONDS = 3600


def keep(chunk: AudioChunk, body: bytes) -> None:
    """Have the bytes at hand for who analyses them; best effort."""
    cache.put(_key(chunk), body, life_seconds=LIFE_SECONDS)


def drop(chunk: AudioChunk) -> None:
    """Nobody needs them any more, as far as one knows; best effort."""
    cache.drop(_key(chunk))


def cached(chunk: AudioChunk) -> bytes | None:
    """What the cache holds, if it is what was stored."""
    body = cache.get(_key(chunk))
    return body if body is not None and hashlib.sha256(body).hexdigest() == chunk.stored_checksum else None


def read(chunk: AudioChunk) -> bytes | None:
    """The bytes that the row tells of, None when they are nowhere. Raises StoreUnavailable.

    The row may have been read before the chunk was transcoded; then its object is another one by now.
    """
    if (body := cached(chunk)) is not None:
        return body
    if (body := blobs.get(chunk.s3_key)) is not None:
        return body
    key = AudioChunk.objects.filter(pk=chunk.pk).values_list("s3_key", flat=True).first()
    return blobs.get(key) if key and key != chunk.s3_key else None


def read_file(chunk: AudioChunk) -> tuple[bytes, Container]:
    """The chunk as a file of its container. Raises Undecodable when it is not there any more, StoreUnavailable."""
    body = read(chunk)
    container = containers.sniff(body) if body else None
    if body is None or container is None:
        raise Undecodable("The chunk's object is gone from the store.")
    return body, container


def _key(chunk: AudioChunk) -> str:
    return KEY.format(session_id=chunk.session_id, chunk_index=chunk.chunk_index)
