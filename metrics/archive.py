"""The archive: the one door to the store that outlives the databases, Django's storage `archive`.

What lies here is in no dump of theirs: the keys of pseudonyms, the ledger of erasures, sealed blocks, days of figures.
Names are paths (`keyring/root`); the first part of one, its folder, is what writers take turns by. The turn is a lock
in PostgreSQL, because not every S3 store obeys a conditional write: it holds among all processes of one database.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages
from django.db import connection

from metrics.errors import ArchiveConflict, ArchiveUnavailable

# A missing bucket is not among them: then nothing can be said about what is there.
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
_NO_BUCKET = {"404", "NoSuchBucket", "NotFound"}
_ALREADY_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_NO_VERSIONS = {"NotImplemented", "MethodNotAllowed"}
# How many objects are read or written side by side; well under the client's pool of connections.
AT_ONCE = 16

T = TypeVar("T")


@contextmanager
def _reachable() -> Iterator[None]:
    """The driver's errors as the app's own."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ArchiveUnavailable("The archive is out of reach for a moment. Try again.") from error


@_reachable()
def create() -> None:
    """Make the bucket; again is the same as once."""
    try:
        _client(os.getpid()).create_bucket(Bucket=_bucket())
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ALREADY_THERE:
            raise


@_reachable()
def ping() -> None:
    """Raises when the bucket is not there or does not answer."""
    _client(os.getpid()).head_bucket(Bucket=_bucket())


@_reachable()
def check() -> list[str]:
    """What is missing of what `create` makes; empty when it is all there."""
    try:
        _client(os.getpid()).head_bucket(Bucket=_bucket())
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_BUCKET:
            raise
        return [f"bucket {_bucket()}"]
    return []


@_reachable()
def read(name: str) -> bytes | None:
    """What lies under the name, or None when nothing does."""
    try:
        response = _client(os.getpid()).get_object(Bucket=_bucket(), Key=name)
        return bytes(response["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise


def read_all(names: Iterable[str]) -> dict[str, bytes]:
    """What lies under each name, read side by side; names under which nothing lies are left out."""
    wanted = list(dict.fromkeys(names))
    return {name: content for name, content in _side_by_side(read, wanted) if content is not None}


@_reachable()
def exists(name: str) -> bool:
    try:
        _client(os.getpid()).head_object(Bucket=_bucket(), Key=name)
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return False
        raise


def write_new(name: str, content: bytes) -> None:
    """Append: put the content under a name that is free. The same content again is the same as once.

    Raises ArchiveConflict when other content lies there.
    """
    if write_first({name: content})[name] != content:
        raise ArchiveConflict(f"The archive holds something else under {name}. Nothing was changed.")


def write_first(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Put each content under its name unless something lies there already; of several writers the first one wins.

    Returns what each name holds now. All names are of one folder, and one turn is taken for all.
    """
    (folder,) = {_folder_of(name) for name in contents}
    with _in_turn(folder):
        there = read_all(contents)
        free = [name for name in contents if name not in there]
        for _ in _side_by_side(lambda name: write(name, contents[name]), free):
            pass
    return {**contents, **there}


@_reachable()
def write(name: str, content: bytes) -> None:
    """Put the content under the name, in the place of whatever lies there."""
    _client(os.getpid()).put_object(Bucket=_bucket(), Key=name, Body=content)


def replace(name: str, content: bytes) -> bytes | None:
    """Put the content in the place of what lies there, of which no version is kept. Returns what it was."""
    with _in_turn(_folder_of(name)):
        before = read(name)
        if before != content:
            write(name, content)
        # Also when it was there already: whoever put it there may have died before this.
        _erase_versions(name, also_latest=False)
    return before


def erase(name: str) -> None:
    """Remove what lies under the name with every version that the bucket keeps; again is the same as once."""
    with _in_turn(_folder_of(name)):
        with _reachable():
            _client(os.getpid()).delete_object(Bucket=_bucket(), Key=name)
        _erase_versions(name, also_latest=True)


def names(prefix: str = "") -> Iterator[str]:
    """Every name that begins so, in order; asked for a thousand at a time as the iterator goes on."""
    with _reachable():
        pages = _client(os.getpid()).get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=prefix)
        for page in pages:
            for found in page.get("Contents", []):
                yield str(found["Key"])


@_reachable()
def _erase_versions(name: str, *, also_latest: bool) -> None:
    """Remove what a bucket with versions keeps of the name: older contents and, on request, the latest."""
    client = _client(os.getpid())
    pages = client.get_paginator("list_object_versions").paginate(Bucket=_bucket(), Prefix=name)
    try:
        for page in pages:
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if version["Key"] == name and (also_latest or not version["IsLatest"]):
                    client.delete_object(Bucket=_bucket(), Key=name, VersionId=version["VersionId"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_VERSIONS:
            raise


@contextmanager
def _in_turn(folder: str) -> Iterator[None]:
    """One writer of the folder at a time, over all processes.

    On a connection of its own: the caller may be within a transaction, and the turn must not last until its end.
    """
    ours = connection.copy()
    try:
        ours.set_autocommit(False)
        with ours.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_of(folder)])
        yield
        ours.rollback()
    finally:
        ours.close()


def _side_by_side(act: Callable[[str], T], names: list[str]) -> Iterable[tuple[str, T]]:
    if len(names) < 2:
        return [(name, act(name)) for name in names]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="archive") as threads:
        return list(zip(names, threads.map(act, names), strict=True))


def _folder_of(name: str) -> str:
    return name.partition("/")[0]


def _lock_of(folder: str) -> int:
    return int.from_bytes(hashlib.sha256(f"archive/{folder}".encode()).digest()[:8], signed=True)


def _bucket() -> str:
    return str(storages["archive"].bucket_name)  # type: ignore[attr-defined]


@cache
def _client(process_id: int) -> Any:
    """One thread-safe S3 client of this very process; the storage itself makes a connection per thread."""
    storage: Any = storages["archive"]
    return storage.connection.meta.client
