"""Objects: the one door to the store that keeps the sound, Django's storage `recordings`.

Idempotency and content types live in the database; the store is trusted with bytes under a key and nothing else.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import convert_body_to_file_like_object
from django.core.files.storage import storages

from audio.errors import StoreUnavailable
from metrics.buckets import Bucket

ROOT = "audio/"
_PIECE_BYTES = 64 * 1024
# S3 takes at most 10,000 parts of an object, so that one may have 160 GB; each is in memory while it is sent.
PART_BYTES = 16 * 1024 * 1024
_NOT_GIVEN = "The object store did not give the chunk back."
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
# What a store says that does not tell which uploads are on their way, or knows the one no more.
_NO_UPLOADS = {"404", "NoSuchUpload", "NotFound", "NotImplemented", "MethodNotAllowed"}
_NO_VERSIONS = {"NotImplemented", "MethodNotAllowed"}
_NOT_LISTED = "The object store did not list what it has."
_NOT_REMOVED = "The object store did not remove what it was asked to."
# What one request of S3 takes.
MOST_ERASED = 1000
# How many listings and removals go side by side; under the client's pool of connections.
AT_ONCE = 16
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


def key_of(base: str, index: int, extension: str, *, without: str = "") -> str:
    """Where the chunk of a session lies whose keys begin with `base`; one `without` a side has a name of its own."""
    return f"{base}chunk_{index:04d}{mark_of(without) if without else ''}.{extension}"


def mark_of(without: str) -> str:
    """What in a key tells that one side of the sound is silence."""
    return f"_without_{without}"


def prefix_of(session_id: object) -> str:
    """What the keys of all objects of a session begin with."""
    return f"{ROOT}{session_id}/"


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


def bucket() -> Bucket:
    """All of it, for who backs it up."""
    return Bucket(_client(), _bucket())


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
        raise StoreUnavailable(_NOT_LISTED) from error


def erase(key: str) -> None:
    """Remove what lies under the key; again is the same as once."""
    try:
        _client().delete_object(Bucket=_bucket(), Key=key)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable("The object store did not remove the chunk.") from error


def count_all(prefixes: Iterable[str], *, keep: Collection[str] = ()) -> int:
    """How much `erase_all` would remove."""
    return sum(len(found) for found in _found(prefixes, frozenset(keep)))


def erase_all(prefixes: Iterable[str], *, keep: Collection[str] = ()) -> int:
    """Remove everything whose key begins with one of the prefixes, with all versions that the bucket keeps of it.

    Of the keys to `keep` what lies there now stays. How much there was; again is the same as once. Raises
    StoreUnavailable, and some of it may be gone then.
    """
    removed = 0
    for found in _found(prefixes, frozenset(keep)):
        for start in range(0, len(found), MOST_ERASED):
            _erase_some(found[start : start + MOST_ERASED])
        removed += len(found)
    return removed


def keys_of_all(prefixes: Iterable[str]) -> Iterator[str]:
    """The key of everything that `erase_all` would remove, older versions among it."""
    for found in _found(prefixes, frozenset()):
        yield from (one.key for one in found)


@dataclass(frozen=True, slots=True)
class _Content:
    """Something that lies under a key, or lay there once; `version` is None where the bucket keeps none."""

    key: str
    version: str | None

    def named(self) -> dict[str, str]:
        return {"Key": self.key} if self.version is None else {"Key": self.key, "VersionId": self.version}


def _found(prefixes: Iterable[str], keep: frozenset[str]) -> Iterator[list[_Content]]:
    """What lies under some prefixes at a time, listed side by side."""
    several = list(prefixes)
    if not several:
        return
    listing = _versions if _lists_versions() else _latest
    for start in range(0, len(several), MOST_ERASED):
        some = several[start : start + MOST_ERASED]
        if len(some) == 1:
            yield listing(some[0], keep)
            continue
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="blobs") as threads:
            found = list(threads.map(lambda prefix: listing(prefix, keep), some))
        yield [one for contents in found for one in contents]


def _lists_versions() -> bool:
    """Whether the store can be asked for versions. Asked each time: a bucket may begin to keep them at any time."""
    try:
        _client().list_object_versions(Bucket=_bucket(), Prefix=ROOT, MaxKeys=1)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_VERSIONS:
            return False
        raise StoreUnavailable(_NOT_LISTED) from error
    except BotoCoreError as error:
        raise StoreUnavailable(_NOT_LISTED) from error
    return True


def _latest(prefix: str, keep: frozenset[str]) -> list[_Content]:
    return [_Content(one.key, None) for page in listed(prefix) for one in page if one.key not in keep]


def _versions(prefix: str, keep: frozenset[str]) -> list[_Content]:
    try:
        pages = _client().get_paginator("list_object_versions").paginate(Bucket=_bucket(), Prefix=prefix)
        return [one for page in pages for one in _of_page(page, keep)]
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(_NOT_LISTED) from error


def _of_page(page: Any, keep: frozenset[str]) -> Iterator[_Content]:
    for one in page.get("Versions", ()):
        if "VersionId" not in one and not one["IsLatest"]:
            # Google's store numbers versions in words of its own, and erases none by those of S3.
            raise StoreUnavailable("The bucket keeps versions that cannot be erased. Let it keep none.")
        if one["Key"] not in keep or not one["IsLatest"]:
            yield _Content(one["Key"], one.get("VersionId"))
    for marker in page.get("DeleteMarkers", ()):
        yield _Content(marker["Key"], marker["VersionId"])


def _erase_some(found: list[_Content]) -> None:
    """At most MOST_ERASED, in one request where the store takes such."""
    if not found:
        return
    try:
        try:
            wanted = {"Objects": [one.named() for one in found], "Quiet": True}
            refused = _client().delete_objects(Bucket=_bucket(), Delete=wanted).get("Errors", [])
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_VERSIONS:
                raise
            with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="blobs") as threads:
                for _ in threads.map(_erase_one, found):
                    pass
            return
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(_NOT_REMOVED) from error
    if any(one.get("Code") not in _NOT_THERE for one in refused):
        raise StoreUnavailable(_NOT_REMOVED)


def _erase_one(content: _Content) -> None:
    _client().delete_object(Bucket=_bucket(), **content.named())


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
    client = storage.connection.meta.client
    # By itself the driver makes a file of the bytes, asks the store whether it may send it, and sends it in pieces.
    client.meta.events.unregister("before-parameter-build.s3.PutObject", convert_body_to_file_like_object)
    return client
