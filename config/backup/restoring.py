"""Puts a backup back into empty stores, and obeys the ledger of erasures again before anybody is served.

Nothing is touched before everything has been looked at (`plan`). From the first write on Redis has a note; it goes
when all is done. A restore that was cut off is done again from its beginning, by the same command.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import structlog
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from audio import blobs
from audio import objects as sound
from calls import numbers
from config.backup import files, manifest, objects, places, postgresql, stores
from config.backup.errors import BackupError, Damaged
from config.backup.manifest import Manifest
from config.backup.progress import Progress
from config.backup.verifying import changed_files, collections_in, keys_in, ledger_in
from crm.audit import acts, resuming
from crm.erasure import ledger
from crm.person_exports import files as exports
from metrics import archive, keyring, mongo_dumps, redis_dumps
from metrics.errors import RetryableMetricsError
from metrics.models import RootFingerprint

log = structlog.get_logger("earshot.backup")

HALF_RESTORED = (
    "The restore of the backup {name} was cut off, or goes on, so what is here is not whole. Run `manage.py restore` "
    "of it again."
)
STOP_FIRST = "Stop Earshot first: web servers, workers, beat and consumers."


@dataclass(slots=True)
class Plan:
    """What a restore would do. With `refusals` it does nothing; `warnings` are told.

    `replaces` are the stores that have something in them now, which will be gone. `lost` is what could not be put back,
    in a sentence for each object: the others are, and so is all else.
    """

    root: Path
    directory: Path
    manifest: Manifest
    parts: list[str]
    replace: bool
    archive_is_lost: bool
    goes_on: bool = False
    replaces: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def plan(given: Path, *, only: Collection[str], replace: bool, archive_is_lost: bool, progress: Progress) -> Plan:
    """Look at the backup and at every store, and change nothing.

    Raises BackupError when there is no backup, Damaged when it is not what it was, RetryableMetricsError or
    RetryableAudioError while a store is away.
    """
    root, directory = places.chosen(given, wanted=only)
    said = manifest.read(directory)
    parts = [name for name in stores.ORDER if name in said.parts and name in only]
    made = Plan(root, directory, said, parts, replace, archive_is_lost)
    if missing := [name for name in stores.ORDER if name in only and name not in said.parts]:
        has = " ".join(name for name in stores.ORDER if name in said.parts)
        made.refusals.append(f"The backup has nothing of {', '.join(missing)}; for what it has: --only {has}.")
    if not parts:
        return made
    if wrong := list(changed_files(directory, said, progress)):
        raise Damaged(f"{directory} is damaged: {'; '.join(wrong)}. Restore another one.")
    _look_at_note(made)
    _look_at_versions(made)
    _look_at_stores(made)
    _look_at_archive(made)
    _look_at_contents(made, progress)
    if said.secret_key != stores.fingerprint_of_secret_key():
        made.warnings.append(
            "EARSHOT_SECRET_KEY is not the one of the backup: everybody signs in anew, links and upload tokens are "
            "void, and webhooks are signed with other secrets."
        )
    return made


def restore(planned: Plan, *, progress: Progress) -> None:
    """Do it. Raises BackupError, AnotherRuns, Damaged, CommandError, and what says that a store is away.

    Meanwhile no backup is made in its directory, and nobody else restores into this PostgreSQL.
    """
    if planned.refusals:
        raise BackupError(planned.refusals[0])
    name = planned.manifest.name
    database = postgresql.Database.of_settings()
    with places.held(planned.root, reads_only=True), postgresql.held_alone(database):
        _look_again(planned)
        redis_dumps.begin_restoring(name)
        for part in (stores.RECORDINGS, stores.ARCHIVE, stores.REDIS, stores.MONGODB, stores.POSTGRESQL):
            if part in planned.parts:
                _PARTS[part](planned, progress)
        _make_whole(planned, progress)
        if stores.RECORDINGS in planned.parts:
            _forget_what_no_row_knows(progress)
        redis_dumps.end_restoring()
    log.warning("backup_restored", name=name, parts=planned.parts)


def unfinished() -> str | None:
    """Which backup's restore was cut off, or goes on. Raises RetryableMetricsError while Redis is away."""
    return redis_dumps.restoring()


def refused() -> str | None:
    """Why nobody may begin to work here now. A Redis that is away says nothing against it; who works waits for it."""
    with suppress(RetryableMetricsError):
        if name := redis_dumps.restoring():
            return HALF_RESTORED.format(name=name)
    return None


