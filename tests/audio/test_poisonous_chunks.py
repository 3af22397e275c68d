"""Files that are broken in some way: each ends heard or failed, and none keeps what follows it from being heard."""

from functools import cache

import numpy as np
import pytest

from audio.models import AnalysisJob, AudioChunk
from calls import conversations
from tests.builders import bearer, do_all_jobs, make_session, put_chunk
from tests.scale import scaled
from tests.sound import MUXERS, SAMPLE_RATE, encode, speech

FILES = scaled(16, 200)
TYPES = {"webm": "audio/webm", "ogg": "audio/ogg", "m4a": "audio/mp4", "mp3": "audio/mpeg", "wav": "audio/wav"}
CHANGES = ("bits", "hole", "cut", "doubled", "zeros", "head", "noise", "swapped")


@cache
def good(container):
    return encode(speech()[: 2 * SAMPLE_RATE], container=container)


def poisoned(number):
    """A container, and a file of it in which something has been changed; the same for the same number."""
    containers = list(MUXERS)
    # Five and eight have no divisor in common: in forty files each is changed in each way.
    container, change = containers[number % len(containers)], CHANGES[number % len(CHANGES)]
    random = np.random.default_rng(number)
    body = bytearray(good(container))
    at, size = int(random.integers(0, len(body))), int(random.integers(1, max(2, len(body) // 4)))
    if change == "bits":
        for place in random.integers(0, len(body), max(1, len(body) // 500)):
            body[place] ^= 1 << int(random.integers(0, 8))
    elif change == "hole":
        del body[at : at + size]
    elif change == "cut":
        del body[at:]
    elif change == "doubled":
        body[at:at] = body[at : at + size]
    elif change == "zeros":
        body[at : at + size] = bytes(len(body[at : at + size]))
    elif change == "head":
        for place in random.integers(0, 200, 8):
            body[place] = int(random.integers(0, 256))
    elif change == "noise":
        body[at : at + size] = random.bytes(len(body[at : at + size]))
    else:
        body[at:] = body[at:][::-1]
    return container, bytes(body)


@pytest.fixture
def sessions_of_both(agent):
    return {channels: make_session(agent, channels=channels) for channels in (1, 2)}


def test_a_broken_file_ends_and_what_follows_it_is_heard(agent, sessions_of_both):
    api, stored = bearer(agent), 0
    for number in range(FILES):
        container, body = poisoned(number)
        # Two channels are promised of what has one: that is broken too.
        session = sessions_of_both[1 + number % 2]
        answer = put_chunk(api, session, number, body, content_type=TYPES[container], HTTP_X_START_TIME=str(number * 2))
        # What is refused is refused in words, and is no failure of ours.
        assert answer.status_code in {201, 400, 413, 415, 422}, (number, answer.content)
        assert answer.status_code == 201 or answer.json()["error"]["message"], number
        stored += answer.status_code == 201
        do_all_jobs()
    assert stored, "some of what is broken is not seen to be before it is decoded"
    ended = dict(AudioChunk.objects.stored().values_list("chunk_index", "processing_status"))
    assert len(ended) == stored
    assert set(ended.values()) <= {"completed", "failed"}, ended
    assert not AnalysisJob.objects.unfinished().exists()
    for chunk in AudioChunk.objects.stored().filter(processing_status="failed"):
        assert chunk.error

    for session in sessions_of_both.values():
        sound = speech()[: 4 * SAMPLE_RATE]
        channels = sound if session.channels == 1 else np.stack([sound, np.zeros_like(sound)])
        put_chunk(api, session, FILES, encode(channels), HTTP_X_START_TIME=str(FILES * 2))
        do_all_jobs()
        heard = AudioChunk.objects.get(session=session, chunk_index=FILES)
        assert (heard.processing_status, heard.error) == ("completed", "")
        assert {stage["state"] for stage in heard.analysis_results.values()} <= {"completed", "skipped"}
        assert any(
            segment["start_time"] >= FILES * 2
            for segment in conversations.read_call(agent, session.call_id)["conversation"]
        )
