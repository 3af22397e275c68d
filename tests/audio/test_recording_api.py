"""What a recorder tells of its recording besides sound: gaps, pauses, consent; and the token it goes on with."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from audio import progress, sessions
from audio.models import AudioChunk, AudioSession, RecordingConsent, RecordingPolicy
from tests.builders import bearer, do_all_jobs, make_session, make_user, put_chunk
from tests.sound import encode, silence, tone

SECOND = encode(tone(1.0))


def at(session, what=""):
    return f"/api/audio/sessions/{session.pk}{what}"


def post(client, session, what, **body):
    return client.post(at(session, what), body, format="json")


def verdict(client, session):
    return client.get(at(session)).json()["verdict"]


def gaps(client, session):
    return [(gap["start"], gap["end"], gap["cause"]) for gap in verdict(client, session)["gaps"]]


# --- Gaps and pauses ---


def test_a_pause_begins_and_ends(api, session):
    paused = post(api, session, "/gaps", start=1.0, cause="pause", reason="card data").json()
    assert paused["paused"]
    assert paused["verdict"]["gaps"] == [{"start": 1.0, "end": None, "cause": "pause", "reason": "card data"}]
    resumed = post(api, session, "/gaps", start=1.0, end=9.5, cause="pause").json()
    assert not resumed["paused"]
    assert resumed["verdict"]["gaps"] == [{"start": 1.0, "end": 9.5, "cause": "pause", "reason": "card data"}]


def test_sound_ends_a_pause_that_nobody_ended(api, session):
    put_chunk(api, session, 0, SECOND, HTTP_X_START_TIME="0")
    post(api, session, "/gaps", start=1.0, cause="pause", reason="card data")
    put_chunk(api, session, 1, SECOND, HTTP_X_START_TIME="9.5")
    assert not api.get(at(session)).json()["paused"]
    assert gaps(api, session) == [(1.0, 9.5, "pause")]
    assert post(api, session, "/complete", total_chunks=2).json()["verdict"]["state"] == "complete"


def test_a_late_chunk_from_before_the_pause_leaves_it_open(api, session):
    post(api, session, "/gaps", start=2.0, cause="pause", reason="card data")
    put_chunk(api, session, 1, SECOND, HTTP_X_START_TIME="1")
    assert api.get(at(session)).json()["paused"]


def test_a_gap_told_twice_is_one(api, session):
    for _ in range(2):
        post(api, session, "/gaps", start=1.0, end=2.0, cause="device", reason="Microphone unplugged")
    assert gaps(api, session) == [(1.0, 2.0, "device")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"start": -1, "cause": "pause"},
        {"start": 1, "end": 0.5, "cause": "pause"},
        {"start": 1, "cause": "boredom"},
        {"start": "soon", "cause": "pause"},
        {"start": 1e9, "cause": "pause"},
        {"start": 1, "cause": "pause", "reason": "x" * 256},
    ],
)
def test_a_gap_that_cannot_be_is_refused_and_kept_nowhere(api, session, body):
    assert post(api, session, "/gaps", **body).status_code == 422
    assert not session.gaps.exists()


# --- The verdict ---


def test_a_recording_is_complete_once_all_that_was_counted_is_here(api, session):
    put_chunk(api, session, 0, SECOND)
    assert verdict(api, session)["state"] == "recording"
    refused = post(api, session, "/complete", total_chunks=3)
    assert (refused.status_code, refused.json()["error"]["fields"]["owed"]) == (409, [1, 2])
    assert verdict(api, session) == {
        "state": "incomplete",
        "gaps": [{"start": 1.0, "end": None, "cause": "never_arrived", "reason": ""}],
        "owed": [1, 2],
    }
    for index in (2, 1):
        put_chunk(api, session, index, SECOND)
    assert verdict(api, session)["state"] == "complete"
    do_all_jobs()
    told = api.get(at(session)).json()
    assert told["status"] == "completed"
    assert told["totals"] == {"duration": 3.0, "sound_seconds": 3.0, "stored_chunks": 3, "late_chunks": 2}
    assert told["analysis"]["analysed_chunks"] == 3


def test_the_call_is_told_the_verdict(api, session):
    put_chunk(api, session, 0, SECOND, HTTP_X_START_TIME="5")
    post(api, session, "/complete", total_chunks=1)
    do_all_jobs()
    call = api.get(f"/api/calls/{session.call_id}").json()
    assert (call["verdict"]["state"], call["duration"]) == ("incomplete", 6.0)
    assert call["verdict"]["gaps"][0]["cause"] == "device"


def test_a_chunk_that_lacks_what_its_sample_range_says_makes_it_incomplete(api, session):
    put_chunk(api, session, 0, SECOND, HTTP_X_SAMPLE_RANGE="0-31999/16000")
    post(api, session, "/complete", total_chunks=1)
    do_all_jobs()
    assert gaps(api, session) == [(1.0, 2.0, "never_arrived")]
    assert verdict(api, session)["state"] == "incomplete"


# --- Where chunks lie ---


def test_a_chunk_without_a_start_begins_where_its_predecessor_ends(api, session):
    for index, seconds in enumerate([1.0, 2.5, 1.0]):
        put_chunk(api, session, index, encode(tone(seconds)))
    assert starts(session) == [0.0, 1.0, 3.5]


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_it_does_so_in_whatever_order_they_come(api, session, order):
    bodies = [encode(tone(seconds)) for seconds in (1.0, 2.5, 1.0)]
    for index in order:
        put_chunk(api, session, index, bodies[index])
    assert starts(session) == [0.0, 1.0, 3.5]


def test_a_start_that_was_declared_is_not_moved(api, session):
    put_chunk(api, session, 1, SECOND, HTTP_X_START_TIME="7.25")
    put_chunk(api, session, 0, SECOND)
    assert starts(session) == [0.0, 7.25]


def test_a_sample_range_says_where_a_chunk_lies(api, session):
    put_chunk(api, session, 1, SECOND, HTTP_X_SAMPLE_RANGE="16000-31999/16000")
    assert starts(session) == [1.0]


def test_what_was_heard_before_its_predecessor_came_is_heard_where_it_lies(api, session):
    put_chunk(api, session, 1, SECOND)
    do_all_jobs()
    put_chunk(api, session, 0, encode(silence(2.0)))
    assert AudioChunk.objects.get(chunk_index=1).processing_status == "pending"
    do_all_jobs()
    assert starts(session) == [0.0, 2.0]
    assert AudioChunk.objects.get(chunk_index=1).processing_status == "completed"


def starts(session):
    return list(session.chunks.order_by("chunk_index").values_list("start_time_seconds", flat=True))


# --- Consent ---


@pytest.fixture
def with_consent_required(tenant):
    return RecordingPolicy.objects.create(tenant=tenant, consent_required=True)


def refusal(response):
    return response.status_code, response.json()["error"]["code"]


def test_without_consent_nothing_is_taken(api, session, with_consent_required):
    assert api.get(at(session)).json()["consent_required"]
    assert refusal(put_chunk(api, session, 0, SECOND)) == (409, "consent_required")
    assert not AudioChunk.objects.exists()
    told = post(api, session, "/consent", given=True, by="Ada Lovelace", wording="May we record this call?").json()
    assert (told["consent"]["given"], told["consent"]["by"]) == (True, "Ada Lovelace")
    assert put_chunk(api, session, 0, SECOND).status_code == 201


def test_after_a_refusal_nothing_is_taken(api, session, with_consent_required):
    post(api, session, "/consent", given=False, by="Ada", wording="May we?")
    assert refusal(put_chunk(api, session, 0, SECOND)) == (409, "consent_required")


def test_what_was_recorded_before_consent_was_withdrawn_is_taken(api, session, with_consent_required):
    now = datetime.now(UTC)
    for given, minutes in ((True, 10), (False, 5)):
        said_at = (now - timedelta(minutes=minutes)).isoformat()
        post(api, session, "/consent", given=given, by="Ada", wording="May we?", at=said_at)
    before, after = ((now - timedelta(minutes=minutes)).isoformat() for minutes in (6, 4))
    assert put_chunk(api, session, 0, SECOND, HTTP_X_CAPTURED_AT=before).status_code == 201
    assert refusal(put_chunk(api, session, 1, SECOND, HTTP_X_CAPTURED_AT=after)) == (409, "consent_required")
    assert refusal(put_chunk(api, session, 1, SECOND)) == (409, "consent_required")


def test_what_is_stored_already_is_acknowledged_again_whatever_was_withdrawn(api, session, with_consent_required):
    post(api, session, "/consent", given=True, by="Ada", wording="May we?")
    put_chunk(api, session, 0, SECOND)
    post(api, session, "/consent", given=False, by="Ada", wording="May we?")
    assert put_chunk(api, session, 0, SECOND).status_code == 200


def test_every_answer_is_kept_as_it_was_given(api, session):
    said_at = "2026-01-31T09:30:00Z"
    for _ in range(2):
        post(api, session, "/consent", given=True, by="Ada", wording="May we?", at=said_at)
    post(api, session, "/consent", given=False, by="Ada", wording="Shall we stop?")
    kept = RecordingConsent.objects.values_list("given", "by", "wording")
    assert list(kept) == [(True, "Ada", "May we?"), (False, "Ada", "Shall we stop?")]


# --- The upload token ---


@pytest.fixture
def token(api, session):
    return post(api, session, "/upload-token").json()


def carrying(client, token):
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token['token']}")
    return client


def test_a_recorder_goes_on_with_its_upload_token(api, agent, session, token):
    recorder = carrying(api, token)
    assert put_chunk(recorder, session, 0, SECOND).status_code == 201
    assert post(recorder, session, "/gaps", start=1, cause="pause", reason="x").status_code == 200
    assert recorder.get(at(session)).status_code == 200
    assert recorder.get(at(session, "/chunks")).status_code == 200
    assert post(recorder, session, "/complete", total_chunks=1).status_code == 200


def test_it_opens_nothing_but_its_own_recording(api, agent, token):
    recorder = carrying(api, token)
    other = make_session(agent)
    for response in (
        put_chunk(recorder, other, 0, SECOND),
        recorder.get(at(other)),
        recorder.get("/api/audio/sessions"),
        recorder.post("/api/tickets"),
        recorder.get(f"/api/calls/{other.call_id}"),
    ):
        assert response.status_code == 401


def test_it_lasts_a_quarter_of_an_hour_and_is_renewed_for_a_day(api, session, token, monkeypatch):
    recorder = carrying(api, token)
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=16))
    assert put_chunk(recorder, session, 0, SECOND).status_code == 401
    renewed = post(recorder, session, "/upload-token").json()
    assert renewed["renewable_until"] == token["renewable_until"]
    assert put_chunk(carrying(api, renewed), session, 0, SECOND).status_code == 201
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(hours=24, minutes=1))
    assert post(api, session, "/upload-token").status_code == 401


def test_it_ends_with_its_users_rights(api, agent, session, token):
    recorder = carrying(api, token)
    agent.session_seal = "another"
    agent.save()
    assert put_chunk(recorder, session, 0, SECOND).status_code == 401


@pytest.mark.parametrize("forged", ["up_", "up_x:y", "up_WzFd:forged", "up_" + "A" * 5000])
def test_a_forged_one_opens_nothing(api, session, forged):
    assert put_chunk(carrying(api, {"token": forged}), session, 0, SECOND).status_code == 401


def test_a_token_of_another_company_opens_nothing_of_ours(stranger, session):
    theirs = make_session(stranger)
    token = post(bearer(stranger), theirs, "/upload-token").json()
    assert put_chunk(carrying(bearer(stranger), token), session, 0, SECOND).status_code == 401


# --- How much may be sent ---


def test_more_uploads_a_minute_than_allowed_are_refused_and_nothing_is_lost(api, agent, session, settings):
    settings.EARSHOT_UPLOADS_PER_MINUTE = 2
    for index in range(2):
        assert put_chunk(api, session, index, SECOND).status_code == 201
    refused = put_chunk(api, session, 2, SECOND)
    assert refusal(refused) == (429, "too_many_uploads")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert put_chunk(bearer(make_user(agent.tenant, "supervisor")), session, 2, SECOND).status_code == 201


# --- Recordings that were left ---


def leave(session, **ago):
    AudioSession.objects.filter(pk=session.pk).update(last_activity_at=timezone.now() - timedelta(**ago))


def test_a_recording_that_was_left_ends_with_what_it_has_and_says_so(api, session):
    put_chunk(api, session, 0, SECOND)
    do_all_jobs()
    leave(session, minutes=14)
    progress.end_abandoned()
    assert api.get(at(session)).json()["status"] == "recording"
    leave(session, minutes=16)
    progress.end_abandoned()
    told = api.get(at(session)).json()
    assert (told["status"], told["total_chunks"], told["verdict"]["state"]) == ("completed", 1, "incomplete")
    assert told["verdict"]["gaps"][0]["end"] is None


def test_it_takes_late_chunks_and_is_whole_once_its_recorder_says_so(api, session):
    put_chunk(api, session, 0, SECOND)
    leave(session, minutes=16)
    progress.end_abandoned()
    assert put_chunk(api, session, 1, SECOND).status_code == 201
    assert verdict(api, session)["state"] == "incomplete"
    assert post(api, session, "/complete", total_chunks=2).status_code == 200
    do_all_jobs()
    told = api.get(at(session)).json()
    assert (told["status"], told["verdict"]["state"]) == ("completed", "complete")


def test_a_paused_one_is_left_alone_for_four_hours(api, session):
    post(api, session, "/gaps", start=0, cause="pause", reason="lunch")
    leave(session, minutes=60)
    progress.end_abandoned()
    assert api.get(at(session)).json()["status"] == "recording"
    leave(session, hours=5)
    progress.end_abandoned()
    assert api.get(at(session)).json()["status"] == "completed"


def test_signs_of_life_keep_it_going(api, session):
    leave(session, minutes=16)
    post(api, session, "/upload-token")
    progress.end_abandoned()
    assert sessions.abandoned() == []
    assert api.get(at(session)).json()["status"] == "recording"


def test_one_that_waits_for_chunks_of_a_recorder_that_went_away_ends_without_them(api, session):
    put_chunk(api, session, 0, SECOND)
    put_chunk(api, session, 2, SECOND)
    post(api, session, "/complete", total_chunks=4)
    do_all_jobs()
    assert api.get(at(session)).json()["status"] == "processing"
    leave(session, minutes=16)
    progress.end_abandoned()
    told = api.get(at(session)).json()
    assert (told["status"], told["total_chunks"], told["verdict"]["owed"]) == ("completed", 4, [1, 3])
    assert told["verdict"]["state"] == "incomplete"
    call = api.get(f"/api/calls/{session.call_id}").json()
    assert (call["status"], call["verdict"]["owed"]) == ("completed", [1, 3])


def test_the_call_is_told_that_more_has_come(api, session):
    put_chunk(api, session, 0, SECOND)
    post(api, session, "/complete", total_chunks=1)
    do_all_jobs()
    assert api.get(f"/api/calls/{session.call_id}").json()["status"] == "completed"
    put_chunk(api, session, 1, SECOND)
    assert api.get(f"/api/calls/{session.call_id}").json()["status"] == "in_progress"
    do_all_jobs()
    assert api.get(f"/api/calls/{session.call_id}").json()["status"] == "completed"


# --- What clocks and counts may say ---


def test_a_cut_file_is_told_before_anybody_has_decoded_it(api, session):
    put_chunk(api, session, 0, SECOND, HTTP_X_SAMPLE_RANGE="0-47999/16000")
    told = post(api, session, "/complete", total_chunks=1).json()
    assert told["verdict"]["state"] == "incomplete"
    assert gaps(api, session) == [(1.0, 3.0, "never_arrived")]


def test_what_was_said_last_holds_although_a_clock_was_ahead(api, session, with_consent_required):
    soon = (datetime.now(UTC) + timedelta(seconds=50)).isoformat()
    post(api, session, "/consent", given=True, by="Ada", wording="May we?", at=soon)
    told = post(api, session, "/consent", given=False, by="Ada", wording="May we?").json()
    assert not told["consent"]["given"]
    assert refusal(put_chunk(api, session, 0, SECOND)) == (409, "consent_required")


@pytest.mark.parametrize("at", ["2099-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_consent_of_another_century_or_of_tomorrow_is_refused(api, session, at):
    body = {"given": True, "by": "Ada", "wording": "May we?", "at": at}
    assert post(api, session, "/consent", **body).status_code == 422


def test_sound_from_before_consent_was_given_is_not_taken_once_it_was_withdrawn(api, session, with_consent_required):
    now = datetime.now(UTC)
    for given, minutes in ((True, 10), (False, 5)):
        said_at = (now - timedelta(minutes=minutes)).isoformat()
        post(api, session, "/consent", given=given, by="Ada", wording="May we?", at=said_at)
    before = (now - timedelta(minutes=20)).isoformat()
    assert refusal(put_chunk(api, session, 0, SECOND, HTTP_X_CAPTURED_AT=before)) == (409, "consent_required")


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_X_SAMPLE_RANGE": "0-999999999999999/1000"},
        {"HTTP_X_SAMPLE_RANGE": "900000000000000-900000000000999/4000"},
        {"HTTP_X_START_TIME": "2592000"},
        {"HTTP_X_START_TIME": "1_0"},
    ],
)
def test_a_place_beyond_any_recording_is_refused(api, session, headers):
    assert put_chunk(api, session, 0, SECOND, **headers).status_code == 422
    assert not AudioChunk.objects.exists()


def test_a_device_that_was_lost_until_the_end_takes_up_its_room(api, session):
    put_chunk(api, session, 0, SECOND)
    post(api, session, "/gaps", start=1.0, end=5.0, cause="device")
    post(api, session, "/complete", total_chunks=1)
    assert api.get(at(session)).json()["totals"]["duration"] == 5.0


def test_nothing_is_paused_once_it_is_over(api, session):
    put_chunk(api, session, 0, SECOND)
    post(api, session, "/gaps", start=1.0, cause="pause", reason="lunch")
    assert not post(api, session, "/complete", total_chunks=1).json()["paused"]
