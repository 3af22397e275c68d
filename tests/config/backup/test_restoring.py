"""A backup put back into other stores: all of it, whoever was erased since forgotten again, and nothing by halves."""

import uuid
from contextlib import contextmanager

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection
from pymongo.errors import DuplicateKeyError

from audio import blobs
from audio.models import AudioChunk
from calls import numbers
from calls.store.client import collection
from config import doctor
from config.backup import making, places, postgresql, restoring, stores
from config.backup.errors import AnotherRuns, BackupError, Damaged
from config.backup.progress import Untold
from config.doctor import examine
from config.findings import State
from crm.audit import sealing
from crm.erasure import requests, running, subjects
from crm.models import Contact
from metrics import archive, keyring, redis_dumps
from tests.builders import make_measured, make_session, make_user, put_chunk
from tests.crm.erasure.people import make_customer
from tests.sound import encode, tone

BODY = encode(tone(1.0))


def erase(contact):
    officer = make_user(contact.tenant, "privacy")
    asked = subjects.asked_of(contact.tenant_id, contact_id=contact.pk)
    request = running.run(requests.ask(officer, asked, reason="").pk)
    assert request.state == "completed", request.error


def make(backups):
    return making.make(backups, only=stores.ORDER, rate=0, keep=None, progress=Untold())


@contextmanager
def archive_in(settings, bucket):
    """The archive in another bucket, of which this process remembers nothing."""
    there = settings.STORAGES
    archived = {**there["archive"], "OPTIONS": {**there["archive"]["OPTIONS"], "bucket_name": bucket}}
    archive._client.cache_clear()
    settings.STORAGES = {**there, "archive": archived}
    yield
    archive._client.cache_clear()
    settings.STORAGES = there


def refusals(backups):
    """What a restore says of the archive."""
    planned = restoring.plan(backups, only=stores.ORDER, replace=True, archive_is_lost=False, progress=Untold())
    return next(one for one in planned.refusals if one.startswith("The archive"))


@pytest.fixture
def world(tenant, agent, api, intake_queue):
    """Two customers, of whom one has been erased; a recording, a conversation that waits, and a segment."""
    session = make_session(agent)
    assert put_chunk(api, session, 0, BODY).status_code == 201
    gone, _ = make_customer(tenant, agent, ident="gone")
    erase(gone)
    make_customer(tenant, agent, ident="stays")
    make_measured(tenant.pk, "stays")
    intake_queue.append(tenant.pk, "waits", b'{"user_id": "stays"}')
    sealing.seal()
    return session


def test_all_of_it_comes_back_and_who_was_erased_since_is_forgotten_again(world, tenant, agent, backups, elsewhere):
    dana, call_id = make_customer(tenant, agent, ident="dana")
    forgotten = f"{blobs.prefix_of(uuid.uuid4())}chunk_0000.ogg"
    blobs.put(forgotten, BODY, content_type="audio/ogg")
    make(backups)
    blobs.erase(forgotten)
    erase(dana)
    # What was sealed since has its anchors in the archive, and goes with the backup.
    sealing.seal()

    tried = elsewhere.manage("restore", backups, "--dry-run")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "1 erasures were done since" in tried.stdout
    assert elsewhere.documents("calls") == []

    done = elsewhere.manage("restore", backups)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Next:" in done.stdout
    assert {key: blobs.get(key) for key in elsewhere.objects()} == elsewhere.objects() != {}
    assert forgotten not in elsewhere.objects(), "what no row knows may be of somebody who was erased"
    assert elsewhere.rows("SELECT count(*) FROM audio_audiochunk") == [(1,)]
    assert elsewhere.redis.xlen("intake:conversations") == 1
    assert list(elsewhere.redis.scan_iter("dubbing:segment:*"))
    ours = {one["_id"] for one in collection("calls").find({"tenant_id": tenant.pk})}
    theirs = {one["_id"] for one in elsewhere.documents("calls") if one["tenant_id"] == tenant.pk}
    assert theirs == ours
    # The agent's side of her call has stayed.
    (hers,) = (one for one in elsewhere.documents("calls") if one["call_id"] == call_id)
    assert {segment["speaker"] for segment in hers["conversation"]} == {"agent"}
    assert elsewhere.rows("SELECT count(*) FROM crm_contact WHERE id = %s", dana.pk) == [(0,)]
    assert Contact.objects.count() == elsewhere.rows("SELECT count(*) FROM crm_contact")[0][0]
    assert elsewhere.redis.get("restore:goes_on") is None

    verified = elsewhere.manage("verify_audit")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "went when a backup was restored" in verified.stdout

    there = elsewhere.objects()
    alone = elsewhere.manage("restore", backups, "--only", "recordings", "--replace", "--yes")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert elsewhere.objects() == there, "no mark of the ledger tells what objects know again"

    instead = elsewhere.manage("restore", backups, "--replace", "--yes")
    assert instead.returncode == 0, instead.stdout + instead.stderr
    assert elsewhere.rows("SELECT count(*) FROM audio_audiochunk") == [(1,)]


def test_calls_are_numbered_on_from_the_highest_that_came_back(world, agent, backups, elsewhere):
    highest = max(one["id"] for one in collection("calls").find())
    with connection.cursor() as cursor:
        # As PostgreSQL had it when it was copied, before the last call came in, which MongoDB's copy has.
        cursor.execute("SELECT setval('calls_number', %s)", [highest - 1])
    make(backups)
    done = elsewhere.manage("restore", backups)
    assert done.returncode == 0, done.stdout + done.stderr
    assert elsewhere.rows("SELECT last_value FROM calls_number") == [(highest,)]

    with pytest.raises(DuplicateKeyError):
        make_session(agent)
    with connection.cursor() as cursor:
        # As of one that was never used.
        cursor.execute("SELECT setval('calls_number', %s, false)", [highest])
    numbers.catch_up()
    make_session(agent)


