"""Makes a backup of a system that goes on working: all that was acknowledged before it began is in it."""

import errno
import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

import msgpack
import structlog

from config.backup import files, manifest, objects, places, postgresql, stores
from config.backup.errors import BackupError
from config.backup.manifest import File, Manifest, Part
from config.backup.objects import Copied
from config.backup.pace import Pace
from config.backup.progress import Progress
from config.stack import layout
from crm.audit import acts
from crm.erasure import ledger
from metrics import keyring, mongo_dumps, recent, redis_dumps
from metrics.redis_dumps import Kept

log = structlog.get_logger("earshot.backup")

# How many earlier backups are asked what has not changed: one of them may have been of some stores only.
_ASKED = 3


@dataclass(frozen=True, slots=True)
class Made:
    """The backup, and what was removed because newer ones are kept instead of it."""

    directory: Path
    manifest: Manifest
    removed: int
    freed: int


@dataclass(frozen=True, slots=True)
class _Taking:
    """What every store's part needs."""

    root: Path
    directory: Path
    pace: Pace
    progress: Progress
    files: dict[str, File]

    def packed(self, name: str, pieces: Iterator[bytes]) -> File:
        written = files.write_packed(self.directory / name, pieces)
        self.files[name] = written
        return written


def make(root: Path, *, only: Collection[str], rate: float, keep: int | None, progress: Progress) -> Made:
    """Back up the stores named, at most `rate` bytes of objects a second; then keep the newest `keep` backups.

    Raises AnotherRuns, BackupError, and RetryableMetricsError or RetryableAudioError while a store is away. What was
    cut off is no backup, and the next one takes the objects from it.
    """
    places.make(root)
    with places.held(root):
        _refuse_half_restored()
        left = places.cut_off(root)
        for one in left:
            _lighten(one)
        objects.clear_fetching(root)
        try:
            made = _made(root, left, only=only, pace=Pace(rate), progress=progress)
        except OSError as refused:
            if refused.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise BackupError(
                    f"The disk of {root} is full. The backup was cut off; make room and run it again, which goes on "
                    "with the objects that are there."
                ) from refused
            raise BackupError(f"{refused.filename or root} cannot be written: {refused.strerror}.") from refused
        for one in left:
            places.remove(one)
        removed, freed = _keep(root, keep)
    acts.write("backup.made", actor=None, via="command")
    log.info("backup_made", name=made.name, parts=list(made.parts))
    return Made(root / made.name, made, removed, freed)


def _made(root: Path, left: list[Path], *, only: Collection[str], pace: Pace, progress: Progress) -> Manifest:
    begun = datetime.now(UTC)
    names = sorted(ledger.names())
    fingerprint = keyring.fingerprint_in_archive()
    if fingerprint is None:
        raise BackupError("The archive has no root secret, so nobody could restore this. `manage.py create_stores`")
    earlier = [*reversed(places.whole(root)[-_ASKED:]), *left]
    taking = _Taking(root, places.begin(root, begun), pace, progress, {})
    taking.packed(stores.LEDGER, ("\n".join(names).encode() for _ in range(1)))
    parts: dict[str, Part] = {}
    for name, take in _steps(earlier):
        if name not in only:
            continue
        began = time.monotonic()
        part = take(taking)
        before = parts.get(name, Part("", {}))
        parts[name] = replace(
            part,
            counts={**before.counts, **part.counts},
            bytes=before.bytes + part.bytes,
            copied=before.copied + part.copied,
            seconds=round(before.seconds + time.monotonic() - began, 3),
        )
    for name in stores.BUCKETS:
        if name in only:
            taking.files[stores.listing(name)] = files.digest_of(taking.directory / stores.listing(name))
    # One that began meanwhile, on whichever machine, has emptied what was still to be taken.
    _refuse_half_restored()
    # Objects are many and small; all of them are on the disk before the manifest says so.
    os.sync()
    said = Manifest(
        name=taking.directory.name,
        begun=begun.isoformat(),
        ended=datetime.now(UTC).isoformat(),
        earshot=postgresql.migrations(postgresql.Database.of_settings()),
        layout=len(layout.STEPS),
        root=fingerprint,
        secret_key=stores.fingerprint_of_secret_key(),
        ledger=len(names),
        parts=parts,
        files=taking.files,
    )
    manifest.write(taking.directory, said)
    return said


def _refuse_half_restored() -> None:
    if name := redis_dumps.restoring():
        raise BackupError(
            f"A restore of {name} goes on here, or was cut off, so what is here is not whole. No backup was made."
        )


def _steps(earlier: list[Path]) -> Iterator[tuple[str, Callable[[_Taking], Part]]]:
    """In the order that makes it whole; what of Redis comes later is said where it is named.

    Recordings are looked at twice: an original that becomes Opus goes when its row tells of the other object, and a
    row that was taken before that must find it. New ones lie there before their rows do, and are found afterwards.
    """
    yield stores.RECORDINGS, partial(_originals, earlier=earlier)
    yield stores.REDIS, _redis
    yield stores.POSTGRESQL, _postgresql
    yield stores.MONGODB, _mongodb
    yield stores.REDIS, _segments
    for name in stores.BUCKETS:
        yield name, partial(_bucket, name=name, earlier=earlier)


def _redis(taking: _Taking) -> Part:
    taking.progress.begin("Redis: what waits")
    others = redis_dumps.one_by_one(without=[stores.WAITING, stores.SEGMENTS, *stores.OF_THE_MOMENT])
    return _keys(taking, stores.KEYS, "keys", chain(redis_dumps.at_one_moment(stores.WAITING), others))


