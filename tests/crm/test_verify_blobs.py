"""`verify_blobs` against real stores: what is wrong is found, and with `--fix` put right or owed again."""

import io
import uuid

import pytest
from django.core.management import CommandError, call_command

from audio import blobs, chunk_bytes, objects, sessions
from audio.errors import ChunksOwed
from audio.models import AudioChunk
from audio.objects import Finding
from calls import conversations
from crm.models import AuditEntry
from tests.builders import bearer, do_all_jobs, make_session, put_chunk
from tests.sound import encode, speech, tone

BODIES = [encode(tone(1.0, frequency=frequency)) for frequency in (300, 400, 500)]


@pytest.fixture
def chunks(api, session):
    """Three of one recording, of which the cache has nothing any more."""
    for index, body in enumerate(BODIES):
        assert put_chunk(api, session, index, body).status_code == 201
    stored = list(AudioChunk.objects.order_by("chunk_index"))
    for chunk in stored:
        chunk_bytes.drop(chunk)
    return stored


def verify(*arguments):
    """What the command says, and whether it found something that it left as it was."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", said)
        try:
            call_command("verify_blobs", *arguments)
        except CommandError as error:
            return f"{said.getvalue()}{error}", True
    return said.getvalue(), False


def acts():
    return list(AuditEntry.objects.filter(via="command").order_by("pk").values_list("act", flat=True))


def damage(chunk):
    blobs.put(chunk.s3_key, b"something else", content_type=chunk.content_type)


def test_what_is_right_is_said_to_be_and_left_alone(chunks):
    said, wrong = verify()
    assert "3 right, 0 missing, 0 damaged" in said
    assert not wrong
    assert acts() == []


def test_without_fix_it_only_says_what_fix_would_do(chunks):
    blobs.erase(chunks[0].s3_key)
    damage(chunks[1])
    chunk_bytes.keep(chunks[1], BODIES[1])
    said, wrong = verify()
    assert wrong
    assert "1 right, 1 missing, 1 damaged" in said
    assert "chunk 0: missing; --fix would have it owed again" in said
    assert "chunk 1: damaged; --fix would give it back from the cache" in said
    assert blobs.get(chunks[0].s3_key) is None
    assert blobs.get(chunks[1].s3_key) == b"something else"
    assert AudioChunk.objects.stored().count() == 3
    assert acts() == []


@pytest.mark.parametrize("lose", [lambda chunk: blobs.erase(chunk.s3_key), damage], ids=["missing", "damaged"])
def test_what_the_cache_has_still_is_given_back(chunks, session, lose):
    lose(chunks[1])
    chunk_bytes.keep(chunks[1], BODIES[1])
    said, wrong = verify("--fix")
    assert "1 given back from the cache, 0 owed again" in said
    assert not wrong
    assert blobs.get(chunks[1].s3_key) == BODIES[1]
    assert acts() == ["recording.object_given_back"]
    assert AuditEntry.objects.get(via="command").tenant_id == session.tenant_id
    assert verify() == (verify("--fix")[0].replace(", 0 given back from the cache, 0 owed again", ""), False)


def test_other_bytes_in_the_cache_are_not_given_back(chunks):
    blobs.erase(chunks[1].s3_key)
    chunk_bytes.keep(chunks[1], BODIES[0])
    assert "0 given back from the cache, 1 owed again" in verify("--fix")[0]


def test_what_is_nowhere_is_owed_again_sent_again_and_heard_again(api, agent, session):
    body = encode(speech()[: 16_000 * 2])
    put_chunk(api, session, 0, body)
    sessions.complete(session, total_chunks=1)
    do_all_jobs()
    said_before = conversations.read_call(agent, session.call_id)["conversation"]
    blobs.erase(AudioChunk.objects.get().s3_key)
    said, wrong = verify("--fix")
    assert "0 given back from the cache, 1 owed again" in said
    assert not wrong, "the row says now what the store holds"
    session.refresh_from_db()
    assert session.status == "processing"
    assert sessions.manifest_of(session).state == "incomplete"
    with pytest.raises(ChunksOwed):
        sessions.complete(session, total_chunks=1)
    assert acts() == ["recording.owed_again"]

    assert put_chunk(api, session, 0, encode(tone(1.0))).status_code == 409, "only the same bytes take its place"
    assert put_chunk(api, session, 0, body).status_code == 201
    do_all_jobs()
    session.refresh_from_db()
    assert session.status == "completed"
    assert sessions.manifest_of(session).state == "complete"
    assert conversations.read_call(agent, session.call_id)["conversation"] == said_before
    assert "1 right, 0 missing, 0 damaged" in verify()[0]


def test_an_object_that_comes_back_from_a_backup_is_taken_back(api, session):
    body = encode(tone(1.0))
    put_chunk(api, session, 0, body)
    sessions.complete(session, total_chunks=1)
    do_all_jobs()
    key = AudioChunk.objects.get().s3_key
    blobs.erase(key)
    verify("--fix")
    blobs.put(key, body, content_type="audio/ogg")
    assert not verify("--fix")[1]
    session.refresh_from_db()
    assert (session.status, session.verdict_state) == ("completed", "complete")


def test_a_damaged_object_stays_for_people_to_decide_on(api, session):
    put_chunk(api, session, 0, encode(tone(1.0)))
    do_all_jobs()
    chunk = AudioChunk.objects.get()
    damaged = encode(tone(0.9))
    blobs.put(chunk.s3_key, damaged, content_type="audio/ogg")
    assert verify("--fix")[1], "it is not mended"
    assert blobs.get(chunk.s3_key) == damaged
    assert AudioChunk.objects.get().upload_status == "uploaded"


def test_a_wav_whose_opus_was_lost_is_a_wav_again_when_it_comes_again(api, session):
    body = encode(tone(1.0), container="wav")
    put_chunk(api, session, 0, body)
    do_all_jobs()
    blobs.erase(AudioChunk.objects.get().s3_key)
    verify("--fix")
    again = put_chunk(api, session, 0, body).json()
    assert (again["codec"], again["content_type"]) == ("pcm_s16le", "audio/wav")
    assert blobs.get(again["s3_key"]) == body
    do_all_jobs()
    assert AudioChunk.objects.get().codec == "opus"


def test_one_recording_or_one_company_is_looked_at_alone(chunks, session, stranger):
    other = make_session(stranger)
    put_chunk(bearer(stranger), other, 0, BODIES[0])
    blobs.erase(AudioChunk.objects.get(session=other).s3_key)
    assert verify("--session", str(session.pk))[1] is False
    assert verify("--tenant-id", str(session.tenant_id))[1] is False
    assert "0 right, 1 missing" in verify("--tenant-id", str(stranger.tenant_id))[0]
    assert "no recording" in verify("--session", str(uuid.uuid4()))[0]


def test_it_goes_on_after_the_chunk_where_it_stopped(chunks, monkeypatch):
    monkeypatch.setattr(objects, "MOST_AT_ONCE", 2)
    everything = [verified.chunk.pk for verified in objects.verify(AudioChunk.objects.all())]
    assert everything == sorted(chunk.pk for chunk in chunks)
    assert "2 right" in verify("--after", str(everything[0]))[0]


def test_what_is_erased_meanwhile_is_passed_over(chunks):
    ahead = objects.verify(AudioChunk.objects.all(), fix=True)
    next(ahead)
    AudioChunk.objects.all().delete()
    for chunk in chunks:
        blobs.erase(chunk.s3_key)
    assert list(ahead) == []


def test_a_store_that_is_away_is_said_to_be(chunks, settings):
    there = settings.STORAGES["recordings"]
    options = {**there["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}
    blobs._client.cache_clear()
    settings.STORAGES = {**settings.STORAGES, "recordings": {**there, "OPTIONS": options}}
    try:
        said, wrong = verify("--fix")
    finally:
        blobs._client.cache_clear()
    assert "The object store did not give the chunk back" in said
    assert wrong
    assert AudioChunk.objects.stored().count() == 3


@pytest.fixture
def orphan(session):
    """An object of the recording that no row knows."""
    key = blobs.key_of(session.s3_base_key, 7, "ogg")
    blobs.put(key, b"12345", content_type="audio/ogg")
    yield key
    blobs.erase(key)


def test_old_orphans_are_counted_and_with_fix_removed(chunks, session, orphan, settings):
    settings.EARSHOT_ORPHAN_SECONDS = -5  # The store tells times to the second.
    of_this = ("--orphans", "--session", str(session.pk))
    said, wrong = verify(*of_this)
    assert "Orphaned objects: 1, 5 bytes." in said
    assert wrong
    assert blobs.get(orphan) == b"12345"
    assert acts() == []
    said, wrong = verify(*of_this, "--fix")
    assert "Orphaned objects: 1, 5 bytes. Removed." in said
    assert not wrong
    assert blobs.get(orphan) is None
    assert acts() == ["recording.orphans_removed"]
    assert verify(*of_this) == verify(*of_this)
    assert all(blobs.get(chunk.s3_key) for chunk in chunks)


def test_young_orphans_may_be_on_their_way_to_a_row(chunks, session, orphan):
    said, wrong = verify("--orphans", "--session", str(session.pk), "--fix")
    assert "Orphaned objects: 0" in said
    assert not wrong
    assert blobs.get(orphan)


def test_nobody_can_tell_whose_orphans_are(tenant):
    assert verify("--orphans", "--tenant-id", str(tenant.pk))[1]


def test_one_chunk_is_verified_by_reading_its_object(chunks):
    assert objects.verify_one(chunks[0]).finding is Finding.RIGHT
    damage(chunks[0])
    assert objects.verify_one(chunks[0]).finding is Finding.DAMAGED
