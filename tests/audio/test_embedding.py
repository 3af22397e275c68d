"""Which sites' pages may send what they record, and read what is answered."""

import pytest

from audio import upload_tokens
from audio.models import RecordingPolicy
from tests.builders import bearer, make_session, make_user

DESK = "https://desk.example.com"


@pytest.fixture
def token(agent, session):
    return upload_tokens.issue(agent, session).secret


@pytest.fixture
def desk(tenant):
    """The company lets its desk's pages record."""
    return RecordingPolicy.objects.create(tenant=tenant, allowed_origins=f"https://other.example.com\n{DESK}")


def ask_first(client, address, origin=DESK):
    return client.options(address, headers={"Origin": origin, "Access-Control-Request-Method": "PUT"})


def read(client, session, token, origin=DESK):
    headers = {"Origin": origin, "Authorization": f"Bearer {token}"}
    return client.get(f"/api/audio/sessions/{session.pk}", headers=headers)


def allowed(response):
    assert "Origin" in response.headers["Vary"]
    return response.headers.get("Access-Control-Allow-Origin")


def test_a_page_that_some_company_allows_may_send(client, desk, session):
    response = ask_first(client, f"/api/audio/sessions/{session.pk}/chunks/0")
    assert (response.status_code, allowed(response)) == (204, DESK)
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    assert "Content-Digest" in response.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", ["https://evil.example.com", "https://desk.example.co", "null", f"{DESK}.evil.com"])
def test_no_other_page_may(client, desk, session, token, origin):
    assert allowed(ask_first(client, f"/api/audio/sessions/{session.pk}/chunks/0", origin)) is None
    assert allowed(read(client, session, token, origin)) is None


def test_the_answer_is_for_pages_of_the_token_s_company(client, desk, session, token, stranger):
    assert allowed(read(client, session, token)) == DESK
    theirs = make_session(stranger)
    assert allowed(read(client, theirs, upload_tokens.issue(stranger, theirs).secret)) is None


def test_a_cookie_or_a_person_s_token_opens_nothing_to_another_site(client, desk, session, agent, tenant):
    client.force_login(agent)
    assert allowed(client.get(f"/api/audio/sessions/{session.pk}", headers={"Origin": DESK})) is None
    asked = bearer(make_user(tenant, "supervisor")).get(f"/api/audio/sessions/{session.pk}", headers={"Origin": DESK})
    assert asked.status_code == 200
    assert allowed(asked) is None


def test_only_the_api_of_recordings_is_opened(client, desk):
    assert "Access-Control-Allow-Origin" not in ask_first(client, "/api/crm/settings").headers


def test_an_origin_is_entered_as_browsers_write_it(api, tenant):
    admin = bearer(make_user(tenant, "admin"))
    for wrong in ("desk.example.com", "https://desk.example.com/", "*", "https://Desk.example.com"):
        refused = admin.patch("/api/crm/settings", {"recording": {"allowed_origins": wrong}}, format="json")
        assert refused.status_code == 422, wrong
    right = admin.patch("/api/crm/settings", {"recording": {"allowed_origins": DESK}}, format="json")
    assert right.json()["recording"]["allowed_origins"] == DESK