def _segments(taking: _Taking) -> Part:
    taking.progress.begin("Redis: segments of the last hours")
    return _keys(taking, stores.SEGMENTS_KEYS, "segments", recent.copied())


def _keys(taking: _Taking, name: str, counted_as: str, kept: Iterator[Kept]) -> Part:
    keys = 0

    def packed() -> Iterator[bytes]:
        nonlocal keys
        for one in kept:
            keys += 1
            yield msgpack.packb([one.key, one.ends, one.content])

    written = taking.packed(name, packed())
    taking.progress.end(f"{keys} keys")
    return Part(redis_dumps.version(), {counted_as: keys}, bytes=written.bytes)


def _postgresql(taking: _Taking) -> Part:
    database = postgresql.Database.of_settings()
    version = postgresql.version(database)
    taking.progress.begin(f"PostgreSQL {version}: rows")

    def told(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            taking.progress.advance(0, len(piece))
            yield piece

    written = files.write(taking.directory / stores.DUMP, told(postgresql.dumped(database)))
    taking.files[stores.DUMP] = written
    things = postgresql.check(taking.directory / stores.DUMP)
    taking.progress.end(f"{written.bytes / 1e6:.1f} MB")
    return Part(version, {"things": things}, bytes=written.bytes)


def _mongodb(taking: _Taking) -> Part:
    counts: dict[str, int] = {}
    version = mongo_dumps.version()
    with mongo_dumps.at_one_moment() as moment:
        taking.progress.begin(f"MongoDB {version}: calls and figures")
        size = 0
        for described in moment.collections:
            name = described["name"]
            counts[name] = 0

            def counted(batches: Iterator[bytes], name: str = name) -> Iterator[bytes]:
                for batch in batches:
                    documents = mongo_dumps.count_in(batch)
                    counts[name] += documents
                    taking.progress.advance(documents, len(batch))
                    yield batch

            # No slower than it goes: the server keeps the moment for a while only.
            size += taking.packed(stores.documents(name), counted(moment.batches(name))).bytes
        text = mongo_dumps.as_text(moment.collections).encode()
    taking.files[stores.COLLECTIONS] = files.write(taking.directory / stores.COLLECTIONS, [text])
    taking.progress.end(f"{sum(counts.values())} documents in {len(counts)} collections")
    return Part(version, counts, bytes=size)


def _originals(taking: _Taking, *, earlier: list[Path]) -> Part:
    taking.progress.begin("Objects: recordings, before their rows")
    copied = _copied(taking, name=stores.RECORDINGS, earlier=earlier)
    taking.progress.end(f"{copied.objects} objects, of which {copied.fetched} are new")
    # How many there are in the end the second look says.
    return Part("", {}, copied=copied.fetched)


def _bucket(taking: _Taking, *, name: str, earlier: list[Path]) -> Part:
    taking.progress.begin(f"Objects: {name}")
    copied = _copied(taking, name=name, earlier=earlier)
    taking.progress.end(f"{copied.objects} objects, of which {copied.fetched} are new")
    return Part("", {"objects": copied.objects}, bytes=copied.bytes, copied=copied.fetched)


def _copied(taking: _Taking, *, name: str, earlier: list[Path]) -> Copied:
    return objects.copy(
        stores.bucket(name),
        taking.root,
        taking.directory / stores.listing(name),
        known=[one / stores.listing(name) for one in earlier],
        pace=taking.pace,
        told=taking.progress.advance,
        without=stores.apart(name),
    )


def foreseen(root: Path, *, only: Collection[str]) -> dict[str, str]:
    """What `make` would do, store by store; nothing is written. Raises as it does."""
    earlier = [*reversed(places.whole(root)[-_ASKED:]), *places.cut_off(root)] if root.is_dir() else []
    said: dict[str, str] = {}
    for name in stores.ORDER:
        if name not in only:
            continue
        if name == stores.REDIS:
            said[name] = f"{redis_dumps.count(without=stores.OF_THE_MOMENT)} keys"
        elif name == stores.POSTGRESQL:
            counted = postgresql.rows(postgresql.Database.of_settings())
            said[name] = f"about {sum(counted.values())} rows in {len(counted)} tables"
        elif name == stores.MONGODB:
            there = mongo_dumps.sizes()
            said[name] = f"about {sum(there.values())} documents in {len(there)} collections"
        else:
            lists = [one / stores.listing(name) for one in earlier]
            found = objects.counted(stores.bucket(name), root, known=lists, without=stores.apart(name))
            said[name] = (
                f"{found.objects} objects of {found.bytes / 1e6:.1f} MB, of which {found.fetched} of "
                f"{found.fetched_bytes / 1e6:.1f} MB are new"
            )
    return said


def _lighten(cut_off: Path) -> None:
    """Of a backup that was cut off only the lists of objects are of use."""
    for file in cut_off.iterdir():
        if file.suffix != ".sqlite":
            file.unlink()


def _keep(root: Path, keep: int | None) -> tuple[int, int]:
    """Remove the backups instead of which so many newer ones are kept, and the objects that nobody names then.

    How many, and of how many bytes.
    """
    if keep is None:
        return 0, 0
    too_old = places.too_old(root, keep)
    for one in too_old:
        places.remove(one)
    if not too_old:
        return 0, 0
    lists = [one / stores.listing(name) for one in places.whole(root) for name in stores.BUCKETS]
    _, freed = objects.sweep(root, [one for one in lists if one.exists()])
    return len(too_old), freed
