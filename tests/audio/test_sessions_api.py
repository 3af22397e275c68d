import uuid

import pytest

from audio import live_state
from audio.models import AudioSession
from calls import conversations, store
from tests.builders import bearer, make_session, make_user, put_chunk
from tests.sound import encode, tone

SESSIONS = "/api/audio/sessions"


@pytest.fixture(scope="module")
def sound():
    return encode(tone(1.0), container="ogg")


def test_a_session_starts_with_its_call(api, agent):
    response = api.post(SESSIONS, {"test_session_id": "T-1", "call": {"subject": "Renewal"}}, format="json")
    assert response.status_code == 201
    body = response.json()
    assert (body["status"], body["test_session_id"], body["owed"]) == ("recording", "T-1", [])
    assert body["s3_base_key"] == f"audio/{body['id']}/"
    call = conversations.read_call(agent, body["call_id"])
    assert (call["subject"], call["session_id"], call["status"]) == ("Renewal", body["id"], "in_progress")
    assert call["tenant_id"] == agent.tenant_id


def test_to_begin_asks_postgresql_little_more_than_an_upload_does(api, django_assert_max_num_queries):
    api.post(SESSIONS, {}, format="json")
    with django_assert_max_num_queries(18):
        assert api.post(SESSIONS, {}, format="json").status_code == 201


