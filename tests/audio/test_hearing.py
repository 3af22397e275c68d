"""What becomes of a stored chunk, with the workers' verbs called in this process."""

import numpy as np
import pytest

from audio import blobs, chunk_bytes, hearing, jobs, progress, sessions
from audio.analysis.evaluation import word_error_rate
from audio.errors import ChunksOwed
from audio.models import AnalysisJob, AudioChunk, AudioSession
from audio.states import KIND_OF_STAGE
from calls import conversations, store
from tests.builders import bearer, do_all_jobs, make_session, purge_queues, put_chunk
from tests.sound import encode, speech, speech_text, tone, undecodable


@pytest.fixture(scope="module")
def some_speech():
    """The first sentence and a bit."""
    return encode(speech()[: 16_000 * 8], container="ogg")


def test_a_recording_is_heard_and_completed(api, agent, session):
    body = encode(speech(), container="ogg")
    assert put_chunk(api, session, 0, body).status_code == 201
    sessions.complete(session, total_chunks=1)
    do_all_jobs()

    chunk = AudioChunk.objects.get()
    assert chunk.processing_status == "completed"
    assert 0.6 < chunk.voice_activity_ratio <= 1
    assert set(chunk.analysis_results) == {*KIND_OF_STAGE}
    skipped = chunk.analysis_results.pop("emotion")
    assert (skipped["state"], "does not tell" in skipped["reason"]) == ("skipped", True)
    for stage in chunk.analysis_results.values():
        assert (stage["state"], stage["ms"] >= 0) == ("completed", True)
        assert all(stage[name] for name in ("engine", "model", "version"))
    assert chunk.analysis_results["transcription"]["engine"] == "pocketsphinx"
    assert chunk.received_at <= chunk.stored_at <= chunk.analysed_at <= chunk.transcribed_at <= chunk.announced_at

    call = conversations.read_call(agent, session.call_id)
    said = " ".join(segment["text"] for segment in call["conversation"])
    assert word_error_rate(speech_text(), said) < 0.4
    times = [segment["start_time"] for segment in call["conversation"]]
    assert times == sorted(times)
    assert (call["status"], call["duration"]) == ("completed", pytest.approx(26.7, abs=0.1))
    session.refresh_from_db()
    assert session.status == "completed"
    assert session.total_duration_seconds == pytest.approx(26.7, abs=0.1)


def test_hearing_a_chunk_again_leaves_its_words_in_the_call_once(api, agent, supervisor, session, some_speech):
    put_chunk(api, session, 0, some_speech)
    do_all_jobs()
    before = conversations.read_call(agent, session.call_id)["conversation"]
    response = bearer(supervisor).post(f"/api/audio/sessions/{session.pk}/chunks/0/retry")
    assert (response.status_code, response.json()["processing_status"]) == (200, "pending")
    do_all_jobs()
    assert before
    assert conversations.read_call(agent, session.call_id)["conversation"] == before


def test_words_lie_where_their_chunk_lies(api, agent, session, some_speech):
    for index in (1, 0):
        put_chunk(api, session, index, some_speech, HTTP_X_START_TIME=str(index * 8))
    do_all_jobs()
    conversation = conversations.read_call(agent, session.call_id)["conversation"]
    assert {segment["chunk_index"] for segment in conversation} == {0, 1}
    assert all((segment["start_time"] >= 8) == (segment["chunk_index"] == 1) for segment in conversation)
    assert conversation == sorted(conversation, key=lambda segment: segment["start_time"])


def test_two_channels_tell_who_speaks(api, agent, some_speech):
    session = make_session(agent, channels=2)
    samples = speech()[: 16_000 * 8]
    put_chunk(api, session, 0, encode(np.stack([np.zeros_like(samples), samples]), container="ogg"))
    do_all_jobs()
    speakers = {segment["speaker"] for segment in conversations.read_call(agent, session.call_id)["conversation"]}
    assert speakers == {"client"}


def test_a_tone_is_no_speech_and_no_failure(api, agent, session):
    put_chunk(api, session, 0, encode(tone(3.0), container="ogg"))
    do_all_jobs()
    chunk = AudioChunk.objects.get()
    assert (chunk.processing_status, chunk.transcription) == ("completed", "")
    assert chunk.voice_activity_ratio < 0.1


def test_what_demuxes_but_does_not_decode_ends_failed_and_keeps_its_object(api, agent, session):
    body = undecodable()
    response = put_chunk(api, session, 0, body)
    assert response.status_code == 201
    with pytest.raises(ChunksOwed):
        sessions.complete(session, total_chunks=2)
    put_chunk(api, session, 1, encode(tone(1.0), container="ogg"))
    do_all_jobs()
    failed, fine = AudioChunk.objects.order_by("chunk_index")
    assert (failed.processing_status, fine.processing_status) == ("failed", "completed")
    assert failed.error
    assert blobs.get(failed.s3_key) == body
    session.refresh_from_db()
    assert session.status == "completed"


def test_a_session_of_which_nothing_could_be_heard_is_failed(api, agent, session):
    put_chunk(api, session, 0, encode(tone(1.0), container="ogg"))
    sessions.complete(session, total_chunks=1)
    blobs.put(AudioChunk.objects.get().s3_key, b"no longer sound", content_type="audio/ogg")
    chunk_bytes.drop(AudioChunk.objects.get())
    do_all_jobs()
    session.refresh_from_db()
    assert session.status == "failed"
    assert conversations.read_call(agent, session.call_id)["status"] == "failed"


