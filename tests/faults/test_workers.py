"""kill -9 in the middle of the work: what was acknowledged is heard, and heard once."""

import os
import signal

import pytest

from tests.journeys.test_call import put, start
from tests.running import children_of
from tests.sound import encode, speech
from tests.waiting import wait_until


@pytest.fixture
def supervisor(stack):
    return stack.client("demo-supervisor")


@pytest.fixture
def recording(supervisor):
    """A session with half a minute of speech on its way."""
    session = start(supervisor)
    assert put(supervisor, session, 0, encode(speech())).status_code == 201
    supervisor.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1})
    return session


def chunk_of(client, session):
    return client.get(f"/api/audio/sessions/{session['id']}/chunks").json()["results"][0]


def worker_of(stack, queue):
    """The worker's parent process, once it has a pool, whose processes are its children."""

    def parents():
        workers = stack.processes("celery", f"{queue}@")
        return [pid for pid in workers if set(children_of(pid)) & set(workers)]

    [parent] = wait_until(parents, what=f"the worker {queue}")
    return parent


def wait_until_transcription_runs(client, session):
    def runs():
        stage = chunk_of(client, session)["analysis_results"].get("transcription", {})
        return stage.get("state") == "running"

    wait_until(runs, what="the transcription to run")


def assert_heard_once(client, session):
    finished = wait_until(
        lambda: client.get(f"/api/audio/sessions/{session['id']}").json()["status"] == "completed",
        timeout=200,
        what="the session to be completed after all",
    )
    assert finished
    conversation = client.get(f"/api/calls/{session['call_id']}").json()["conversation"]
    ids = [segment["segment_id"] for segment in conversation]
    assert ids
    assert len(ids) == len(set(ids))
    words = sum(len(segment["text"].split()) for segment in conversation)
    assert 50 < words < 90, "the words of one hearing, not of two"
    assert chunk_of(client, session)["processing_status"] == "completed"


def test_a_pool_process_is_killed_while_it_transcribes(stack, supervisor, recording):
    wait_until_transcription_runs(supervisor, recording)
    for child in children_of(worker_of(stack, "transcription")):
        os.kill(child, signal.SIGKILL)
    assert_heard_once(supervisor, recording)
    assert chunk_of(supervisor, recording)["attempts"] >= 2


def test_a_killed_worker_leaves_no_pool_process_behind(stack):
    parent = worker_of(stack, "analysis")
    children = children_of(parent)
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), what="its pool to end")  # noqa: PTH110