def test_the_same_id_again_is_the_same_session(api):
    chosen = {"id": str(uuid.uuid4())}
    first, again = (api.post(SESSIONS, chosen, format="json") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"] == chosen["id"]


def test_somebody_elses_id_is_409_and_tells_nothing(session, stranger):
    response = bearer(stranger).post(SESSIONS, {"id": str(session.pk)}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "session_conflict")
    assert "call_id" not in response.content.decode()


def test_a_call_has_one_recording(api, agent):
    make_session(agent, call={"call_id": "C-7"})
    response = api.post(SESSIONS, {"call": {"call_id": "C-7"}}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "call_taken")


def test_an_agent_cannot_record_into_a_colleagues_call(tenant, agent):
    make_session(agent, call={"call_id": "C-8"})
    response = bearer(make_user(tenant, "agent")).post(SESSIONS, {"call": {"call_id": "C-8"}}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_call")


def test_the_same_call_id_in_two_companies_is_two_calls(agent, stranger):
    for user in (agent, stranger):
        make_session(user, call={"call_id": "C-9", "subject": f"of {user.username}"})
        assert conversations.read_call(user, "C-9")["subject"] == f"of {user.username}"


@pytest.mark.parametrize(
    "body",
    [
        {"channels": 3},
        {"id": "no uuid"},
        {"test_session_id": "x" * 256},
        {"call": {"call_id": "$where"}},
        {"call": {"platform": "my chat"}},
        {"metadata": {"big": "x" * 20_000}},
        {"call": "a string"},
    ],
)
def test_what_cannot_be_right_is_422_with_its_field(api, body):
    response = api.post(SESSIONS, body, format="json")
    assert response.status_code == 422
    assert set(response.json()["error"]["fields"]) == set(body)
    assert not AudioSession.objects.exists()


def test_what_is_no_json_is_400(api):
    response = api.post(SESSIONS, "{nonsense", content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "malformed")


def test_a_list_shows_an_agent_their_own_and_a_supervisor_all_of_the_company(
    api, session, tenant, supervisor, stranger
):
    make_session(make_user(tenant, "agent"))
    make_session(stranger)
    assert [one["id"] for one in api.get(SESSIONS).json()["results"]] == [str(session.pk)]
    assert len(bearer(supervisor).get(SESSIONS).json()["results"]) == 2
    assert len(bearer(stranger).get(SESSIONS).json()["results"]) == 1


def test_a_list_goes_on_by_cursor(api, agent):
    for _ in range(5):
        make_session(agent)
    seen, page = [], f"{SESSIONS}?limit=2"
    while page:
        answer = api.get(page).json()
        assert len(answer["results"]) <= 2
        seen += [one["id"] for one in answer["results"]]
        page = answer["next"]
    assert len(seen) == len(set(seen)) == 5


def test_complete_names_what_is_owed_and_remembers_the_total(api, session, sound):
    for index in (0, 2):
        put_chunk(api, session, index, sound)
    response = api.post(f"{SESSIONS}/{session.pk}/complete", {"total_chunks": 4}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "chunks_owed")
    assert response.json()["error"]["fields"]["owed"] == [1, 3]
    shown = api.get(f"{SESSIONS}/{session.pk}").json()
    assert (shown["total_chunks"], shown["owed"], shown["status"]) == (4, [1, 3], "processing")


def test_a_total_below_what_is_stored_is_409(api, session, sound):
    put_chunk(api, session, 3, sound)
    response = api.post(f"{SESSIONS}/{session.pk}/complete", {"total_chunks": 3}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "session_conflict")
    assert api.get(f"{SESSIONS}/{session.pk}").json()["status"] == "recording"


def test_a_session_without_any_sound_completes_at_once(api, agent, session):
    response = api.post(f"{SESSIONS}/{session.pk}/complete", {"total_chunks": 0}, format="json")
    assert (response.status_code, response.json()["status"]) == (200, "completed")
    assert conversations.read_call(agent, session.call_id)["status"] == "completed"


def test_a_start_that_failed_half_way_may_be_tried_again(api, agent, settings):
    wanted = {"call": {"call_id": "C-10"}}
    store.close()
    settings.EARSHOT_MONGODB_URL, before = (
        "mongodb://127.0.0.1:9/earshot?serverSelectionTimeoutMS=200",
        (settings.EARSHOT_MONGODB_URL),
    )
    try:
        failed = api.post(SESSIONS, wanted, format="json")
    finally:
        store.close()
        settings.EARSHOT_MONGODB_URL = before
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "calls_unavailable")
    assert not AudioSession.objects.exists()
    assert api.post(SESSIONS, wanted, format="json").status_code == 201


def test_a_long_list_costs_no_more_queries_than_a_short_one(api, agent, django_assert_max_num_queries):
    for _ in range(20):
        make_session(agent)
    with django_assert_max_num_queries(4):
        assert len(api.get(SESSIONS).json()["results"]) == 20


def test_what_is_owed_is_named_up_to_a_thousand(api, session):
    response = api.post(f"{SESSIONS}/{session.pk}/complete", {"total_chunks": 10_000}, format="json")
    assert response.status_code == 409
    assert len(response.json()["error"]["fields"]["owed"]) == 1000
    assert "10000 of 10000" in response.json()["error"]["message"]


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "nonsense", "%00", "cD0wMDAx"])
def test_a_cursor_that_is_none_of_ours_is_404(api, session, cursor):
    assert api.get(f"{SESSIONS}?cursor={cursor}").status_code in {200, 404}


def test_completing_again_tells_nobody_twice(api, session):
    for _ in range(2):
        assert api.post(f"{SESSIONS}/{session.pk}/complete", {"total_chunks": 0}, format="json").status_code == 200
    latest = live_state.latest_seq(str(session.pk))
    assert live_state.number_of(latest) == 2, "session_changed and session_completed, once each"


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "1e2", "99999999"])
def test_a_limit_out_of_bounds_is_422(api, limit):
    response = api.get(f"{SESSIONS}?limit={limit}")
    assert (response.status_code, list(response.json()["error"]["fields"])) == (422, ["limit"])


def test_a_chunk_beyond_the_total_raises_it_and_what_lies_between_is_owed(api, session, sound):
    put_chunk(api, session, 0, sound)
    api.post(f"{SESSIONS}/{session.pk}/complete", {"total_chunks": 1}, format="json")
    put_chunk(api, session, 3, sound)
    shown = api.get(f"{SESSIONS}/{session.pk}").json()
    assert (shown["total_chunks"], shown["owed"], shown["status"]) == (4, [1, 2], "processing")
