"""The sums of a simulation: who records how, what is measured, what is found wrong."""

import os

import pytest

from audio.sending import RecordedChunk
from audio.simulation import checking, figures, memory, plan
from audio.simulation.checking import Found
from audio.simulation.plan import Manner

CHUNKS = [RecordedChunk(index, bytes([index]) * 9, index * 48_000, index * 48_000 + 47_999) for index in range(2)]


@pytest.fixture
def recording():
    return plan.spread(["token"], CHUNKS, calls=1, unruly=False)[0]


@pytest.fixture
def there(recording):
    """The chunks as the server lists them when all is well."""
    recording.acknowledged = {0, 1}
    return [{"chunk_index": chunk.index, "checksum": chunk.digest.hex(), "transcription": "a word"} for chunk in CHUNKS]


def test_recordings_are_dealt_out_to_everybody_in_turn():
    spread = plan.spread(["a", "b", "c"], CHUNKS, calls=7, unruly=False)
    assert [one.token for one in spread] == list("abcabca")
    assert len({one.session_id for one in spread}) == 7
    assert {one.manner for one in spread} == {Manner.STEADY}
    assert all(one.chunks is CHUNKS for one in spread), "encoded once, shared by all"


def test_every_second_recorder_is_unruly_in_every_way_there_is():
    manners = [one.manner for one in plan.spread(["a"], CHUNKS, calls=8, unruly=True)]
    assert manners[::2] == [Manner.STEADY] * 4
    assert set(manners[1::2]) == set(Manner) - {Manner.STEADY}


def test_percentiles_are_values_that_were_measured():
    seconds = [number / 1000 for number in range(1, 101)]
    assert figures.latency(seconds[::-1]) == {"count": 100, "p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
    assert figures.latency([0.25]) == {"count": 1, "p50_ms": 250, "p95_ms": 250, "p99_ms": 250, "max_ms": 250}
    assert figures.latency([]) is None


def test_all_that_was_sent_being_there_is_right(recording, there):
    found = Found()
    checking.compare_chunks(recording, "Call", there, found)
    checking.compare_segments("Call", there, [{"segment_id": f"{n}", "chunk_index": n} for n in range(2)], found)
    assert found.is_right
    assert found.segments == 2


def test_a_chunk_that_is_not_there_is_lost(recording, there):
    found = Found()
    checking.compare_chunks(recording, "Call", there[:1], found)
    assert found.lost == ["Call, chunk 1 is not there; it was acknowledged"]


def test_a_chunk_with_another_digest_is_lost(recording, there):
    found = Found()
    checking.compare_chunks(recording, "Call", [there[0], {**there[1], "checksum": "ab"}], found)
    assert found.lost == ["Call, chunk 1 is there with another digest than was sent"]


def test_a_chunk_that_is_there_twice_or_was_never_sent_is_doubled(recording, there):
    found = Found()
    checking.compare_chunks(recording, "Call", [*there, there[0], {**there[0], "chunk_index": 5}], found)
    assert found.doubled == ["Call, chunk 0 is there 2 times", "Call, chunk 5 is there and was never sent"]
    assert found.lost == []


def test_a_segment_twice_is_doubled_and_speech_without_one_is_lost(there):
    found = Found()
    checking.compare_segments("Call", there, [{"segment_id": "s", "chunk_index": 0}] * 2, found)
    assert found.doubled == ["Call, segment s is in the call 2 times"]
    assert found.lost == ["Call, chunk 1 holds speech that is not in the call"]
    quiet = Found()
    checking.compare_segments("Call", [{**there[1], "transcription": ""}], [], quiet)
    assert quiet.is_right


def test_memory_is_told_of_processes_that_carry_the_directory_and_of_no_others(tmp_path):
    assert memory.held_by(tmp_path) == {}
    assert memory.Watch(tmp_path).told() == {}
    assert memory._field("Rss: 7 kB\nPss:      2048 kB\n", "Pss") == 2048
    assert memory._name_of("python -m uvicorn config.asgi:application --port 1") == "web"
    assert memory._name_of("python -m celery --quiet -A config worker -n analysis@%h -Q analysis") == "worker analysis"
    assert memory._name_of(f"python manage.py shell {os.getpid()}") == ""
