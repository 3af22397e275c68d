"""A bucket as a whole, for who copies all of it out or back: listed, read and written a little at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from botocore.exceptions import BotoCoreError, ClientError

from metrics.errors import BucketAway

_PIECE_BYTES: Final = 256 * 1024
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
# What is larger goes in parts: a store takes no more than 5 GB at once.
_LARGEST_PUT_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Content:
    """What lies under a key, as the store lists it. Another `etag`, size or time is other content.

    `etag` is empty where the store has none.
    """

    key: str
    size: int
    etag: str
    modified: str


class Bucket:
    """Every method raises BucketAway, a RetryableMetricsError, while the store does not answer."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def listed(self, *, without: tuple[str, ...] = ()) -> Iterator[list[Content]]:
        """Everything that is there, a thousand at a time; without what begins with one of those prefixes."""
        with _answered():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name):
                yield [_content(one) for one in page.get("Contents", ()) if not one["Key"].startswith(without)]

    def is_empty(self) -> bool:
        with _answered():
            return not self._client.list_objects_v2(Bucket=self.name, MaxKeys=1).get("Contents")

    def has(self, key: str) -> bool:
        """Whether anything lies there."""
        try:
            with _answered():
                self._client.head_object(Bucket=self.name, Key=key)
        except _Gone:
            return False
        return True

    def read(self, key: str) -> tuple[str, Iterator[bytes]] | None:
        """The content's type, and what lies there piece by piece; None when nothing does."""
        try:
            with _answered():
                found = self._client.get_object(Bucket=self.name, Key=key)
        except _Gone:
            return None
        return str(found.get("ContentType", "")), _pieces(found["Body"])

    def write(self, key: str, body: BinaryIO, *, size: int, content_type: str) -> None:
        """Put what the file holds from where it stands in the place of whatever lies there."""
        extra = {"ContentType": content_type} if content_type else {}
        with _answered():
            if size <= _LARGEST_PUT_BYTES:
                self._client.put_object(Bucket=self.name, Key=key, Body=body, **extra)
            else:
                self._client.upload_fileobj(body, self.name, key, ExtraArgs=extra)


class _Gone(Exception):
    pass


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            raise _Gone from error
        raise BucketAway("The object store refuses what is asked of it.") from error
    except BotoCoreError as error:
        raise BucketAway("The object store does not answer.") from error


def _content(one: Any) -> Content:
    return Content(one["Key"], one["Size"], one.get("ETag", ""), one["LastModified"].isoformat())


def _pieces(stream: Any) -> Iterator[bytes]:
    with _answered():
        yield from stream.iter_chunks(_PIECE_BYTES)
