"""kill -9 in mid-upload: whatever dies, what was acknowledged is there, is what was sent, and is heard once."""

import hashlib
import os
import signal
import threading

import pytest

from audio.sending import RecordedChunk, Recorder
from tests.running import children_of
from tests.scale import scaled
from tests.sound import encode, tone
from tests.waiting import wait_until

RECORDERS = 2
CHUNKS = scaled(14, 120)
KILLED_AFTER = 5
SAMPLES = 24_000  # Half a second at 48 kHz.


class Uploading(threading.Thread):
    """One recorder that sends until all is acknowledged, however long that takes."""

    def __init__(self, stack, token):
        super().__init__(daemon=True)
        self.recorder = Recorder(stack.url, token)
        self.session = self.recorder.start(channels=1, subject="In mid-upload")
        self.acknowledged = {}

    def run(self):
        for index in range(CHUNKS):
            body = encode(tone(0.5, frequency=200 + 10 * index))
            chunk = RecordedChunk(index, body, index * SAMPLES, (index + 1) * SAMPLES - 1)
            answer = self.recorder.send(self.session["id"], chunk)
            assert answer["checksum"] == hashlib.sha256(body).hexdigest()
            self.acknowledged[index] = answer["checksum"]
        self.recorder.complete(self.session["id"], CHUNKS)


def kill(stack, victim):
    for process in stack.processes(victim):
        for one in (process, *children_of(process)):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.mark.parametrize("victim", ["uvicorn", "analysis@", "redis-server", "rclone", "postgres", "mongod"])
def test_whatever_is_killed_every_acknowledged_chunk_is_there(stack, victim):
    token = stack.token_of("demo-supervisor")
    recorders = [Uploading(stack, token) for _ in range(RECORDERS)]
    for recorder in recorders:
        recorder.start()
    wait_until(lambda: all(len(one.acknowledged) >= KILLED_AFTER for one in recorders), what="uploads to be under way")
    kill(stack, victim)
    for recorder in recorders:
        recorder.join(timeout=120)
        assert len(recorder.acknowledged) == CHUNKS
    with stack.client("demo-supervisor") as client:
        for recorder in recorders:
            assert_there_and_heard(client, recorder)
    verified = stack.manage("verify_blobs")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def assert_there_and_heard(client, recorder):
    address = f"/api/audio/sessions/{recorder.session['id']}"

    def has_ended():
        answer = client.get(address)
        return answer.is_success and answer.json()["status"] == "completed" and answer.json()

    session = wait_until(has_ended, timeout=150, what="everything to be heard")
    assert session["verdict"] == {"state": "complete", "gaps": [], "owed": []}
    chunks = client.get(f"{address}/chunks", params={"limit": 1000}).json()["results"]
    assert {chunk["chunk_index"]: chunk["checksum"] for chunk in chunks} == recorder.acknowledged
    assert {chunk["processing_status"] for chunk in chunks} == {"completed"}
