"""Objects of a bucket, each kept once under the digest of its content, and a list of what lay where.

The list is a file of SQLite: a million objects take no more memory than a thousand. What the store lists as it did
last time (content mark where it has any, size, time) is not fetched again.
"""

import errno
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import count, islice
from pathlib import Path
from typing import Final, NamedTuple

from config.backup import places
from config.backup.errors import BackupError, Damaged
from config.backup.files import digest_of
from config.backup.pace import Pace
from metrics.buckets import Bucket, Content
from metrics.errors import BucketAway

# Side by side; a store that is asked for more at once serves recorders later.
AT_ONCE: Final = 8
_ATTEMPTS: Final = 4
_PAUSE_SECONDS: Final = 1.0
_PAGE: Final = 1000
# Smaller ones are read as a whole, so that they are read once.
_SMALL_BYTES: Final = 32 * 2**20
_FETCHING: Final = "fetching-"
_MADE: Final = """
    CREATE TABLE IF NOT EXISTS object (
        key TEXT PRIMARY KEY, size INTEGER, etag TEXT, modified TEXT, type TEXT, digest TEXT
    ) WITHOUT ROWID
"""
_numbers = count()

Told = Callable[[int, int], None]


class Kept(NamedTuple):
    """An object as a backup has it: where it lay, and under which digest its content lies."""

    key: str
    size: int
    etag: str
    modified: str
    type: str
    digest: str


@dataclass(slots=True)
class Copied:
    """How many there are, of how many bytes in all, and how many of them were fetched."""

    objects: int = 0
    bytes: int = 0
    fetched: int = 0
    fetched_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PutBack:
    """How many were put back, how many were there already, and what is lost, in a sentence each."""

    put: int
    left: int
    lost: Sequence[str]


def copy(
    bucket: Bucket,
    root: Path,
    listing: Path,
    *,
    known: Sequence[Path],
    pace: Pace,
    told: Told,
    without: tuple[str, ...] = (),
) -> Copied:
    """Keep what the bucket has, and write the list; `told(objects, bytes)` after each few.

    What a list that is there has already stays in it, so that one may be made by several looks. `known` are lists of
    earlier backups, of which what has not changed is taken. What is erased while it is looked at is left out.
    Raises BucketAway when the store does not answer again and again.
    """
    copied = Copied()
    with ExitStack() as open_ones, ThreadPoolExecutor(AT_ONCE, "backup") as threads:
        others = [open_ones.enter_context(_Listing.read(path)) for path in known if path.exists()]
        written = open_ones.enter_context(_Listing.made(listing))
        earlier = [written, *others]
        for page in bucket.listed(without=without):
            there = {one.key: _as_before(root, one, earlier) for one in page}
            missing = [one for one in page if there[one.key] is None]
            fetched = list(threads.map(lambda one: _fetched(bucket, root, one, pace), missing))
            found = [one for one in (*there.values(), *fetched) if one is not None]
            written.add(found)
            copied.fetched += sum(one is not None for one in fetched)
            copied.fetched_bytes += sum(one.size for one in fetched if one is not None)
            told(len(found), sum(one.size for one in found))
        copied.objects, copied.bytes = written.total()
    return copied


def counted(bucket: Bucket, root: Path, *, known: Sequence[Path], without: tuple[str, ...] = ()) -> Copied:
    """What `copy` would do, and nothing is done."""
    copied = Copied()
    with ExitStack() as open_ones:
        earlier = [open_ones.enter_context(_Listing.read(path)) for path in known if path.exists()]
        for page in bucket.listed(without=without):
            for one in page:
                is_known = _as_before(root, one, earlier) is not None
                copied.objects += 1
                copied.bytes += one.size
                copied.fetched += not is_known
                copied.fetched_bytes += 0 if is_known else one.size
    return copied


def put_back(bucket: Bucket, root: Path, listing: Path, *, over: bool, told: Told) -> PutBack:
    """Put each object back where it lay, but for those whose content is not what it was.

    With `over` in the place of whatever lies there; otherwise what is there stays.
    """
    put = left = 0
    lost: list[str] = []
    is_new = bucket.is_empty()

    def one_back(kept: Kept) -> bool:
        if not over and not is_new and bucket.has(kept.key):
            return False
        try:
            _put(bucket, places.content(root, kept.digest), kept)
        except Damaged as damaged:
            lost.append(damaged.message)
        return True

    with _Listing.read(listing) as there, ThreadPoolExecutor(AT_ONCE, "restore") as threads:
        for page in there.pages():
            done = list(threads.map(one_back, page))
            put += sum(done)
            left += len(done) - sum(done)
            told(len(page), sum(one.size for one in page))
    return PutBack(put - len(lost), left, sorted(lost))


def faults(root: Path, listing: Path, *, told: Told) -> Iterator[str]:
    """What is missing or is not what it was, of the contents that the list names, in a sentence each."""
    with _Listing.read(listing) as there, ThreadPoolExecutor(AT_ONCE, "verify") as threads:
        for page in there.pages():
            yield from (said for said in threads.map(lambda one: _fault_of(root, one), page) if said)
            told(len(page), sum(one.size for one in page))


def missing(root: Path, listing: Path, *, told: Told) -> Iterator[str]:
    """Contents that the list names and that are not there, in a sentence each; none is read."""
    with _Listing.read(listing) as there:
        for page in there.pages():
            lost = [one for one in page if not places.content(root, one.digest).exists()]
            yield from (f"{one.key}: its content is missing" for one in lost)
            told(len(page), 0)


