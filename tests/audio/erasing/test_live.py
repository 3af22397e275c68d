"""A recording that goes on while somebody in it is erased takes nothing more in."""

import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction

from audio import blobs, chunks, hearing, live_state, peaks, progress, sessions
from audio.erasing import live, sound
from audio.errors import UnknownSession
from audio.models import AnalysisJob, AudioChunk, AudioSession, ChunkPeaks
from calls import conversations
from metrics.erasing import Share
from tests.audio.erasing.conftest import keys_of, record, subject_of
from tests.builders import put_chunk
from tests.sockets import close_code, first_frame, heard, ticket_of, visit
from tests.sound import encode, tone
from tests.waiting import wait_until

SHARES = [Share.WHOLE, Share.CLIENT]


def requests_of(api, session, body):
    address = f"/api/audio/sessions/{session.pk}"
    yield lambda: put_chunk(api, session, 1, body)
    yield lambda: put_chunk(api, session, 0, body)
    yield lambda: api.post(f"{address}/gaps", {"start": 1, "cause": "pause"}, format="json")
    said = {"given": True, "by": "Cleo", "wording": "May we record?"}
    yield lambda: api.post(f"{address}/consent", said, format="json")
    yield lambda: api.post(f"{address}/upload-token")
    yield lambda: api.post(f"{address}/complete", {"total_chunks": 1}, format="json")
    yield lambda: api.post("/api/audio/sessions", {"id": str(session.pk)}, format="json")
    form = {"session_id": str(session.pk), "total_chunks": 1}
    yield lambda: api.post("/api/audio/session-complete", form, format="json")


@pytest.mark.parametrize("share", SHARES)
def test_nothing_is_taken_in_any_more(agent, api, of_two, share):
    session = record(agent, of_two, chunks=1, ended=False, channels=2)
    subject = subject_of(session, share, contact_id=3)
    assert live.count(subject) == live.search(subject) == 1
    assert live.erase(subject) == 1
    assert live.count(subject) == live.search(subject) == live.erase(subject) == 0
    before = AudioSession.objects.values().get(), list(AudioChunk.objects.values()), keys_of(session)
    for request in requests_of(api, session, of_two):
        answer = request()
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_session")
    assert (AudioSession.objects.values().get(), list(AudioChunk.objects.values()), keys_of(session)) == before


def test_late_chunks_of_one_that_has_ended_are_refused_too(agent, api, of_two):
    session = record(agent, of_two, chunks=1, channels=2)
    assert live.erase(subject_of(session, Share.CLIENT)) == 0
    assert put_chunk(api, session, 1, of_two).status_code == 404


def test_a_recording_that_stays_in_part_ends_and_so_does_its_call(agent, of_two):
    session = record(agent, of_two, chunks=1, ended=False, channels=2)
    live.erase(subject_of(session, Share.CLIENT))
    session.refresh_from_db()
    assert (session.status, session.erased_side, session.total_chunks) == ("completed", "client", 1)
    assert conversations.read_call(agent, session.call_id)["status"] == "completed"


def test_what_was_to_be_heard_stays_unheard(agent, of_two):
    session = record(agent, of_two, chunks=2, heard=False, ended=False, channels=2)
    subject = subject_of(session, Share.AGENT)
    # The recording and its two jobs.
    assert live.count(subject) == live.search(subject) == 3
    assert live.erase(subject) == 3
    assert not AnalysisJob.objects.exists()
    assert set(AudioChunk.objects.values_list("processing_status", "error")) == {("failed", sessions.CLOSED)}
    session.refresh_from_db()
    assert session.status == "failed"
    progress.sweep()
    assert live.count(subject) == live.search(subject) == 0


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", ["analysis", "transcription", "interpretation"])
def test_what_a_worker_found_out_meanwhile_is_dropped(agent, of_two, share, kind):
    session = record(agent, of_two, chunks=1, heard=False, ended=False, channels=2)
    while not (due := AnalysisJob.objects.filter(kind=kind).first()):
        hearing.work(AnalysisJob.objects.get(state="waiting").pk, task_id="before")
    late = progress.begin(due.pk, task_id="late")
    live.erase(subject_of(session, share))
    before = list(AudioChunk.objects.values()), list(ChunkPeaks.objects.values())
    with pytest.raises(UnknownSession):
        hearing.WORK[late.kind](late)
    with pytest.raises(UnknownSession):
        progress.give_up(late, error="too late")
    assert (list(AudioChunk.objects.values()), list(ChunkPeaks.objects.values())) == before
    assert not AnalysisJob.objects.filter(state__in=["waiting", "running"]).exists()


