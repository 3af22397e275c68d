"""Where backups lie: a directory with one of its own for each, and the objects of all of them.

2026-11-26T02-00-00Z/          a backup; without manifest.json it was cut off
objects/3f/3f9a…               contents by their SHA-256, each once
lock                           held by whoever is at work here
"""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from config.backup import manifest
from config.backup.errors import AnotherRuns, BackupError, Damaged

_NAME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")
_FORM: Final = "%Y-%m-%dT%H-%M-%SZ"
OBJECTS: Final = "objects"


def make(root: Path) -> None:
    """Make the directory, for its owner alone. Raises BackupError when it cannot be written."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / OBJECTS).mkdir(mode=0o700, exist_ok=True)
        probe = root / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as refused:
        raise BackupError(f"{root} cannot be written: {refused.strerror}.") from refused


@contextmanager
def held(root: Path, *, reads_only: bool = False) -> Iterator[None]:
    """Hold the directory alone, against other processes. Raises AnotherRuns when somebody else does.

    Who `reads_only` may come with a disk that nobody can write on.
    """
    try:
        descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as refused:
        if reads_only and refused.errno == errno.EROFS:
            yield
            return
        raise BackupError(f"{root} cannot be written: {refused.strerror}.") from refused
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AnotherRuns(f"Another backup or restore is at work in {root}. Nothing was done.") from None
    else:
        yield
    finally:
        os.close(descriptor)


def begin(root: Path, now: datetime) -> Path:
    """A new backup's directory, empty. Raises BackupError where there is one of this second already."""
    directory = root / now.strftime(_FORM)
    try:
        directory.mkdir(mode=0o700)
    except OSError as refused:
        raise BackupError(f"{directory} cannot be made: {refused.strerror}.") from refused
    return directory


def whole(root: Path) -> list[Path]:
    """The backups that were made to their end, oldest first."""
    return [one for one in _all(root) if manifest.is_there(one)]


def cut_off(root: Path) -> list[Path]:
    """Those that were not, oldest first."""
    return [one for one in _all(root) if not manifest.is_there(one)]


def remove(directory: Path) -> None:
    """A backup; its manifest first, so that a removal that is cut off leaves none that seems whole."""
    (directory / manifest.FILE).unlink(missing_ok=True)
    shutil.rmtree(directory)


def parts_of(directory: Path) -> frozenset[str] | None:
    """Which stores a whole backup has; None where its manifest does not tell any more."""
    try:
        return frozenset(manifest.read(directory).parts)
    except Damaged:
        return None


def too_old(root: Path, keep: int) -> list[Path]:
    """The whole backups of which so many newer ones have everything that they have.

    One of a single store takes no other's place. One that cannot be read takes nobody's, and goes when so many full
    ones are newer.
    """
    newer: list[frozenset[str]] = []
    found = []
    backups = [(one, parts_of(one)) for one in whole(root)]
    everything = frozenset().union(*(parts for _, parts in backups if parts))
    for one, parts in reversed(backups):
        wanted = everything if parts is None else parts
        if sum(wanted <= others for others in newer) >= keep:
            found.append(one)
        newer += [] if parts is None else [parts]
    return found[::-1]


def chosen(given: Path, *, wanted: Collection[str]) -> tuple[Path, Path]:
    """The directory of backups, and which of them: the one that is named, or the best whole one in what is named.

    That is the latest of those that have most of the stores wanted; one that cannot be read counts as if it had all.
    Raises BackupError when there is none, Damaged for one that was cut off.
    """
    if not given.is_dir():
        raise BackupError(f"There is no directory {given}.")
    if _NAME.fullmatch(given.name):
        if not manifest.is_there(given):
            raise Damaged(f"{given} was cut off before it was whole: it has no {manifest.FILE}.")
        return given.parent, given
    backups = whole(given)
    if not backups:
        cut = f" {len(cut_off(given))} were cut off." if cut_off(given) else ""
        raise BackupError(f"{given} has no backup.{cut}")

    def worth(one: Path) -> tuple[int, str]:
        parts = parts_of(one)
        return len(wanted) if parts is None else len(parts & set(wanted)), one.name

    return given, max(backups, key=worth)


def content(root: Path, digest: str) -> Path:
    """Where the content of that SHA-256 lies."""
    return root / OBJECTS / digest[:2] / digest


def _all(root: Path) -> list[Path]:
    return sorted(one for one in root.iterdir() if _NAME.fullmatch(one.name) and one.is_dir())
