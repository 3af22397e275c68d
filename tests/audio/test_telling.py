"""A chunk that was heard is a segment of the pipeline's work, and so is one that could not be."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audio.states import KIND_OF_STAGE
from metrics import person_keys, recent, telling
from tests.builders import bearer, do_all_jobs, put_chunk
from tests.sound import encode, tone, undecodable


def told(session):
    telling.flush()
    return recent.newest(session.tenant_id, since=timezone.now() - timedelta(hours=1))


def test_a_chunk_that_was_heard_is_told_with_what_each_stage_took_and_once(api, supervisor, session):
    put_chunk(api, session, 0, encode(tone(2.0)))
    do_all_jobs()
    [segment] = told(session)
    chunk = session.chunks.get()
    assert (segment.group.session_id, segment.group.user_id) == (str(session.pk), person_keys.of_user(session.user_id))
    assert (segment.group.pipeline, segment.segment_id) == ("audio", str(chunk.pk))
    assert set(segment.stages) <= set(KIND_OF_STAGE)
    assert {"decode", "transcription"} <= set(segment.stages)
    assert segment.total_us == sum(segment.stages.values()) > 0
    assert segment.duration_us == pytest.approx(2_000_000, abs=100_000)
    assert (segment.original_bytes, segment.error, segment.retry_count) == (chunk.file_size_bytes, "", 0)
    assert segment.received_at == chunk.stored_at
    assert segment.processing_started_at < segment.processing_ended_at == chunk.processed_at

    assert bearer(supervisor).post(f"/api/audio/sessions/{session.pk}/chunks/0/retry").status_code == 200
    do_all_jobs()
    assert told(session) == [segment]


def test_a_chunk_that_cannot_be_heard_is_told_with_the_code_of_its_error(api, session):
    assert put_chunk(api, session, 0, undecodable()).status_code == 201
    do_all_jobs()
    assert session.chunks.get().processing_status == "failed"
    [segment] = told(session)
    assert (segment.error, segment.total_us) == ("undecodable", None)
