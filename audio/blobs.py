"""Objects: the one door to the store that keeps the sound, Django's storage `recordings`.

Idempotency and content types live in the database; the store is trusted with bytes under a key and nothing else.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages

from audio.errors import StoreUnavailable

_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
_ALREADY_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


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
    try:
        response = _client().get_object(Bucket=_bucket(), Key=key)
        return bytes(response["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise StoreUnavailable("The object store did not give the chunk back.") from error
    except BotoCoreError as error:
        raise StoreUnavailable("The object store did not give the chunk back.") from error


def erase(key: str) -> None:
    """Remove what lies under the key; again is the same as once."""
    try:
        _client().delete_object(Bucket=_bucket(), Key=key)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable("The object store did not remove the chunk.") from error


def _bucket() -> str:
    return str(storages["recordings"].bucket_name)  # type: ignore[attr-defined]


@cache
def _client() -> Any:
    """One thread-safe S3 client per process, made on first use and so after a worker's fork.

    The storage itself makes a connection per thread, which is slow where threads come and go.
    """
    storage: Any = storages["recordings"]
    return storage.connection.meta.client
