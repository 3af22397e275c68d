"""Accepting a chunk when something dies or hurries in between."""

import socket
import threading
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from audio import blobs, chunks, live_state
from audio.chunks import Declared
from audio.errors import ChunkConflict, StoreUnavailable, UploadInProgress
from audio.models import AnalysisJob, AudioChunk
from tests.builders import do_all_jobs
from tests.sound import encode, tone


@pytest.fixture(scope="module")
def sound():
    return encode(tone(1.0), container="ogg")


def accept(session, body, index=0):
    return chunks.accept(session, index=index, body=body, declared=Declared())


def leave_claim(session, body, *, age, status="uploading"):
    """As an upload leaves it whose process was killed before the object was stored."""
    accept(session, body)
    AudioChunk.objects.get().jobs.all().delete()
    AudioChunk.objects.update(upload_status=status, stored_at=None, claimed_at=timezone.now() - timedelta(seconds=age))


def test_the_same_bytes_take_over_an_upload_that_died(session, sound):
    leave_claim(session, sound, age=61)
    chunk, is_new = accept(session, sound)
    assert is_new
    assert chunk.upload_status == "uploaded"
    assert chunk.jobs.count() == 1


def test_the_same_bytes_wait_while_an_upload_is_under_way(session, sound):
    leave_claim(session, sound, age=5)
    with pytest.raises(UploadInProgress):
        accept(session, sound)


@pytest.mark.parametrize("age", [5, 61, 99999])
def test_other_bytes_never_take_a_claim_over(session, sound, age):
    leave_claim(session, sound, age=age)
    with pytest.raises(ChunkConflict):
        accept(session, encode(tone(1.5), container="ogg"))
    assert blobs.get(AudioChunk.objects.get().s3_key) == sound


def test_an_upload_that_the_store_refused_may_be_sent_again_at_once(session, sound):
    leave_claim(session, sound, age=0, status="failed")
    _, is_new = accept(session, sound)
    assert is_new


def test_a_store_that_is_away_keeps_no_chunk_and_says_so(session, sound, settings):
    blobs._client.cache_clear()
    recordings = settings.STORAGES["recordings"]
    away = {**recordings, "OPTIONS": {**recordings["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}}
    try:
        settings.STORAGES = {**settings.STORAGES, "recordings": away}
        with pytest.raises(StoreUnavailable):
            accept(session, sound)
    finally:
        blobs._client.cache_clear()
    chunk = AudioChunk.objects.get()
    assert chunk.upload_status == "failed"
    assert not chunk.jobs.exists()


def test_ten_uploads_of_one_chunk_at_once_end_in_one_row_one_job_one_object(session, sound):
    start = threading.Barrier(10)
    outcomes = []

    def upload():
        start.wait()
        try:
            outcomes.append(accept(session, sound)[1])
        except UploadInProgress:
            outcomes.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(True) == 1
    assert len(outcomes) == 10
    assert AudioChunk.objects.get().jobs.count() == 1
    assert blobs.get(AudioChunk.objects.get().s3_key) == sound


def test_an_upload_that_was_overtaken_does_not_restart_what_has_ended(session, sound):
    """The slow one's put ends after another upload of the same bytes has been stored and heard."""
    real_put = blobs.put
    overtaken = []

    def slow_put(key, body, *, content_type):
        real_put(key, body, content_type=content_type)
        if not overtaken:
            overtaken.append(True)
            AudioChunk.objects.update(claimed_at=timezone.now() - timedelta(seconds=61))
            assert accept(session, sound)[1]
            do_all_jobs()

    with patch.object(blobs, "put", slow_put):
        chunk, is_new = accept(session, sound)
    assert not is_new
    assert chunk.processing_status == "completed"
    assert not AnalysisJob.objects.unfinished().exists()


def test_a_broker_that_hangs_does_not_hold_up_an_upload(session, sound, settings):
    """Redis accepts connections and never answers; the sweep makes good what it did not hear."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EARSHOT_REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        live_state._appending_client.cache_clear()
        live_state._append.cache_clear()
        try:
            chunk, is_new = accept(session, sound)
        finally:
            live_state._appending_client.cache_clear()
            live_state._append.cache_clear()
    assert is_new
    assert chunk.upload_status == "uploaded"