def test_opus_that_a_worker_makes_meanwhile_leaves_no_object(agent):
    session = record(agent, encode(tone(2.0), container="wav"), chunks=1, heard=False, ended=False)
    while not (due := AnalysisJob.objects.filter(kind="transcoding").first()):
        hearing.work(AnalysisJob.objects.filter(state="waiting").first().pk, task_id="before")
    late = progress.begin(due.pk, task_id="late")
    subject = subject_of(session)
    live.erase(subject)
    sound.erase(subject)
    # What it has read already.
    blobs.put(late.chunk.s3_key, encode(tone(2.0), container="wav"), content_type="audio/wav")
    with pytest.raises(UnknownSession):
        hearing.WORK[late.kind](late)
    assert keys_of(session) == [late.chunk.s3_key]


def test_peaks_that_are_made_meanwhile_are_dropped(agent, of_two):
    session = record(agent, of_two, chunks=1, channels=2)
    ChunkPeaks.objects.all().delete()
    unmeasured = AudioChunk.objects.select_related("session").get()
    live.erase(subject_of(session, Share.AGENT))
    with pytest.raises(UnknownSession):
        peaks._make(unmeasured)
    assert not ChunkPeaks.objects.exists()
    assert not peaks.unmeasured().exists()


@pytest.mark.parametrize("share", SHARES)
def test_an_upload_that_had_stored_its_object_takes_it_away(agent, api, of_two, share):
    session = record(agent, of_two, chunks=0, ended=False, channels=2)
    answers = []

    def upload():
        answers.append(put_chunk(api, session, 0, of_two))
        connection.close()

    uploading = threading.Thread(target=upload)
    with transaction.atomic():
        sessions.lock(session)
        uploading.start()
        chunk = wait_until(AudioChunk.objects.first, what="the chunk's row")
        wait_until(lambda: blobs.get(chunk.s3_key), what="the chunk's object")
        AudioSession.objects.update(erased_side="client")
    uploading.join()
    assert answers[0].status_code == 404
    assert keys_of(session) == []
    assert not AudioChunk.objects.exists()


def test_the_sweep_takes_away_what_an_upload_left_that_died(agent, of_two):
    session = record(agent, of_two, chunks=1, heard=False, ended=False, channels=2)
    AudioChunk.objects.update(upload_status="uploading", claimed_at="2000-01-01T00:00:00Z")
    live.erase(subject_of(session, Share.CLIENT))
    chunks.settle_claims()
    assert keys_of(session) == []
    assert not AudioChunk.objects.exists()


def test_those_who_watch_it_are_shown_out(agent, supervisor, of_two):
    session = record(agent, of_two, chunks=1, ended=False, channels=2)

    async def story(socket):
        await first_frame(socket)
        await sync_to_async(wait_until)(lambda: live_state.watchers(str(session.pk)))
        await sync_to_async(live.erase)(subject_of(session))
        return await close_code(socket)

    assert visit(f"/ws/audio/{session.pk}?ticket={ticket_of(supervisor)}", story) == 4403


def test_those_who_watch_what_stays_are_shown_that(agent, supervisor, of_two):
    session = record(agent, of_two, chunks=1, channels=2)

    async def story(socket):
        await first_frame(socket)
        await sync_to_async(wait_until)(lambda: live_state.watchers(str(session.pk)))
        await sync_to_async(live.erase)(subject_of(session, Share.CLIENT))
        return await first_frame(socket)

    shown = visit(f"/ws/audio/{session.pk}?ticket={ticket_of(supervisor)}", story)
    assert '"reset":true' in shown
    assert '"erased_side":"client"' in shown


def test_the_page_of_all_that_goes_on_is_told(tenant, agent, of_two):
    session = record(agent, of_two, chunks=0, ended=False, channels=2)
    told = heard(f"audio.live.{tenant.pk}", lambda: live.erase(subject_of(session)))
    assert {"type": "recording.changed", "session_id": str(session.pk)} in told