def test_an_object_that_was_lost_holds_nothing_else_up(world, api, backups, elsewhere):
    # Of a content that nothing else has.
    assert put_chunk(api, world, 1, encode(tone(1.3))).status_code == 201
    lost = AudioChunk.objects.get(chunk_index=1)
    make(backups)
    places.content(backups, lost.stored_checksum).unlink()
    tried = elsewhere.manage("restore", backups, "--dry-run")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "1 objects of recordings cannot be put back" in tried.stdout
    done = elsewhere.manage("restore", backups)
    assert done.returncode == 1
    assert "All is restored but for 1 objects" in done.stderr
    assert lost.s3_key in done.stdout
    assert lost.s3_key not in elsewhere.objects()
    assert elsewhere.rows("SELECT count(*) FROM audio_audiochunk") == [(2,)]
    assert elsewhere.redis.get("restore:goes_on") is None


def test_recordings_do_not_go_back_where_no_row_would_know_them(world, backups, elsewhere):
    make(backups)
    refused = elsewhere.manage("restore", backups, "--only", "recordings")
    assert refused.returncode == 1
    assert "PostgreSQL is empty" in refused.stdout
    assert elsewhere.objects() == {}


def test_a_restore_that_was_cut_off_is_done_again(world, backups, elsewhere):
    name = make(backups).directory.name
    # So far somebody came who was killed.
    elsewhere.redis.set("restore:goes_on", name)
    elsewhere.mongodb[elsewhere.name].calls.insert_one({"half": True})
    celery = ["-m", "celery", "--quiet", "-A", "config"]
    for command in (
        ["manage.py", "prepare"],
        ["manage.py", "consume_conversations"],
        [*celery, "worker", "-c", "1", "-Q", "rollup"],
        [*celery, "beat"],
    ):
        refused = elsewhere.run(*command)
        assert refused.returncode == 1
        assert f"The restore of the backup {name} was cut off" in refused.stderr
    done = elsewhere.manage("restore", backups)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is done again from its beginning" in done.stdout
    assert not [one for one in elsewhere.documents("calls") if "half" in one]
    assert elsewhere.redis.get("restore:goes_on") is None


def test_all_is_looked_at_again_when_it_begins_and_nothing_else_goes_on_beside_it(world, tenant, backups):
    directory = make(backups).directory

    def restore():
        planned = restoring.plan(backups, only=stores.ORDER, replace=True, archive_is_lost=False, progress=Untold())
        # As if Earshot, which these tests are, had been stopped when it was planned.
        planned.refusals.clear()
        if is_lost:
            places.remove(directory)
        restoring.restore(planned, progress=Untold())

    is_lost = False
    with pytest.raises(BackupError, match="connected to PostgreSQL"):
        restore()
    with places.held(backups), pytest.raises(AnotherRuns, match="backup or restore is at work"):
        restore()
    with postgresql.held_alone(postgresql.Database.of_settings()), pytest.raises(AnotherRuns, match="Another restore"):
        restore()
    is_lost = True
    with pytest.raises(Damaged, match="was cut off"):
        restore()
    assert redis_dumps.restoring() is None
    assert Contact.objects.filter(tenant=tenant).exists()


def test_while_somebody_works_in_redis_nothing_is_restored(world, backups, elsewhere):
    make(backups)
    address = elsewhere.environment["EARSHOT_REDIS_URL"]
    with redis.Redis.from_url(address) as watches, redis.Redis.from_url(address) as works:
        assert watches.info("server")
        works.xlen("intake:conversations")
        refused = elsewhere.manage("restore", backups)
    assert refused.returncode == 1
    assert "1 others are connected to Redis. Stop Earshot first" in refused.stdout


def test_without_its_archive_a_backup_is_not_restored_unless_that_is_meant(world, backups, elsewhere, settings):
    make(backups)
    lost = {"EARSHOT_ARCHIVE_BUCKET": f"lost-{elsewhere.bucket}"}
    with archive_in(settings, lost["EARSHOT_ARCHIVE_BUCKET"]):
        assert refusals(backups).startswith("The archive has no root secret")
    root, older = archive.read(keyring.ROOT), f"older-{elsewhere.bucket}"
    with archive_in(settings, older):
        archive.create()
        archive.write(keyring.ROOT, b"another")
        assert refusals(backups).startswith("The archive is not the one that the backup belongs to")
        archive.write(keyring.ROOT, root)
        assert refusals(backups).startswith("The archive is older than the backup, and lacks")

    meant = elsewhere.manage("restore", backups, "--archive-is-lost", "--yes", **lost)
    assert meant.returncode == 0, meant.stdout + meant.stderr
    assert elsewhere.rows("SELECT count(*) FROM audio_audiochunk") == [(1,)]
    for bucket in (*lost.values(), older):
        for one in blobs._client().list_objects_v2(Bucket=bucket).get("Contents", ()):
            blobs._client().delete_object(Bucket=bucket, Key=one["Key"])


def test_nothing_is_served_while_a_restore_is_half_done(transactional_db):
    redis_dumps.begin_restoring("2026-01-01T00-00-00Z")
    try:
        with pytest.raises(CommandError, match="2026-01-01T00-00-00Z was cut off"):
            call_command("prepare")
        [(_, finding)] = examine({"Restore": doctor.CHECKS["Restore"]})
        assert finding.state == State.ERROR
    finally:
        redis_dumps.end_restoring()
    [(_, finding)] = examine({"Restore": doctor.CHECKS["Restore"]})
    assert finding.state == State.OK
