"""What a backup says of itself, in `manifest.json`: what is in it, from which servers, and the digest of every file."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from config.backup.errors import Damaged

FILE: Final = "manifest.json"
# A number higher than this is of a newer Earshot.
# Since 2 a key of Redis may come twice, and say without content that nothing lies there.
FORMAT: Final = 2


@dataclass(frozen=True, slots=True)
class File:
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """One store: its server's version, how many things of which kind, and how long it took.

    Of objects `bytes` are those of all, `copied` how many of them were not in an earlier backup.
    """

    version: str
    counts: Mapping[str, int]
    seconds: float = 0
    bytes: int = 0
    copied: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` are by their names in the backup's directory. Times are ISO 8601, in UTC.

    `earshot` is the last migration of each app, `layout` the number of the data directory's layout. `root` tells the
    archive that the databases belong to, `secret_key` the site's key, by digests that tell nothing of either;
    `ledger` how many erasures the archive's ledger had.
    """

    name: str
    begun: str
    ended: str
    earshot: Mapping[str, str]
    layout: int
    root: str
    secret_key: str
    ledger: int
    parts: Mapping[str, Part]
    files: Mapping[str, File]
    format: int = field(default=FORMAT)

    @property
    def began_at(self) -> datetime:
        return datetime.fromisoformat(self.begun)


def write(directory: Path, manifest: Manifest) -> None:
    """In one step, so that it is there whole or not at all. When this returns it outlives a power cut."""
    fresh = directory / f"{FILE}.new"
    with fresh.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(directory / FILE)
    # That it lies there, and that there is such a directory.
    for named in (directory, directory.parent):
        _finish(named)


def is_there(directory: Path) -> bool:
    """Whether that backup came to its end. What a power cut left empty did not."""
    try:
        return (directory / FILE).stat().st_size > 0
    except FileNotFoundError:
        return False


def read(directory: Path) -> Manifest:
    """Raises Damaged when there is none, or none that can be read."""
    if not is_there(directory):
        raise Damaged(f"{directory} has no {FILE}: that backup was cut off, or it is none.")
    try:
        said = orjson.loads((directory / FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise Damaged(f"{directory / FILE} cannot be read: {error}.") from error
    try:
        if said["format"] > FORMAT:
            raise Damaged(f"{directory} was made by a newer Earshot (format {said['format']}); use that one.")
        return _manifest(said)
    except (KeyError, TypeError) as error:
        raise Damaged(f"{directory / FILE} does not say all that it should: {error}.") from error


def _finish(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest(said: Mapping[str, Any]) -> Manifest:
    return Manifest(
        **{
            **said,
            "parts": {name: Part(**part) for name, part in said["parts"].items()},
            "files": {name: File(**file) for name, file in said["files"].items()},
        }
    )
