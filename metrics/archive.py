"""The archive: the one door to the store that outlives the databases, Django's storage `archive`.

What lies here is in no dump of theirs: the keys of pseudonyms, the ledger of erasures, sealed blocks, days of figures.
Names are paths (`keyring/root`); the first part of one, its folder, is what writers take turns by. The turn is a lock
in PostgreSQL, because not every S3 store obeys a conditional write: it holds among all processes of one database.
Who has lost the turn, because the connection that held it is gone, is told so before anything more is written.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages
from django.db import Error, connection

from metrics import locks
from metrics.buckets import Bucket
from metrics.errors import ArchiveConflict, ArchiveUnavailable

# A missing bucket is not among them: then nothing can be said about what is there.
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
_NO_BUCKET = {"404", "NoSuchBucket", "NotFound"}
_ALREADY_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_NO_VERSIONS = {"NotImplemented", "MethodNotAllowed"}
# How many objects are read or written side by side; well under the client's pool of connections.
AT_ONCE = 16
# What one turn writes, in half a second when the store is well; others wait for theirs.
MOST_IN_TURN = 100
# The turn lasts as long as its process: an idle connection is not ended, however slow the store is. Of a machine that
# has gone without a word PostgreSQL hears within a minute.
_TAKE_TURN = """
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL tcp_keepalives_idle = 30;
    SET LOCAL tcp_keepalives_interval = 10;
    SET LOCAL tcp_keepalives_count = 3;
    SELECT pg_advisory_xact_lock(%s)
"""

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
    """Make the bucket; again is the same as once, also for who may not make any."""
    if not check():
        return
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


def bucket() -> Bucket:
    """All of it, for who backs it up."""
    return Bucket(_client(os.getpid()), _bucket())


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

    Returns what each name holds now. All names are of one folder, and a turn is taken for each MOST_IN_TURN of them.
    Raises ArchiveUnavailable when a turn is lost; what was written by then stays.
    """
    (folder,) = {_folder_of(name) for name in contents}
    held = dict(contents)
    for some in _batches(list(contents), MOST_IN_TURN):
        with _in_turn(folder) as check_turn:
            there = read_all(some)
            for few in _batches([name for name in some if name not in there], AT_ONCE):
                check_turn()
                _side_by_side(lambda name: write(name, contents[name]), few)
        held |= there
    return held


@_reachable()
def write(name: str, content: bytes, *, storage_class: str = "") -> None:
    """Put the content under the name, in the place of whatever lies there; empty is the store's default class."""
    options = {"StorageClass": storage_class} if storage_class else {}
    _client(os.getpid()).put_object(Bucket=_bucket(), Key=name, Body=content, **options)


def replace(name: str, content: bytes) -> bytes | None:
    """Put the content in the place of what lies there, of which no version is kept. Returns what it was.

    Raises ArchiveUnavailable when the turn is lost: it may be half done then, and has to be done again.
    """
    with _in_turn(_folder_of(name)) as check_turn:
        before = read(name)
        check_turn()
        if before != content:
            write(name, content)
            check_turn()
        # Also when it was there already: whoever put it there may have died before this.
        _erase_versions(name, also_latest=False)
    return before


def erase(name: str) -> None:
    """Remove what lies under the name with every version that the bucket keeps; again is the same as once.

    Raises ArchiveUnavailable when the turn is lost: it may be half done then, and has to be done again.
    """
    with _in_turn(_folder_of(name)) as check_turn:
        with _reachable():
            _client(os.getpid()).delete_object(Bucket=_bucket(), Key=name)
        check_turn()
        _erase_versions(name, also_latest=True)


def names(prefix: str = "") -> Iterator[str]:
    """Every name that begins so, in order; asked for a thousand at a time as the iterator goes on."""
    with _reachable():
        pages = _client(os.getpid()).get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=prefix)
        for page in pages:
            for found in page.get("Contents", []):
                yield str(found["Key"])


def count_older(name: str) -> int:
    """How many versions of the name a bucket keeps beside the latest; 0 where it keeps none."""
    found = 0
    with _reachable():
        pages = _client(os.getpid()).get_paginator("list_object_versions").paginate(Bucket=_bucket(), Prefix=name)
        try:
            for page in pages:
                versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                found += sum(one["Key"] == name and not one["IsLatest"] for one in versions)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_VERSIONS:
                raise
    return found


@_reachable()
def _erase_versions(name: str, *, also_latest: bool) -> None:
    """Remove what a bucket with versions keeps of the name: older contents and, on request, the latest."""
    client = _client(os.getpid())
    pages = client.get_paginator("list_object_versions").paginate(Bucket=_bucket(), Prefix=name)
    try:
        for page in pages:
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if version["Key"] != name or (version["IsLatest"] and not also_latest):
                    continue
                if "VersionId" not in version:
                    # Google's store numbers versions in words of its own, and erases none by those of S3.
                    raise ArchiveConflict(
                        "The archive's bucket keeps versions that cannot be erased. Let it keep none."
                    )
                client.delete_object(Bucket=_bucket(), Key=name, VersionId=version["VersionId"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_VERSIONS:
            raise


@contextmanager
def _in_turn(folder: str) -> Iterator[Callable[[], None]]:
    """One writer of the folder at a time, over all processes. Gives what raises once the turn is lost, as the end does.

    On a connection of its own: the caller may be within a transaction, and the turn must not last until its end.
    """
    ours = connection.copy()
    try:
        ours.set_autocommit(False)
        with ours.cursor() as cursor:
            cursor.execute(_TAKE_TURN, [locks.number_of(f"archive/{folder}")])

            def check_turn() -> None:
                try:
                    cursor.execute("SELECT 1")
                except Error as lost:
                    raise ArchiveUnavailable("The turn at the archive was lost. Try again.") from lost

            yield check_turn
            # Somebody else may have written in between; then what was done here is not certain.
            check_turn()
        ours.rollback()
    finally:
        ours.close()


def _side_by_side(act: Callable[[str], T], names: Sequence[str]) -> list[tuple[str, T]]:
    if len(names) < 2:
        return [(name, act(name)) for name in names]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="archive") as threads:
        return list(zip(names, threads.map(act, names), strict=True))


def _batches(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), most):
        yield names[start : start + most]


def _folder_of(name: str) -> str:
    return name.partition("/")[0]


def _bucket() -> str:
    return str(storages["archive"].bucket_name)  # type: ignore[attr-defined]


@cache
def _client(process_id: int) -> Any:
    """One thread-safe S3 client of this very process; the storage itself makes a connection per thread."""
    storage: Any = storages["archive"]
    return storage.connection.meta.client
