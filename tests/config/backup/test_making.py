"""Backups of the tests' own stores: whole, cut off, refused, verified, and removed when newer ones are there."""

import io
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command

from audio import blobs
from audio.models import AudioChunk
from config.backup import making, manifest, objects, places, restoring, stores, verifying
from config.backup.errors import BackupError, Damaged
from config.backup.progress import Untold
from crm.models import AuditEntry
from metrics import archive, redis_dumps
from tests.builders import do_all_jobs, make_contact, make_measured, make_session, put_chunk
from tests.sound import encode, tone

BODY = encode(tone(1.0))


def run(command, *arguments):
    """What a command says, and the status it ends with."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", said)
        try:
            call_command(command, *map(str, arguments))
        except CommandError as error:
            return f"{said.getvalue()}{error}", error.returncode
    return said.getvalue(), 0


def files_of(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def digests_of(listing):
    """Key → digest of what lies there."""
    with closing(sqlite3.connect(listing)) as database:
        return dict(database.execute("SELECT key, digest FROM object"))


@pytest.fixture
def filled(tenant, agent, api, intake_queue):
    """Something in every store."""
    session = make_session(agent)
    assert put_chunk(api, session, 0, BODY).status_code == 201
    make_contact(tenant, "Dana")
    make_measured(tenant.pk, "dana")
    intake_queue.append(tenant.pk, "waits", b"{}")
    archive.write("metrics/days/a-day", b"figures")
    archive.write("ledger/0/never", b"{}")
    archive.write("keyring/people/never", b"key")
    yield session
    for name in ("metrics/days/a-day", "ledger/0/never", "keyring/people/never"):
        archive._client.cache_clear()
        archive.bucket()._client.delete_object(Bucket=archive._bucket(), Key=name)


class Cut:
    """A progress that is no more, once it comes to that."""

    def __init__(self, what):
        self.what = what

    def begin(self, what, total=None):
        if what.startswith(self.what):
            raise KeyboardInterrupt

    def advance(self, things, size=0):
        pass

    def end(self, said):
        pass


class Meanwhile:
    """A progress during which something else happens, once it comes to that."""

    def __init__(self, what, happens):
        self.what, self.happens = what, happens

    def begin(self, what, total=None):
        if what.startswith(self.what):
            self.happens()

    def advance(self, things, size=0):
        pass

    def end(self, said):
        pass


def make(root, *, only=stores.ORDER, keep=None, progress=None):
    return making.make(root, only=only, rate=0, keep=keep, progress=progress or Untold())


def dated(made, name):
    """The backup as one of another time."""
    return made.directory.rename(made.directory.with_name(name))


def test_a_backup_says_what_is_in_it_and_is_found_whole(filled, backups):
    said, status = run("back_up", backups)
    assert status == 0, said
    (directory,) = places.whole(backups)
    told = manifest.read(directory)
    assert set(told.parts) == set(stores.ORDER)
    assert told.parts["postgresql"].version.startswith(("14", "15", "16", "17", "18"))
    assert told.parts["redis"].counts["segments"] > 0
    assert told.parts["recordings"].counts["objects"] >= 1
    assert told.ledger >= 1
    assert directory.stat().st_mode & 0o077 == 0
    assert not any(directory.joinpath(name).stat().st_mode & 0o077 for name in (*told.files, manifest.FILE))
    assert "is whole" in run("verify_backup", backups)[0]
    assert AuditEntry.objects.filter(act="backup.made", via="command").count() == 1


def test_nothing_of_the_ledger_nor_of_the_keyring_is_in_it(filled, backups):
    made = make(backups)
    _, directory = places.chosen(made.directory, wanted=stores.ORDER)
    archived = (directory / stores.listing("archive")).read_bytes()
    assert b"metrics/days/a-day" in archived
    for secret in (b"ledger/", b"keyring/", b"certificates/"):
        assert secret not in archived
    assert verifying.ledger_in(directory) >= {"ledger/0/never"}


def test_a_dry_run_writes_nothing(filled, backups):
    said, status = run("back_up", backups, "--dry-run")
    assert status == 0
    assert "Nothing was written" in said
    assert all(name in said for name in stores.ORDER)
    assert not backups.exists()


def test_what_was_cut_off_is_no_backup_and_the_next_one_goes_on_with_its_objects(filled, backups):
    with pytest.raises(KeyboardInterrupt):
        make(backups, progress=Cut("Objects: archive"))
    assert places.whole(backups) == []
    (cut_off,) = places.cut_off(backups)
    with pytest.raises(Damaged, match="cut off"):
        places.chosen(cut_off, wanted=stores.ORDER)
    assert run("verify_backup", backups)[1] == 1
    cut_off.rename(cut_off.with_name("2020-01-01T00-00-00Z"))
    made = make(backups)
    assert made.manifest.parts["recordings"].copied == 0
    assert places.cut_off(backups) == []
    assert verifying.verify(backups, without_objects=False, progress=Untold()).faults == []


def test_an_original_that_becomes_opus_after_its_row_was_taken_is_in_it_beside_what_came_of_it(
    tenant, agent, api, backups
):
    session = make_session(agent)
    original = put_chunk(api, session, 0, encode(tone(1.0), container="wav")).json()["s3_key"]
    made = make(backups, progress=Meanwhile("MongoDB", do_all_jobs))
    transcoded = AudioChunk.objects.get().s3_key
    assert (original != transcoded, blobs.get(original)) == (True, None)
    listed = digests_of(made.directory / stores.listing("recordings"))
    assert {original, transcoded} <= listed.keys()
    assert made.manifest.parts["recordings"].counts == {"objects": len(listed)}
    assert verifying.verify(backups, without_objects=False, progress=Untold()).faults == []


def test_a_disk_that_is_full_is_told_whoever_finds_it_first(filled, backups, monkeypatch):
    made = objects._Listing.made.__func__

    @contextmanager
    def small(listing, path):
        with made(listing, path) as there:
            # As full as a disk can be, for SQLite.
            there._database.execute("PRAGMA max_page_count = 1")
            there.add([objects.Kept(f"audio/{number}", 0, "", "", "", "0" * 64) for number in range(100)])
            yield there

    monkeypatch.setattr(objects._Listing, "made", classmethod(small))
    said, status = run("back_up", backups)
    assert status == 1
    assert f"The disk of {backups} is full. The backup was cut off" in said
    assert places.whole(backups) == []


def test_a_second_one_at_the_same_time_is_refused(backups):
    places.make(backups)
    with places.held(backups):
        said, status = run("back_up", backups)
    assert status == 3
    assert "Another backup or restore is at work" in said
    assert files_of(backups) == {"lock"}


@pytest.mark.parametrize("when", ["", "MongoDB"])
def test_what_is_half_restored_is_not_backed_up(filled, backups, when):
    def restore():
        redis_dumps.begin_restoring("2020-01-01T00-00-00Z")

    meanwhile = Meanwhile(when or "nothing", restore)
    if not when:
        restore()
    try:
        with pytest.raises(BackupError, match="A restore of 2020-01-01T00-00-00Z goes on"):
            make(backups, keep=1, progress=meanwhile)
    finally:
        redis_dumps.end_restoring()
    assert places.whole(backups) == []


@pytest.mark.parametrize("where", ["/proc/backups", "/dev/null/backups"])
def test_a_directory_that_cannot_be_written_is_told(transactional_db, where):
    said, status = run("back_up", where)
    assert status == 1
    assert f"{where} cannot be written" in said


def test_older_ones_go_with_the_objects_that_nobody_else_has(filled, backups):
    first = make(backups)
    first.directory.rename(backups / "2020-01-01T00-00-00Z")
    second = make(backups)
    second.directory.rename(backups / "2020-01-02T00-00-00Z")
    third = make(backups, keep=1)
    assert (places.whole(backups), third.removed) == ([third.directory], 2)
    assert verifying.verify(backups, without_objects=False, progress=Untold()).faults == []


def test_those_of_one_store_take_the_place_of_no_full_one(filled, backups):
    full = dated(make(backups), "2020-01-01T00-00-00Z")
    dated(make(backups, only=["redis"]), "2020-01-02T00-00-00Z")
    later = dated(make(backups, only=["redis"]), "2020-01-03T00-00-00Z")
    latest = dated(make(backups, only=["redis"], keep=2), "2020-01-04T00-00-00Z")
    assert places.whole(backups) == [full, later, latest]
    assert places.chosen(backups, wanted=stores.ORDER)[1] == full
    assert places.chosen(backups, wanted=["redis"])[1] == latest
    (latest / manifest.FILE).write_text("{")
    assert places.chosen(backups, wanted=stores.ORDER)[1] == latest, "which may have been a full one"
    dated(make(backups), "2020-01-05T00-00-00Z")
    newest = make(backups, keep=1).directory
    assert places.whole(backups) == [newest], "newer ones have all that the others had"


def test_one_that_a_power_cut_left_without_its_manifest_s_content_is_cut_off_and_displaces_none(filled, backups):
    first = dated(make(backups), "2020-01-01T00-00-00Z")
    empty = dated(make(backups), "2020-01-02T00-00-00Z")
    (empty / manifest.FILE).write_bytes(b"")
    assert (places.whole(backups), places.cut_off(backups)) == ([first], [empty])
    with pytest.raises(Damaged, match="cut off"):
        manifest.read(empty)
    make(backups, keep=2)
    assert (first.exists(), empty.exists()) == (True, False)


def test_the_manifest_is_on_the_disk_before_older_ones_go(filled, backups, monkeypatch):
    dated(make(backups), "2020-01-01T00-00-00Z")
    happened = []
    sync, remove = os.fsync, places.remove

    def noted(descriptor):
        happened.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(places, "remove", lambda one: (happened.append("removed"), remove(one)))
    directory = make(backups, keep=1).directory
    assert happened[-4:] == [f"{directory / manifest.FILE}.new", str(directory), str(backups), "removed"]


def test_what_a_backup_does_not_have_is_said_before_the_rest_is_restored(filled, backups):
    make(backups, only=["redis", "archive"])
    said, status = run("restore", backups)
    assert status == 1
    assert "nothing of postgresql, mongodb, recordings; for what it has: --only redis archive" in said


@pytest.mark.parametrize(
    "name", [stores.DUMP, stores.KEYS, stores.SEGMENTS_KEYS, stores.COLLECTIONS, "recordings.sqlite"]
)
def test_a_file_that_was_changed_or_cut_short_is_found(filled, backups, name):
    directory = make(backups).directory
    file = directory / name
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2] + b"\0\xff" + whole[len(whole) // 2 + 2 :]):
        file.chmod(0o600)
        file.write_bytes(damaged)
        said, status = run("verify_backup", backups)
        assert status == 1
        assert f"{name} is not what it was" in said
        with pytest.raises(Damaged, match=name):
            restoring.plan(backups, only=stores.ORDER, replace=True, archive_is_lost=False, progress=Untold())
    file.unlink()
    assert f"{name} cannot be read" in run("verify_backup", backups)[0]


def test_an_object_that_was_lost_is_found(filled, backups):
    make(backups, only=["recordings"])
    shutil.rmtree(backups / places.OBJECTS)
    for quickly in ([], ["--without-objects"]):
        said, status = run("verify_backup", backups, *quickly)
        assert status == 1
        assert "its content is missing" in said


def test_what_is_not_empty_is_not_restored_into(filled, backups):
    make(backups)
    said, status = run("restore", backups)
    assert status == 1
    assert "Not empty: redis, postgresql, mongodb, recordings" in said
    assert "Nothing was changed" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told["parts"]["postgresql"].update(version="99.1"), "Start PostgreSQL 99 or newer"),
        (lambda told: told["parts"]["mongodb"].update(version="99.0.1"), "Start MongoDB 99 or newer"),
        (lambda told: told["parts"]["redis"].update(version="99.0.1"), "Start Redis 99 or newer"),
        (lambda told: told["earshot"].update(crm="9999_later"), "made by a newer Earshot"),
        (lambda told: told.update(format=99), "made by a newer Earshot"),
        (lambda told: told.pop("files"), "does not say all that it should"),
    ],
)
def test_what_does_not_fit_here_is_refused(filled, backups, change, said):
    directory = make(backups).directory
    told = orjson.loads((directory / manifest.FILE).read_bytes())
    change(told)
    (directory / manifest.FILE).write_bytes(orjson.dumps(told))
    answer, status = run("restore", backups, "--replace", "--dry-run")
    assert status == 1
    assert said in answer
