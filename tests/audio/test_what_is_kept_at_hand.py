"""What Redis holds of a recording, and what happens when it does not."""

import uuid
from datetime import timedelta

import orjson
import pytest
from django.utils import timezone

from audio import blobs, cache, chunk_bytes, chunks, live_state, rollups
from audio.models import AudioChunk
from metrics import timings
from tests.builders import do_all_jobs, put_chunk
from tests.sound import encode, speech, tone

SECOND = encode(tone(1.0))


def durable(session):
    kept = live_state._client().hgetall(live_state.SESSION_KEY.format(session_id=session.pk))
    return {name.decode(): value.decode() for name, value in kept.items()}


def test_how_a_recording_stands(api, agent, session):
    put_chunk(api, session, 0, SECOND)
    standing = durable(session)
    assert set(standing) == {
        "user_id",
        "start_time",
        "current_chunk",
        "last_activity",
        "total_duration",
        "status",
    }
    assert (standing["user_id"], standing["current_chunk"], standing["status"]) == (str(agent.pk), "0", "recording")
    assert 0 < live_state._client().ttl(live_state.SESSION_KEY.format(session_id=session.pk)) <= 4 * 3600


def test_a_chunk_is_at_hand_until_it_has_been_heard(api, session):
    put_chunk(api, session, 0, SECOND)
    assert cache.get(f"audio:chunk:{session.pk}:0") == SECOND
    do_all_jobs()
    assert cache.get(f"audio:chunk:{session.pk}:0") is None


def test_bytes_in_the_cache_that_are_not_the_chunks_are_not_believed(api, session):
    put_chunk(api, session, 0, SECOND)
    cache.put(f"audio:chunk:{session.pk}:0", b"another's", life_seconds=60)
    assert chunk_bytes.read(AudioChunk.objects.get()) == SECOND


def test_a_recording_in_a_few_figures(api, session):
    put_chunk(api, session, 0, encode(speech()[: 16_000 * 8]))
    put_chunk(api, session, 1, encode(tone(2.0)))
    do_all_jobs()
    session.refresh_from_db()
    figures = rollups.of(session)
    assert (figures["analysed_chunks"], figures["failed_chunks"]) == (2, 0)
    assert figures["sound_seconds"] == pytest.approx(10, abs=0.1)
    assert 4 < figures["talk_seconds"] < 9
    assert figures["talk_seconds"] + figures["silence_seconds"] == pytest.approx(figures["sound_seconds"])
    assert orjson.loads(cache.get(f"analysis:{session.pk}")) == figures


def test_the_figures_are_new_after_each_chunk(api, session):
    assert api.get(f"/api/audio/sessions/{session.pk}").json()["analysis"]["analysed_chunks"] == 0
    put_chunk(api, session, 0, SECOND)
    do_all_jobs()
    assert api.get(f"/api/audio/sessions/{session.pk}").json()["analysis"]["analysed_chunks"] == 1


def test_figures_of_an_erased_recording_are_no_news(db):
    rollups.make_for(uuid.uuid4())


@pytest.fixture
def without_redis(settings):
    """Neither of the two answers."""
    clients = (
        cache._client,
        live_state._client,
        live_state._quick_client,
        live_state._appending_client,
        live_state._append,
        live_state._count,
    )
    for client in clients:
        client.cache_clear()
    settings.EARSHOT_CACHE_URL = settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    yield
    for client in clients:
        client.cache_clear()


def test_without_redis_chunks_are_stored_and_heard_all_the_same(api, session, without_redis):
    assert put_chunk(api, session, 0, SECOND).status_code == 201
    do_all_jobs()
    assert api.get(f"/api/audio/sessions/{session.pk}").json()["analysis"]["analysed_chunks"] == 1


def test_how_long_a_chunk_was_under_way_is_counted(api, session):
    captured_at = timezone.now() - timedelta(seconds=2)
    put_chunk(api, session, 0, SECOND, HTTP_X_CAPTURED_AT=captured_at.isoformat())
    do_all_jobs()
    timings.flush()
    hops = {one.operation: one for one in timings.summary() if one.operation.startswith("hop.")}
    assert set(hops) >= {
        "hop.captured_to_received",
        "hop.received_to_stored",
        "hop.stored_to_analysed",
        "hop.analysed_to_transcribed",
        "hop.transcribed_to_announced",
        "hop.captured_to_announced",
    }
    assert hops["hop.captured_to_received"].p99_ms >= 1900


# --- Uploads that did not end ---


def left_behind(session, *, age=61, object_stored=True):
    """As an upload leaves it whose process was killed before the row was marked."""
    chunks.accept(session, index=0, body=SECOND, declared=chunks.Declared())
    chunk = AudioChunk.objects.get()
    chunk.jobs.all().delete()
    AudioChunk.objects.update(
        upload_status="uploading",
        stored_at=None,
        stored_checksum="",
        claimed_at=timezone.now() - timedelta(seconds=age),
    )
    if not object_stored:
        blobs.erase(chunk.s3_key)


def test_an_upload_that_lacked_only_its_mark_is_acknowledged_and_heard(session):
    left_behind(session)
    chunks.settle_claims()
    do_all_jobs()
    chunk = AudioChunk.objects.get()
    assert (chunk.upload_status, chunk.processing_status) == ("uploaded", "completed")


def test_one_whose_object_is_not_there_has_to_be_sent_again(api, session):
    left_behind(session, object_stored=False)
    chunks.settle_claims()
    chunk = AudioChunk.objects.get()
    assert (chunk.upload_status, chunk.error) == ("failed", chunks.NOT_FINISHED)
    assert put_chunk(api, session, 0, SECOND).status_code == 201
    assert AudioChunk.objects.get().error == ""


def test_one_that_may_be_under_way_still_is_left_alone(session):
    left_behind(session, age=30)
    chunks.settle_claims()
    assert AudioChunk.objects.get().upload_status == "uploading"
