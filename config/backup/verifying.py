"""Whether a backup is what it was when it was made: every file, every document, every object."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgpack

from config.backup import files, manifest, objects, places, postgresql, stores
from config.backup.errors import BackupError
from config.backup.manifest import Manifest
from config.backup.progress import Progress
from metrics import mongo_dumps
from metrics.redis_dumps import Kept


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is wrong with it, in a sentence each."""

    directory: Path
    manifest: Manifest
    faults: list[str] = field(default_factory=list)


def verify(given: Path, *, without_objects: bool, progress: Progress) -> Verified:
    """Look at the backup named, or the one below that which a restore would take.

    Raises BackupError when there is none, or it was cut off.
    """
    root, directory = places.chosen(given, wanted=stores.ORDER)
    verified = Verified(directory, manifest.read(directory))
    wrong = list(changed_files(directory, verified.manifest, progress))
    verified.faults += wrong
    if wrong:
        # What they hold would only be found wrong once more.
        return verified
    for name, part in verified.manifest.parts.items():
        progress.begin(f"What is in it: {name}", part.counts.get("objects"))
        try:
            if name in stores.BUCKETS:
                listing = directory / stores.listing(name)
                look = objects.missing if without_objects else objects.faults
                verified.faults += _faults_of_list(listing, name, part.counts)
                verified.faults += [f"{name}: {said}" for said in look(root, listing, told=progress.advance)]
            else:
                verified.faults += _FAULTS[name](directory, part.counts)
        except (BackupError, ValueError) as error:
            verified.faults.append(f"{name}: {error}")
        progress.end("looked at")
    return verified


def changed_files(directory: Path, said: Manifest, progress: Progress) -> Iterator[str]:
    """Those that are missing, or are not what the manifest says."""
    progress.begin("Files", len(said.files))
    for name, expected in said.files.items():
        try:
            found = files.digest_of(directory / name)
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"
            continue
        if found != expected:
            yield f"{name} is not what it was: {found.bytes} bytes instead of {expected.bytes}, or others"
        progress.advance(1, found.bytes)
    progress.end(f"{len(said.files)} files")


def keys_in(directory: Path) -> Iterator[Kept]:
    """What a backup has of Redis. Raises Damaged where it is cut off."""
    for name in (stores.KEYS, stores.SEGMENTS_KEYS):
        unpacker = msgpack.Unpacker(raw=True, max_buffer_size=2**32 - 1)
        for piece in files.read_packed(directory / name):
            unpacker.feed(piece)
            for key, ends, content in cast("Iterator[Any]", unpacker):
                yield Kept(key, ends, content)


def collections_in(directory: Path) -> list[mongo_dumps.Described]:
    return mongo_dumps.described_in((directory / stores.COLLECTIONS).read_text())


def ledger_in(directory: Path) -> set[str]:
    """The names of the entries that the ledger of erasures had."""
    text = b"".join(files.read_packed(directory / stores.LEDGER)).decode()
    return set(text.split())


def _faults_of_redis(directory: Path, counts: Mapping[str, int]) -> Iterator[str]:
    found = sum(1 for _ in keys_in(directory))
    if found != sum(counts.values()):
        yield f"redis: {found} keys instead of {sum(counts.values())}"


def _faults_of_postgresql(directory: Path, counts: Mapping[str, int]) -> Iterator[str]:
    found = postgresql.check(directory / stores.DUMP)
    if found != counts["things"]:
        yield f"postgresql: the dump has {found} things instead of {counts['things']}"


def _faults_of_mongodb(directory: Path, counts: Mapping[str, int]) -> Iterator[str]:
    if {one["name"] for one in collections_in(directory)} != counts.keys():
        yield "mongodb: the collections are not those that were counted"
    for name, expected in counts.items():
        packed = files.read_packed(directory / stores.documents(name))
        found = sum(1 for _ in mongo_dumps.documents_in(packed))
        if found != expected:
            yield f"mongodb: {name} has {found} documents instead of {expected}"


def _faults_of_list(listing: Path, name: str, counts: Mapping[str, int]) -> Iterator[str]:
    found = objects.total(listing).objects
    if found != counts["objects"]:
        yield f"{name}: the list has {found} objects instead of {counts['objects']}"


_FAULTS: Mapping[str, Callable[[Path, Mapping[str, int]], Iterator[str]]] = {
    stores.REDIS: _faults_of_redis,
    stores.POSTGRESQL: _faults_of_postgresql,
    stores.MONGODB: _faults_of_mongodb,
}