def _look_again(planned: Plan) -> None:
    """Whether it is as it was when it was planned, for who types takes their time. Raises BackupError."""
    if manifest.read(planned.directory) != planned.manifest:
        raise Damaged(f"{planned.directory} is another one by now. Nothing was changed.")
    again = dataclasses.replace(planned, replaces=[], warnings=[], refusals=[])
    _look_at_note(again)
    _look_at_stores(again)
    if filled := [name for name in again.replaces if name not in planned.replaces]:
        again.refusals.append(f"Not empty any more: {', '.join(filled)}.")
    if again.refusals:
        raise BackupError(f"{again.refusals[0]} Nothing was changed.")


def _look_at_note(made: Plan) -> None:
    if going_on := redis_dumps.restoring():
        made.goes_on = going_on == made.manifest.name
        if not made.goes_on and not made.replace:
            made.refusals.append(f"A restore of {going_on} was cut off here. Restore that one, or use --replace.")


def _look_at_versions(made: Plan) -> None:
    theirs = {
        stores.REDIS: ("Redis", redis_dumps.version),
        stores.POSTGRESQL: ("PostgreSQL", lambda: postgresql.version(postgresql.Database.of_settings())),
        stores.MONGODB: ("MongoDB", mongo_dumps.version),
    }
    for name in made.parts:
        if name in theirs:
            title, version = theirs[name]
            there, then = version(), made.manifest.parts[name].version
            if _major(there) < _major(then):
                made.refusals.append(
                    f"The backup is of {title} {then}, and {title} {there} is here, which may not read it. "
                    f"Start {title} {_major(then)} or newer."
                )
    known = MigrationLoader(None).disk_migrations or {}
    newer = [f"{app}.{name}" for app, name in made.manifest.earshot.items() if _is_newer(app, name, known)]
    if newer:
        made.refusals.append(f"The backup was made by a newer Earshot ({newer[0]}). Install that one.")


def _is_newer(app: str, name: str, known: Mapping[tuple[str, str], object]) -> bool:
    return app in {one for one, _ in known} and (app, name) not in known


def _look_at_stores(made: Plan) -> None:
    database = postgresql.Database.of_settings()
    if others := postgresql.others(database):
        made.refusals.append(f"{others} others are connected to PostgreSQL. {STOP_FIRST}")
    if others := redis_dumps.others():
        made.refusals.append(f"{others} others are connected to Redis. {STOP_FIRST}")
    is_empty: Mapping[str, Callable[[], bool]] = {
        stores.REDIS: lambda: redis_dumps.count(without=stores.OF_THE_MOMENT) == 0,
        stores.POSTGRESQL: lambda: postgresql.is_empty(database),
        stores.MONGODB: mongo_dumps.is_empty,
        stores.RECORDINGS: lambda: bool(blobs.check()) or blobs.bucket().is_empty(),
        # Nothing in it is ever written over.
        stores.ARCHIVE: lambda: True,
    }
    if stores.RECORDINGS in made.parts and stores.POSTGRESQL not in made.parts and postgresql.is_empty(database):
        made.refusals.append(
            "PostgreSQL is empty, and sound that no row knows is removed: --only postgresql recordings, or "
            "PostgreSQL first."
        )
    full = [name for name in made.parts if not is_empty[name]()]
    if full and not (made.replace or made.goes_on):
        made.refusals.append(
            f"Not empty: {', '.join(full)}. A restore goes into new stores, or with --replace in the place of what is "
            "there."
        )
    made.replaces = full


def _look_at_archive(made: Plan) -> None:
    """Whether who was erased since the backup can be told. Without that nobody may be served from it."""
    if archive.check():
        root, names = None, set()
    else:
        root, names = keyring.fingerprint_in_archive(), ledger.names()
    had = ledger_in(made.directory)
    told = made.warnings if made.archive_is_lost else made.refusals
    lost = (
        "who was erased since the backup would come back. Bring the archive's own copy back first (docs/backup.md); "
        "only if there is none, --archive-is-lost."
    )
    if root is None:
        told.append(f"The archive has no root secret: {lost}")
    elif root != made.manifest.root:
        told.append(f"The archive is not the one that the backup belongs to: {lost}")
    elif missing := had - names:
        told.append(f"The archive is older than the backup, and lacks {len(missing)} of the erasures of then: {lost}")
    elif made.archive_is_lost:
        made.refusals.append("The archive is there, and belongs to the backup: --archive-is-lost is not for this.")
    elif since := len(names - had):
        made.warnings.append(f"{since} erasures were done since; they are obeyed again at the end.")


