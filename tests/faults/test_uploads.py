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
VICTIMS = ["uvicorn", "analysis@", "redis-server", "rclone", "postgres", "mongod"]
# So many of each recorder are acknowledged before the first victim is killed, between two of them, and after the last.
BETWEEN = scaled(4, 100)
CHUNKS = BETWEEN * (len(VICTIMS) + 1)
PATIENCE_SECONDS = scaled(180, 600)
SAMPLES = 24_000  # Half a second at 48 kHz.


class Uploading(threading.Thread):
    """One recorder that sends until all is acknowledged, however long that takes."""

    def __init__(self, stack, token):
        super().__init__(daemon=True)
        self.recorder = Recorder(stack.url, token)
        self.session = self.recorder.start(channels=1, subject="In mid-upload")
        self.acknowledged = {}

    def has_sent(self, number):
        return len(self.acknowledged) >= number

    def run(self):
        for index in range(CHUNKS):
            body = encode(tone(0.5, frequency=200 + index))
            chunk = RecordedChunk(index, body, index * SAMPLES, (index + 1) * SAMPLES - 1)
            answer = self.recorder.send(self.session["id"], chunk)
            assert answer["checksum"] == hashlib.sha256(body).hexdigest()
            self.acknowledged[index] = answer["checksum"]
        self.recorder.complete(self.session["id"], CHUNKS)


def kill(stack, victim):
    for process in wait_until(lambda: stack.processes(victim), what=f"{victim} to run"):
        for one in (process, *children_of(process)):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.mark.timeout(5 * PATIENCE_SECONDS)
def test_whatever_is_killed_in_turn_every_acknowledged_chunk_is_there_and_heard(stack):
    token = stack.token_of("demo-supervisor")
    recorders = [Uploading(stack, token) for _ in range(RECORDERS)]
    for recorder in recorders:
        recorder.start()
    for position, victim in enumerate(VICTIMS, start=1):
        # Uploads have gone on by then, so that what was killed before is got over.
        wait_until(
            lambda: all(one.has_sent(position * BETWEEN) for one in recorders),  # noqa: B023
            timeout=PATIENCE_SECONDS,
            what=f"{victim}'s turn",
        )
        kill(stack, victim)
    for recorder in recorders:
        recorder.join(timeout=PATIENCE_SECONDS)
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

    session = wait_until(has_ended, timeout=PATIENCE_SECONDS, what="everything to be heard")
    assert session["verdict"] == {"state": "complete", "gaps": [], "owed": []}
    chunks = client.get(f"{address}/chunks", params={"limit": 1000}).json()["results"]
    assert {chunk["chunk_index"]: chunk["checksum"] for chunk in chunks} == recorder.acknowledged
    assert {chunk["processing_status"] for chunk in chunks} == {"completed"}