def total(listing: Path) -> Copied:
    with _Listing.read(listing) as there:
        objects, size = there.total()
    return Copied(objects, size)


def sweep(root: Path, listings: Sequence[Path]) -> tuple[int, int]:
    """Remove contents that none of the lists names; how many, and of how many bytes."""
    removed = size = 0
    with _named(root, listings) as is_named:
        for folder in sorted((root / places.OBJECTS).iterdir()):
            if not folder.is_dir():
                continue
            for content in folder.iterdir():
                if not is_named(content.name):
                    size += content.stat().st_size
                    content.unlink()
                    removed += 1
    return removed, size


def clear_fetching(root: Path) -> None:
    """Remove what a backup that was cut off had not fetched to its end."""
    for left in (root / places.OBJECTS).glob(f"{_FETCHING}*"):
        left.unlink()


class _Listing:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    @contextmanager
    def made(cls, path: Path) -> Iterator["_Listing"]:
        try:
            with closing(sqlite3.connect(path)) as database:
                path.chmod(0o600)
                # What is written is there after a kill; whether after a power cut, the manifest alone says.
                database.execute("PRAGMA synchronous = OFF")
                database.execute(_MADE)
                yield cls(database)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise BackupError(f"{path} cannot be written: {error}.") from error

    @classmethod
    @contextmanager
    def read(cls, path: Path) -> Iterator["_Listing"]:
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                yield cls(database)
        except sqlite3.DatabaseError as error:
            raise Damaged(f"{path} is no list of objects any more: {error}.") from error

    def add(self, kept: Sequence[Kept]) -> None:
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?)", kept)

    def find(self, key: str) -> Kept | None:
        row = self._database.execute("SELECT * FROM object WHERE key = ?", [key]).fetchone()
        return Kept(*row) if row else None

    def pages(self) -> Iterator[list[Kept]]:
        rows = map(Kept._make, self._database.execute("SELECT * FROM object ORDER BY key"))
        while page := list(islice(rows, _PAGE)):
            yield page

    def total(self) -> tuple[int, int]:
        objects, size = self._database.execute("SELECT count(*), coalesce(sum(size), 0) FROM object").fetchone()
        return objects, size


def _as_before(root: Path, one: Content, earlier: Sequence[_Listing]) -> Kept | None:
    for listing in earlier:
        kept = listing.find(one.key)
        if kept is None or (kept.size, kept.modified) != (one.size, one.modified):
            continue
        # A store may have none, or have had none then.
        if kept.etag and one.etag and kept.etag != one.etag:
            continue
        if places.content(root, kept.digest).exists():
            return kept
    return None


def _fetched(bucket: Bucket, root: Path, one: Content, pace: Pace) -> Kept | None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _fetch(bucket, root, one, pace)
        except BucketAway:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(attempt * _PAUSE_SECONDS)
    raise AssertionError


def _fetch(bucket: Bucket, root: Path, one: Content, pace: Pace) -> Kept | None:
    found = bucket.read(one.key)
    if found is None:
        return None
    content_type, pieces = found
    fresh = root / places.OBJECTS / f"{_FETCHING}{next(_numbers)}"
    digest, size = hashlib.sha256(), 0
    try:
        with fresh.open("xb") as file:
            for piece in pace.keep(pieces):
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        name = places.content(root, digest.hexdigest())
        name.parent.mkdir(mode=0o700, exist_ok=True)
        fresh.chmod(0o400)
        fresh.replace(name)
    finally:
        fresh.unlink(missing_ok=True)
    return Kept(one.key, size, one.etag, one.modified, content_type, digest.hexdigest())


def _put(bucket: Bucket, content: Path, kept: Kept) -> None:
    try:
        if kept.size <= _SMALL_BYTES:
            body = content.read_bytes()
            digest = hashlib.sha256(body).hexdigest()
        else:
            body, digest = b"", digest_of(content).sha256
    except OSError as error:
        raise Damaged(f"The content of {kept.key} cannot be read: {error.strerror}. Nothing lies there.") from error
    if digest != kept.digest:
        raise Damaged(f"The content of {kept.key} is not what it was: {content}.")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with content.open("rb") if kept.size > _SMALL_BYTES else BytesIO(body) as file:
                bucket.write(kept.key, file, size=kept.size, content_type=kept.type)
            return
        except BucketAway:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(attempt * _PAUSE_SECONDS)


def _fault_of(root: Path, kept: Kept) -> str | None:
    content = places.content(root, kept.digest)
    try:
        found = digest_of(content)
    except OSError as error:
        return f"{kept.key}: its content is missing ({error.strerror})"
    return None if found.sha256 == kept.digest else f"{kept.key}: its content was changed"


@contextmanager
def _named(root: Path, listings: Sequence[Path]) -> Iterator[Callable[[str], bool]]:
    """Whether any of the lists has that digest; looked up in a file, for there may be millions."""
    gathered = root / f"{_FETCHING}named"
    gathered.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(gathered)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute("CREATE TABLE named (digest TEXT PRIMARY KEY) WITHOUT ROWID")
            for listing in listings:
                database.execute("ATTACH ? AS listed", [str(listing)])
                with database:
                    database.execute("INSERT OR IGNORE INTO named SELECT digest FROM listed.object")
                database.execute("DETACH listed")
            yield lambda digest: bool(database.execute("SELECT 1 FROM named WHERE digest = ?", [digest]).fetchone())
    except sqlite3.DatabaseError as error:
        raise BackupError(f"What no backup needs cannot be told: {error}. Nothing more was removed.") from error
    finally:
        gathered.unlink(missing_ok=True)
