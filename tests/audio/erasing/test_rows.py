"""Rows: all of a whole recording, and of one side what tells of it."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audio import consents, gaps
from audio.erasing import live, rows
from audio.models import (
    AnalysisJob,
    AudioChunk,
    AudioSession,
    ChunkPeaks,
    ChunkSignal,
    RecordingConsent,
    RecordingGap,
)
from metrics.erasing import Share
from tests.audio.erasing.conftest import NOTHING, erase, left_of, record, subject_of
from tests.builders import make_session, make_user

EVERYTHING = (AudioSession, AudioChunk, AnalysisJob, ChunkSignal, ChunkPeaks, RecordingConsent, RecordingGap)


def rich(user, body, **values):
    session = record(user, body, ended=False, metadata={"browser": "Ada's laptop"}, test_session_id="Cleo-7", **values)
    consents.record(session, given=True, by="Cleo Client", wording="May we record you, Cleo?")
    gaps.declare(session, start=4.0, end=5.0, cause="pause", reason="Cleo fetches her card")
    session.refresh_from_db()
    return session


def test_a_whole_recording_goes_with_everything_that_hangs_on_it(agent, of_one):
    theirs, other = rich(agent, of_one), rich(agent, of_one)
    before = [list(model.objects.filter(**{path: other.pk}).values()) for model, path in paths()]
    subject = subject_of(theirs)
    live.erase(subject)
    assert rows.count(subject) == 3
    assert rows.search(subject) > 0
    assert rows.erase(subject) == 3
    assert rows.count(subject) == rows.search(subject) == rows.erase(subject) == 0
    for model, path in paths():
        assert not model.objects.exclude(**{path: other.pk}).exists()
    assert [list(model.objects.filter(**{path: other.pk}).values()) for model, path in paths()] == before


def paths():
    """Every table, and how one gets from it to the recording."""
    for model in EVERYTHING:
        if model is AudioSession:
            yield model, "pk"
        elif hasattr(model, "session_id"):
            yield model, "session"
        else:
            yield model, "chunk__session"


def test_another_companys_recording_is_not_deleted(agent, stranger, of_one):
    theirs = make_session(stranger)
    subject = subject_of(make_session(agent))
    foreign = subject_of(theirs)
    assert rows.erase(type(subject)(agent.tenant_id, sessions=foreign.sessions)) == 0
    assert AudioSession.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("share", [Share.AGENT, Share.CLIENT])
def test_what_stays_tells_nothing_of_the_one_who_went(agent, of_two, share):
    session = rich(agent, of_two, channels=2)
    measured = ChunkSignal.objects.first()
    assert measured.regions[0]
    assert measured.fingerprint
    loud = np.frombuffer(bytes(ChunkPeaks.objects.first().bins), dtype=np.uint8).reshape(-1, 2).max(axis=0)
    assert loud.min() > 0
    user_id = agent.pk if share is Share.AGENT else None
    subject = subject_of(session, share, user_id=user_id)
    erase(subject)
    assert left_of(subject) == NOTHING
    session.refresh_from_db()
    gone, stays = (0, 1) if share is Share.AGENT else (1, 0)
    assert session.user_id == (None if share is Share.AGENT else agent.pk)
    assert session.metadata == {}
    assert session.test_session_id == ("Cleo-7" if share is Share.AGENT else "")
    for chunk in session.chunks.all():
        assert (chunk.transcription, chunk.analysis_results) == ("", {})
        assert chunk.voice_activity_ratio is chunk.speaker_count is chunk.suspicious_activity_score is None
    for signal in ChunkSignal.objects.all():
        assert (signal.regions[gone], signal.prosody[gone]) == ([], "")
        assert signal.prosody[stays]
        assert (bytes(signal.fingerprint), signal.repeats) == (b"", [])
    for peaks in ChunkPeaks.objects.all():
        bins = np.frombuffer(bytes(peaks.bins), dtype=np.uint8).reshape(-1, 2)
        assert (bins[:, gone].max(), bins[:, stays].max()) == (0, loud[stays])
    assert session.gaps.get().reason == rows.ERASED
    assert rows.erase(subject) == 0


def test_the_customers_consent_stays_when_the_agent_goes(agent, of_two):
    session = rich(agent, of_two, channels=2)
    consents.record(session, given=True, by=agent.username, wording="I agree to be recorded.")
    erase(subject_of(session, Share.AGENT, user_id=agent.pk))
    assert set(session.consents.values_list("given", "by", "wording")) == {
        (True, "Cleo Client", "May we record you, Cleo?"),
        (True, "", ""),
    }


def test_a_consent_is_no_agents_whose_name_is_a_part_of_a_word_in_it(tenant, of_two):
    leo = make_user(tenant, "agent")
    leo.username = "leo"
    leo.save(update_fields=["username"])
    session = rich(leo, of_two, channels=2)
    erase(subject_of(session, Share.AGENT, user_id=leo.pk))
    assert session.consents.get().by == "Cleo Client"


def test_of_the_customers_consent_only_that_it_was_given_stays_when_they_go(agent, of_two):
    session = rich(agent, of_two, channels=2)
    erase(subject_of(session, Share.CLIENT))
    assert list(session.consents.values_list("given", "by", "wording")) == [(True, "", "")]


def test_a_recording_of_theirs_that_nobody_collected_is_found_by_the_second_look(tenant, of_one):
    colleague = make_user(tenant, "agent")
    session = record(colleague, of_one, chunks=1)
    subject = subject_of(session, user_id=colleague.pk)
    erase(subject)
    assert left_of(subject) == NOTHING
    make_session(colleague)
    assert (rows.count(subject), rows.search(subject), live.search(subject)) == (0, 1, 1)


def test_a_thousand_chunks_take_no_more_questions_than_ten(agent):
    def questions(number):
        session = make_session(agent)
        AudioChunk.objects.bulk_create(bare_chunk(session, index) for index in range(number))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert rows.erase(subject_of(session)) == number + 1
        return len(asked)

    assert questions(1000) == questions(10)


def bare_chunk(session, index):
    return AudioChunk(
        session=session,
        chunk_index=index,
        start_time_seconds=index,
        end_time_seconds=index + 1,
        duration_seconds=1,
        declared_seconds=1,
        s3_key=f"{session.s3_base_key}chunk_{index:04d}.ogg",
        content_type="audio/ogg",
        file_size_bytes=1,
        checksum="0",
        upload_status="uploaded",
        received_at=session.created_at,
    )