def test_a_late_chunk_reopens_a_completed_session(api, agent, session, some_speech):
    put_chunk(api, session, 0, some_speech)
    sessions.complete(session, total_chunks=1)
    do_all_jobs()
    put_chunk(api, session, 1, some_speech)
    session.refresh_from_db()
    assert session.status == "processing"
    do_all_jobs()
    session.refresh_from_db()
    assert session.status == "completed"


def test_a_chunk_whose_worker_dies_every_time_ends_failed_by_the_sweep(api, session, settings):
    put_chunk(api, session, 0, encode(tone(1.0), container="ogg"))
    job = AnalysisJob.objects.get()
    for attempt in range(settings.EARSHOT_MOST_ATTEMPTS):
        assert jobs.claim(job.pk, task_id=f"task-{attempt}"), "a claim whose worker then dies"
        AnalysisJob.objects.update(lease_until="2000-01-01T00:00:00Z")
        purge_queues()
        progress.sweep()
    chunk = AudioChunk.objects.get()
    assert (chunk.processing_status, chunk.attempts) == ("failed", settings.EARSHOT_MOST_ATTEMPTS)
    assert chunk.error == progress.WORKER_DIED


def test_an_attempt_does_not_count_while_a_store_is_away(api, session, settings):
    put_chunk(api, session, 0, encode(tone(1.0), container="ogg"))
    recordings = settings.STORAGES["recordings"]
    away = {**recordings, "OPTIONS": {**recordings["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}}
    job = AnalysisJob.objects.get()
    chunk_bytes.drop(job.chunk)
    blobs._client.cache_clear()
    settings.STORAGES, before = {**settings.STORAGES, "recordings": away}, settings.STORAGES
    hearing.work(job.pk, task_id="a")
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("waiting", 0)
    settings.STORAGES = before
    blobs._client.cache_clear()
    do_all_jobs()
    assert AudioChunk.objects.get().processing_status == "completed"


def test_a_job_whose_chunk_was_erased_ends_quietly(api, session):
    put_chunk(api, session, 0, encode(tone(1.0), container="ogg"))
    job = AnalysisJob.objects.get()
    session.delete()
    hearing.work(job.pk, task_id="a")
    assert not AnalysisJob.objects.exists()


def test_a_chunk_that_is_being_heard_is_not_tried_again_meanwhile(api, supervisor, session):
    put_chunk(api, session, 0, encode(tone(1.0)))
    response = bearer(supervisor).post(f"/api/audio/sessions/{session.pk}/chunks/0/retry")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "chunk_busy")
    do_all_jobs()
    assert AudioChunk.objects.get().processing_status == "completed"


def test_a_worker_that_wakes_after_another_has_finished_changes_nothing(api, session):
    put_chunk(api, session, 0, encode(tone(1.0)))
    sessions.complete(session, total_chunks=1)
    job = AnalysisJob.objects.get()
    late = progress.begin(job.pk, task_id="late")
    AnalysisJob.objects.update(lease_until="2000-01-01T00:00:00Z")
    hearing.work(job.pk, task_id="quick")
    do_all_jobs()
    hearing.WORK[late.kind](late)
    progress.give_up(late, error="too late")
    assert AudioChunk.objects.get().processing_status == "completed"
    session.refresh_from_db()
    assert session.status == "completed"
    assert not AnalysisJob.objects.unfinished().exists()


def test_the_sweep_ends_a_session_that_could_not_be_ended_when_its_last_chunk_was_heard(api, agent, session):
    put_chunk(api, session, 0, encode(tone(1.0)))
    do_all_jobs()
    # As complete leaves it when MongoDB is away: the total is known, the call was not told.
    AudioSession.objects.update(total_chunks=1, status="processing", updated_at="2000-01-01T00:00:00Z")
    purge_queues()
    progress.sweep()
    session.refresh_from_db()
    assert session.status == "completed"
    assert conversations.read_call(agent, session.call_id)["status"] == "completed"


def test_one_job_that_cannot_be_helped_does_not_keep_the_sweep_from_the_others(api, agent, session, settings):
    put_chunk(api, session, 0, encode(tone(1.0)))
    sessions.complete(session, total_chunks=1)
    other = make_session(agent)
    put_chunk(api, other, 0, encode(tone(1.0)))
    AnalysisJob.objects.update(dispatched_at="2000-01-01T00:00:00Z")
    AnalysisJob.objects.filter(chunk__session=session).update(
        attempts=settings.EARSHOT_MOST_ATTEMPTS, dispatched_at="1999-01-01T00:00:00Z"
    )
    store.close()
    settings.EARSHOT_MONGODB_URL, before = (
        "mongodb://127.0.0.1:9/earshot?serverSelectionTimeoutMS=200",
        (settings.EARSHOT_MONGODB_URL),
    )
    try:
        purge_queues()
        progress.sweep()
    finally:
        store.close()
        settings.EARSHOT_MONGODB_URL = before
    assert AnalysisJob.objects.get(chunk__session=other).dispatched_at.year > 2000
    purge_queues()
    progress.sweep()
    assert AudioChunk.objects.get(session=session).processing_status == "failed"


def test_words_for_a_call_that_was_deleted_end_the_chunk_at_once(api, agent, session, some_speech):
    put_chunk(api, session, 0, some_speech)
    store.change(tenant_id=agent.tenant_id, call_id=session.call_id, values={"deleted": 1})
    do_all_jobs()
    chunk = AudioChunk.objects.get()
    assert (chunk.processing_status, chunk.attempts) == ("failed", 1)
