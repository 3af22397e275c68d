"""Objects: the one door to the store that keeps the sound, Django's storage `recordings`.

Idempotency and content types live in the database; the store is trusted with bytes under a key and nothing else.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages

from audio.errors import StoreUnavailable

ROOT = "audio/"
_PIECE_BYTES = 64 * 1024
_NOT_GIVEN = "The object store did not give the chunk back."
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
_ALREADY_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as the store lists it; `modified` is by the store's clock."""

    key: str
    size: int
    modified: datetime


def key_of(base: str, index: int, extension: str) -> str:
    """Where the chunk of a session lies whose keys begin with `base`."""
    return f"{base}chunk_{index:04d}.{extension}"


def create() -> None:
    """Make the bucket; again is the same as once."""
    try:
        _client().create_bucket(Bucket=_bucket())
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ALREADY_THERE:
            raise


def ping() -> None:
    """Raises when the bucket is not there or does not answer."""
    _client().head_bucket(Bucket=_bucket())


def check() -> list[str]:
    """What is missing of what `create` makes; empty when it is all there."""
    try:
        ping()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_THERE:
            raise
        return [f"bucket {_bucket()}"]
    return []


def clock() -> datetime:
    """What time it is there, to the second: signatures hold for a quarter of an hour only."""
    try:
        response = _client().head_bucket(Bucket=_bucket())
    except ClientError as error:
        # Refusals carry the time too.
        response = error.response
    return parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])


def put(key: str, body: bytes, *, content_type: str) -> None:
    """Store the bytes under the key, in the place of whatever was there."""
    try:
        _client().put_object(Bucket=_bucket(), Key=key, Body=body, ContentType=content_type)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable("The object store did not take the chunk. Nothing was kept; send it again.") from error


def get(key: str) -> bytes | None:
    """The bytes under the key, or None when there are none."""
    found = _pieces_of(key)
    return None if found is None else b"".join(found)


def digest_of(key: str) -> str | None:
    """The SHA-256 of what lies under the key, in hex; None when nothing does. Holds a little of it at a time."""
    found = _pieces_of(key)
    if found is None:
        return None
    digest = hashlib.sha256()
    for piece in found:
        digest.update(piece)
    return digest.hexdigest()


def listed(prefix: str = ROOT) -> Iterator[list[Listed]]:
    """Everything whose key begins with the prefix, page by page, in the order of keys."""
    try:
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=prefix):
            yield [Listed(one["Key"], one["Size"], one["LastModified"]) for one in page.get("Contents", ())]
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable("The object store did not list what it has.") from error


def erase(key: str) -> None:
    """Remove what lies under the key; again is the same as once."""
    try:
        _client().delete_object(Bucket=_bucket(), Key=key)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable("The object store did not remove the chunk.") from error


def _pieces_of(key: str) -> Iterator[bytes] | None:
    try:
        response = _client().get_object(Bucket=_bucket(), Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise StoreUnavailable(_NOT_GIVEN) from error
    except BotoCoreError as error:
        raise StoreUnavailable(_NOT_GIVEN) from error
    return _read(response["Body"])


def _read(stream: Any) -> Iterator[bytes]:
    try:
        yield from stream.iter_chunks(_PIECE_BYTES)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(_NOT_GIVEN) from error


def _bucket() -> str:
    return str(storages["recordings"].bucket_name)  # type: ignore[attr-defined]


@cache
def _client() -> Any:
    """One thread-safe S3 client per process, made on first use and so after a worker's fork.

    The storage itself makes a connection per thread, which is slow where threads come and go.
    """
    storage: Any = storages["recordings"]
    return storage.connection.meta.client
