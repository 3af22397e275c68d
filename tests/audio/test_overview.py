from datetime import timedelta

import pytest
from django.utils import timezone

from audio import gaps, overview, sessions
from audio.models import AudioChunk, AudioSession
from audio.states import GapCause, JobKind
from calls import conversations
from tests.builders import bearer, do_all_jobs, make_flag, make_session, make_user, put_chunk
from tests.sound import encode, tone

SECOND = encode(tone(1.0))


@pytest.fixture
def row(tenant):
    """The row of a recording as it is now; None for one that has none."""
    return lambda session: next(iter(overview.rows(tenant.pk, {str(session.pk)})), None)


def needs(row):
    return [need["reason"] for need in row["needs"]]


def send(api, session, *indexes):
    for index in indexes:
        assert put_chunk(api, session, index, SECOND).status_code == 201


def test_a_recording_has_a_row_from_its_beginning_until_its_last_chunk_is_there(agent, api, row):
    session = make_session(agent, call={"subject": "Order 1042"})
    begun = row(session)
    assert begun["subject"] == "Order 1042"
    assert begun["user"] == {"id": agent.pk, "name": str(agent)}
    assert (begun["state"], begun["chunks"], begun["last_chunk_at"]) == ("recording", 0, None)
    assert begun["verdict"] == {"state": "recording", "gaps": 0, "owed": 0}
    send(api, session, 0)
    gone_on = row(session)
    assert (gone_on["chunks"], gone_on["delay_seconds"], gone_on["needs"]) == (1, None, [])
    assert gone_on["last_chunk_at"] == AudioChunk.objects.get().stored_at
    api.post(f"/api/audio/sessions/{session.pk}/complete", {"total_chunks": 2}, format="json")
    owing = row(session)
    assert (owing["state"], owing["verdict"]["owed"], needs(owing)) == ("processing", 1, [])
    send(api, session, 1)
    assert row(session) is None


def test_a_row_shows_the_level_of_the_last_chunks_and_how_long_the_analysis_took(api, session, row):
    send(api, session, 0, 1)
    do_all_jobs((JobKind.ANALYSIS,))
    heard = row(session)
    assert len(heard["level"]) == 16
    assert all(-40 < level < 0 for level in heard["level"])
    assert heard["delay_seconds"] >= 0


def test_a_row_shows_what_is_suspicious_but_for_what_was_judged_wrong(supervisor, session, row):
    flag = make_flag(session)
    shown = row(session)
    assert (shown["flags"], shown["suspicion_score"]) == (["long_silence"], pytest.approx(0.1))
    conversations.review_flag(supervisor, session.call_id, flag["flag_id"], "wrong")
    assert row(session)["flags"] == []


def test_silence_needs_a_look_unless_the_recording_is_paused(session, row):
    AudioSession.objects.filter(pk=session.pk).update(last_activity_at=timezone.now() - timedelta(minutes=5))
    assert needs(row(session)) == ["silent"]
    gaps.declare(session, start=0.0, end=None, cause=GapCause.PAUSE)
    AudioSession.objects.filter(pk=session.pk).update(last_activity_at=timezone.now() - timedelta(minutes=5))
    paused = row(session)
    assert (paused["paused"], paused["needs"]) == (True, [])


def test_a_lost_microphone_needs_a_look_until_sound_comes_again(api, session, row):
    gaps.declare(session, start=0.0, end=None, cause=GapCause.DEVICE)
    lost = row(session)
    assert (needs(lost), lost["verdict"]["gaps"]) == (["device"], 1)
    send(api, session, 0)
    assert needs(row(session)) == []


def test_a_chunk_that_stays_away_needs_a_look_and_one_that_was_overtaken_does_not(api, session, row):
    send(api, session, 0, 2)
    overtaken = row(session)
    assert (overtaken["verdict"]["owed"], needs(overtaken)) == (1, [])
    send(api, session, 3, 4)
    AudioSession.objects.filter(pk=session.pk).update(start_time=timezone.now() - timedelta(minutes=2))
    assert needs(row(session)) == ["owed"]
    send(api, session, 1)
    assert needs(row(session)) == []


def test_chunks_that_the_recorder_counted_and_that_stay_away_need_a_look(api, session, row):
    send(api, session, 0)
    api.post(f"/api/audio/sessions/{session.pk}/complete", {"total_chunks": 3}, format="json")
    AudioSession.objects.filter(pk=session.pk).update(end_time=timezone.now() - timedelta(minutes=2))
    assert needs(row(session)) == ["owed"]


def test_a_chunk_that_failed_or_waits_needs_a_look(api, session, row):
    send(api, session, 0)
    AudioChunk.objects.update(stored_at=timezone.now() - timedelta(minutes=2))
    assert needs(row(session)) == ["slow"]
    AudioChunk.objects.update(processing_status="failed")
    assert needs(row(session)) == ["failed"]


def test_a_recording_that_was_left_has_no_row(session, row):
    AudioSession.objects.filter(pk=session.pk).update(last_activity_at=timezone.now() - timedelta(days=1))
    sessions.abandon(session)
    assert row(session) is None


def test_nobody_sees_what_another_company_records(session, stranger):
    assert overview.rows(stranger.tenant_id) == []
    assert overview.rows(stranger.tenant_id, {str(session.pk)}) == []


def test_more_recordings_take_no_more_queries(tenant, django_assert_num_queries):
    def record():
        agent = make_user(tenant, "agent")
        session = make_session(agent)
        send(bearer(agent), session, 0, 2)

    record()
    with django_assert_num_queries(3):
        assert len(overview.rows(tenant.pk)) == 1
    for _ in range(3):
        record()
    with django_assert_num_queries(3):
        assert len(overview.rows(tenant.pk)) == 4
