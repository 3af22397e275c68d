"""What comes late for somebody who has been erased is dropped, and nothing tells that it came."""

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone
from structlog.testing import capture_logs

from audio import blobs, forgotten, hearing, live_state, progress, sessions
from audio.errors import UnknownSession
from audio.models import AnalysisJob, AudioChunk, AudioSession
from calls import conversations, store
from metrics import keyring
from metrics.models import Forgotten
from tests.builders import bearer, do_all_jobs, make_user, purge_queues, put_chunk
from tests.sound import encode, speech, tone
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def sound():
    return encode(tone(1.0), container="ogg")


def forget(user):
    forgotten.forget(user.tenant_id, f"user:{user.pk}")


def everything_of(session):
    """What the stores hold of a session: rows, events, objects and words."""
    chunks = [*AudioChunk.objects.filter(session=session).order_by("chunk_index").values()]
    call = store.find({"tenant_id": session.tenant_id, "call_id": session.call_id})
    return (
        [*AudioSession.objects.filter(pk=session.pk).values()],
        chunks,
        [*AnalysisJob.objects.filter(chunk__session=session).order_by("pk").values()],
        live_state.latest_seq(str(session.pk)),
        [blobs.get(f"{session.s3_base_key}chunk_{index:04d}.ogg") for index in range(3)],
        call,
    )


def test_a_late_chunk_is_answered_as_if_there_were_no_session(api, agent, session, sound):
    put_chunk(api, session, 0, sound)
    before = everything_of(session)
    forget(agent)
    late, again = put_chunk(api, session, 1, sound), put_chunk(api, session, 0, sound)
    assert everything_of(session) == before
    session.chunks.all().delete()
    AudioSession.objects.filter(pk=session.pk).delete()
    absent = put_chunk(api, session, 1, sound)
    assert (late.status_code, late.json()) == (again.status_code, again.json()) == (absent.status_code, absent.json())
    assert absent.status_code == 404


def test_nothing_begins_or_ends_for_somebody_who_has_been_erased(api, agent, supervisor, session, sound):
    put_chunk(api, session, 0, sound)
    do_all_jobs()
    before = everything_of(session)
    forget(agent)
    known = api.post("/api/audio/sessions", {"id": str(session.pk)}, format="json")
    new = api.post("/api/audio/sessions", {}, format="json")
    complete = api.post(f"/api/audio/sessions/{session.pk}/complete", {"total_chunks": 1}, format="json")
    retry = bearer(supervisor).post(f"/api/audio/sessions/{session.pk}/chunks/0/retry")
    for response in (known, new, complete, retry):
        assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_session")
    assert everything_of(session) == before
    assert AudioSession.objects.count() == 1


def test_colleagues_go_on_recording(tenant, agent, sound):
    forget(agent)
    colleague = bearer(make_user(tenant, "agent"))
    session_id = colleague.post("/api/audio/sessions", {}, format="json").json()["id"]
    assert put_chunk(colleague, session_id, 0, sound).status_code == 201
    do_all_jobs()
    assert AudioChunk.objects.get().processing_status == "completed"


def test_a_job_that_is_still_to_be_done_ends_quietly(api, agent, session, sound):
    put_chunk(api, session, 0, sound)
    before = everything_of(session)
    forget(agent)
    with capture_logs() as logs:
        hearing.work(AnalysisJob.objects.get().pk, task_id="late")
    assert [(line["event"], line["log_level"]) for line in logs] == [("chunk_gone", "info")]
    assert everything_of(session) == before


@pytest.mark.parametrize("kind", ["analysis", "transcription"])
def test_what_a_worker_found_out_meanwhile_is_dropped(api, agent, session, kind):
    put_chunk(api, session, 0, encode(speech()[: 16_000 * 4], container="ogg"))
    if kind == "transcription":
        hearing.work(AnalysisJob.objects.get().pk, task_id="first")
    late = progress.begin(AnalysisJob.objects.get(kind=kind).pk, task_id="late")
    before = everything_of(session)
    forget(agent)
    with pytest.raises(UnknownSession):
        hearing.WORK[late.kind](late)
    with pytest.raises(UnknownSession):
        progress.give_up(late, error="too late")
    assert everything_of(session) == before


def test_the_sweep_leaves_what_is_being_erased(api, agent, session, sound, settings):
    put_chunk(api, session, 0, sound)
    AnalysisJob.objects.update(attempts=settings.EARSHOT_MOST_ATTEMPTS, dispatched_at="2000-01-01T00:00:00Z")
    before = everything_of(session)
    forget(agent)
    with capture_logs() as logs:
        purge_queues()
        progress.sweep()
    assert [(line["event"], line["log_level"]) for line in logs] == [("session_gone", "info")]
    assert everything_of(session) == before


def test_an_object_that_was_on_its_way_while_its_session_was_erased_is_removed(agent, api, session, sound):
    """The upload has passed the first question and stored its object when the user is forgotten."""
    answers = []

    def upload():
        answers.append(put_chunk(api, session, 0, sound))
        connection.close()

    uploading = threading.Thread(target=upload)
    with transaction.atomic():
        forgotten._register._lock(agent.tenant_id)
        uploading.start()
        chunk = wait_until(AudioChunk.objects.first, what="the chunk's row")
        wait_until(lambda: blobs.get(chunk.s3_key), what="the chunk's object")
        digest = keyring.digest(agent.tenant_id, session.person_key)
        Forgotten.objects.create(scope="audio", tenant_id=agent.tenant_id, digest=digest, at=timezone.now())
    uploading.join()
    assert answers[0].status_code == 404
    assert blobs.get(chunk.s3_key) is None
    assert AudioChunk.objects.get().upload_status == "uploading"


def test_a_session_that_was_erased_meanwhile_takes_nothing_in(api, session, sound):
    AudioSession.objects.filter(pk=session.pk).delete()
    with pytest.raises(UnknownSession):
        sessions.complete(session, total_chunks=1)
    assert put_chunk(api, session, 0, sound).status_code == 404


@pytest.mark.usefixtures("archive_away")
def test_recording_needs_no_archive_while_nobody_is_forgotten(api, agent, session, sound):
    assert put_chunk(api, session, 0, sound).status_code == 201
    do_all_jobs()
    assert AudioChunk.objects.get().processing_status == "completed"
    assert conversations.read_call(agent, session.call_id)["duration"] > 0


def test_who_is_forgotten_cannot_be_told_without_the_archive_so_the_chunk_is_to_be_sent_again(
    api, tenant, session, sound, request
):
    put_chunk(api, session, 0, sound)
    forget(make_user(tenant, "agent"))
    request.getfixturevalue("archive_away")
    response = put_chunk(api, session, 1, sound)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "archive_unavailable")
    assert int(response["Retry-After"]) > 0
    job = AnalysisJob.objects.get()
    with capture_logs() as logs:
        hearing.work(job.pk, task_id="early")
    assert [line["event"] for line in logs] == ["job_postponed"]
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("waiting", 0)