def _look_at_contents(made: Plan, progress: Progress) -> None:
    """Whether those of the objects are there; whether they are what they were is seen when they are read."""
    for name in stores.BUCKETS:
        if name in made.parts:
            progress.begin(f"Contents: {name}", made.manifest.parts[name].counts["objects"])
            lost = list(objects.missing(made.root, made.directory / stores.listing(name), told=progress.advance))
            progress.end(f"{len(lost)} are missing")
            if lost:
                made.warnings.append(f"{len(lost)} objects of {name} cannot be put back. {lost[0]}.")


def _bucket(name: str) -> Callable[[Plan, Progress], None]:
    def put_back(planned: Plan, progress: Progress) -> None:
        (blobs if name == stores.RECORDINGS else archive).create()
        listing = planned.directory / stores.listing(name)
        progress.begin(f"Objects: {name}", planned.manifest.parts[name].counts["objects"])
        over = name == stores.RECORDINGS and planned.replace
        done = objects.put_back(stores.bucket(name), planned.root, listing, over=over, told=progress.advance)
        planned.lost += done.lost
        were_there = f", {done.left} were there" if done.left else ""
        progress.end(f"{done.put} put back{were_there}" + (f", {len(done.lost)} are lost" if done.lost else ""))

    return put_back


def _redis(planned: Plan, progress: Progress) -> None:
    progress.begin("Redis", sum(planned.manifest.parts[stores.REDIS].counts.values()))
    redis_dumps.empty(planned.manifest.name)
    written = redis_dumps.put_back(keys_in(planned.directory))
    progress.end(f"{written} keys")


def _mongodb(planned: Plan, progress: Progress) -> None:
    counts = planned.manifest.parts[stores.MONGODB].counts
    progress.begin("MongoDB", sum(counts.values()))
    mongo_dumps.empty()
    written = 0
    for described in collections_in(planned.directory):
        name = described["name"]
        packed = files.read_packed(planned.directory / stores.documents(name))
        try:
            documents = mongo_dumps.put_back(described, mongo_dumps.documents_in(packed))
        except ValueError as error:
            raise Damaged(f"{stores.documents(name)}: {error}") from error
        if documents != counts[name]:
            raise Damaged(f"{name} has {documents} documents instead of {counts[name]}.")
        written += documents
        progress.advance(documents)
    progress.end(f"{written} documents")


def _postgresql(planned: Plan, progress: Progress) -> None:
    """In one transaction, so that it is there whole or not at all."""
    progress.begin("PostgreSQL")
    database = postgresql.Database.of_settings()
    postgresql.empty(database)
    postgresql.put_back(database, planned.directory / stores.DUMP)
    progress.end("all rows")


def _make_whole(planned: Plan, progress: Progress) -> None:
    """What an older backup lacks by now, and then what has to be forgotten again."""
    connections.close_all()
    progress.begin("Migrations, stores, erasures")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    call_command("migrate", interactive=False, verbosity=0)
    if planned.archive_is_lost:
        # The digests that the databases have are under a secret that is no more.
        RootFingerprint.objects.all().delete()
    call_command("create_stores", stdout=StringIO())
    numbers.catch_up()
    if stores.POSTGRESQL in planned.parts and not planned.archive_is_lost:
        resuming.resume()
    if stores.POSTGRESQL not in planned.parts:
        acts.write("backup.restored", actor=None, via="command")
    said = StringIO()
    call_command("replay_erasures", stdout=said)
    progress.end(said.getvalue().strip())


def _forget_what_no_row_knows(progress: Progress) -> None:
    """Sound of those who were erased, whom no row names any more; the ledger's marks know nothing of objects."""
    progress.begin("Recordings that no row knows")
    removed = sound.remove_orphans(nobody_records=True)
    if removed:
        acts.write("recording.orphans_removed", actor=None, via="command")
    exports.remove_strays(begun_before=timezone.now())
    progress.end(f"{removed} objects removed")


_PARTS: Mapping[str, Callable[[Plan, Progress], None]] = {
    stores.REDIS: _redis,
    stores.POSTGRESQL: _postgresql,
    stores.MONGODB: _mongodb,
    **{name: _bucket(name) for name in stores.BUCKETS},
}


def _major(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0])
