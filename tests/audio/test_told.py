"""What a watcher was told, held against the rows."""

from datetime import UTC, datetime

import pytest

from audio.told import Standing, Told

NINE = datetime(2026, 1, 1, 9, tzinfo=UTC)


def chunk(index, status="pending", analysed_at=None, transcribed_at=None):
    return {
        "chunk_index": index,
        "processing_status": status,
        "analysed_at": analysed_at,
        "transcribed_at": transcribed_at,
    }


def standing(*chunks, status="recording", total=None):
    return Standing.of_rows(status, total, chunks)


@pytest.fixture
def told():
    return Told({"status": "recording", "total_chunks": None}, [chunk(0)])


def test_a_fresh_snapshot_agrees_whether_or_not_a_worker_has_begun(told):
    assert told.agrees_with(standing((0, "pending", None, None)))
    assert told.agrees_with(standing((0, "processing", None, None)))


def test_a_chunk_that_was_not_told_of_is_a_difference(told):
    rows = standing((0, "pending", None, None), (1, "pending", None, None))
    assert not told.agrees_with(rows)
    told.add({"type": "chunk_stored", "chunk": chunk(1)})
    assert told.agrees_with(rows)


def test_a_chunk_that_has_come_further_is_a_difference(told):
    rows = standing((0, "completed", NINE, NINE))
    assert not told.agrees_with(rows)
    told.add(
        {"type": "chunk_processed", "chunk": chunk(0, "completed", "2026-01-01T09:00:00Z", "2026-01-01T09:00:00Z")}
    )
    assert told.agrees_with(rows)


def test_an_end_that_was_not_told_of_is_a_difference(told):
    rows = standing((0, "pending", None, None), status="completed")
    assert not told.agrees_with(rows)
    told.add({"type": "session_completed", "status": "completed"})
    assert told.agrees_with(rows)


def test_a_late_chunk_opens_an_ended_session_without_a_word_more():
    told = Told({"status": "completed", "total_chunks": 0}, [])
    told.add({"type": "chunk_stored", "chunk": chunk(0)})
    assert told.agrees_with(standing((0, "pending", None, None), status="processing", total=0))
    assert not told.agrees_with(standing((0, "pending", None, None), status="completed", total=0))
