"""How much there is of everything, told by whoever knows it."""

from datetime import timedelta

import pytest
import redis
from celery import current_app
from django.conf import settings
from django.utils import timezone

from audio import figures as of_recordings
from audio import live_state
from audio.models import AnalysisJob
from calls import figures as of_calls
from calls import intake, opening
from calls.models import IndexedCall
from config import figures, queues
from metrics import gauges
from tests.audio.test_jobs import make_job
from tests.builders import make_session, make_user, purge_queues


@pytest.fixture(autouse=True)
def nothing_told():
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).delete(gauges.KEY, live_state.SEEN_KEY, live_state.CONNECTIONS_KEY)


def told(name):
    found = [gauge for gauge in gauges.all_told() if gauge.name == name]
    return {tuple(gauge.labels.values()): gauge.value for gauge in found}


@pytest.fixture
def session(tenant):
    return make_session(make_user(tenant, "agent"))


def test_what_is_to_be_heard_and_who_records(session):
    job = make_job(session)
    AnalysisJob.objects.filter(pk=job.pk).update(dispatched_at=timezone.now() - timedelta(seconds=90))
    AnalysisJob.objects.create(
        chunk=job.chunk, kind="transcription", state="failed", dispatched_at=timezone.now(), ended_at=timezone.now()
    )
    live_state.see_socket("one", str(session.pk))
    of_recordings.tell_gauges()
    jobs = told("audio.jobs")
    assert (jobs["analysis", "waiting"], jobs["analysis", "running"], jobs["transcription", "failed"]) == (1, 0, 1)
    assert len(jobs) == 4 * 3
    assert 89 < told("audio.oldest_job_seconds")["analysis",] < 600
    assert told("audio.oldest_job_seconds")["transcription",] == 0
    assert told("audio.chunks_waiting") == {(): 1}
    assert told("audio.recordings") == {(): 1}
    assert told("audio.sockets") == {(): 1}


def test_work_that_is_done_is_not_told_of_any_more(session):
    job = make_job(session)
    AnalysisJob.objects.filter(pk=job.pk).update(state="completed", ended_at=timezone.now())
    of_recordings.tell_gauges()
    assert set(told("audio.jobs").values()) == {0}
    assert told("audio.chunks_waiting") == {(): 0}


def test_tasks_that_wait_by_their_queues():
    purge_queues()
    for _ in range(3):
        current_app.send_task("audio.make_peaks", args=["x"], queue="storage")
    figures.tell_queues()
    purge_queues()
    waiting = told("workers.waiting")
    assert waiting["storage",] == 3
    assert set(waiting) == {(queue,) for queue in queues.names()}
    assert told("workers.unacknowledged") == {(): 0}


def test_calls_that_wait_to_be_found(tenant):
    IndexedCall.objects.create(tenant=tenant, call_id="one", stale_since=timezone.now())
    of_calls.tell_gauges()
    assert told("search.calls_waiting") == {(): 1}
    assert told("search.segments_waiting") == {(): 0}


def test_how_large_and_how_full_the_stores_are(session, tenant):
    make_job(session)
    opening.insert_calls([])
    of_recordings.tell_sizes()
    of_calls.tell_sizes()
    figures.tell_stores()
    sizes, shares = told("store.bytes"), told("store.share")
    assert set(sizes) == {("disk",), ("mongodb",), ("postgresql",), ("recordings",), ("redis",)}
    assert sizes["postgresql",] > 1_000_000
    assert sizes["redis",] > 500_000
    assert {("disk",), ("redis",)} <= set(shares)
    assert all(0 < share < 1 for share in shares.values())
    assert () in told("calls.stored")


def test_the_queue_of_conversations_is_as_full_as_its_fuller_side(intake_queue, tenant, settings):
    settings.EARSHOT_INTAKE_MOST_QUEUED = 4
    intake.queue_conversation("5", "web", "User: hello", tenant_id=tenant.pk)
    intake.tell_gauges()
    assert told("intake.share") == {(): 0.25}
    settings.EARSHOT_INTAKE_MOST_BYTES = 1
    intake.tell_gauges()
    assert told("intake.share")[()] > 1


def test_everything_that_is_told_is_described(intake_queue, session):
    for tell in (of_recordings.tell_gauges, of_recordings.tell_sizes, of_calls.tell_gauges, of_calls.tell_sizes):
        tell()
    figures.tell_queues()
    figures.tell_stores()
    intake.tell_gauges()
    assert {gauge.name for gauge in gauges.all_told()} <= set(gauges.KNOWN)
