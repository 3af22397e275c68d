"""Objects: the one door to the store that keeps the sound, Django's storage `recordings`.

Idempotency and content types live in the database; the store is trusted with bytes under a key and nothing else.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages

from audio.errors import StoreUnavailable

ROOT = "audio/"
_PIECE_BYTES = 64 * 1024
# S3 takes at most 10,000 parts of an object, so that one may have 160 GB; each is in memory while it is sent.
PART_BYTES = 16 * 1024 * 1024
_NOT_GIVEN = "The object store did not give the chunk back."
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
# What a store says that does not tell which uploads are on their way, or knows the one no more.
_NO_UPLOADS = {"404", "NoSuchUpload", "NotFound", "NotImplemented", "MethodNotAllowed"}
_ALREADY_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as the store lists it; `modified` is by the store's clock."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """An object whose parts are all in the store. Nobody sees it there before `finish`."""

    key: str
    upload_id: str
    parts: tuple[dict[str, Any], ...]


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


def send(key: str, body: BinaryIO, *, content_type: str, told: Callable[[], None]) -> Sent:
    """Send a file of any size from where it stands, part by part; `told` is called after each, and may raise.

    What was sent is given up when this raises. A process that dies before leaves its parts to `give_up_all`.
    """
    with _sending():
        made = _client().create_multipart_upload(Bucket=_bucket(), Key=key, ContentType=content_type)
    sent = Sent(key, made["UploadId"], ())
    try:
        while (part := body.read(PART_BYTES)) or not sent.parts:
            number = len(sent.parts) + 1
            with _sending():
                taken = _client().upload_part(
                    Bucket=_bucket(), Key=key, UploadId=sent.upload_id, PartNumber=number, Body=part
                )
            sent = Sent(key, sent.upload_id, (*sent.parts, {"PartNumber": number, "ETag": taken["ETag"]}))
            told()
    except BaseException:
        give_up(sent)
        raise
    return sent


def finish(sent: Sent) -> None:
    """Make one object of the parts, in the place of whatever was under the key."""
    with _sending():
        _client().complete_multipart_upload(
            Bucket=_bucket(), Key=sent.key, UploadId=sent.upload_id, MultipartUpload={"Parts": list(sent.parts)}
        )


def give_up(sent: Sent) -> None:
    """Have the store forget the parts; again is the same as once. What it does not hear, `give_up_all` says again."""
    with suppress(StoreUnavailable):
        _give_up(sent.key, sent.upload_id)


def give_up_all(prefix: str, *, begun_before: datetime | None = None) -> int:
    """Have the store forget what is on its way under the prefix, or of that what was begun before then. How many."""
    given_up = 0
    try:
        pages = _client().get_paginator("list_multipart_uploads").paginate(Bucket=_bucket(), Prefix=prefix)
        for page in pages:
            for one in page.get("Uploads", ()):
                if one["Key"].startswith(prefix) and (begun_before is None or one["Initiated"] < begun_before):
                    _give_up(one["Key"], one["UploadId"])
                    given_up += 1
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _NO_UPLOADS:
            return given_up
        raise StoreUnavailable("The object store did not list what is on its way to it.") from error
    return given_up


def _give_up(key: str, upload_id: str) -> None:
    try:
        _client().abort_multipart_upload(Bucket=_bucket(), Key=key, UploadId=upload_id)
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _NO_UPLOADS:
            return
        raise StoreUnavailable("The object store did not give up what was sent to it.") from error


@contextmanager
def _sending() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable("The object store did not take the file.") from error


def get(key: str) -> bytes | None:
    """The bytes under the key, or None when there are none."""
    found = _pieces_of(key)
    return None if found is None else b"".join(found)


def pieces_of(key: str, wanted: range) -> Iterator[bytes] | None:
    """Those bytes under the key, at least one, a little at a time; None when nothing lies there."""
    return _pieces_of(key, Range=f"bytes={wanted.start}-{wanted.stop - 1}")


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


def _pieces_of(key: str, **which: str) -> Iterator[bytes] | None:
    try:
        response = _client().get_object(Bucket=_bucket(), Key=key, **which)
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
