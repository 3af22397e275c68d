"""Every endpoint that the schema describes, for everyone: a new one is covered the moment it exists."""

import itertools
import json
import uuid

import pytest
from django.urls import resolve
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from calls import conversations
from crm import tokens
from crm.models import Token, User
from crm.roles import Role, grants
from tests.builders import bearer, make_contact, make_flag, make_session, make_user, put_chunk
from tests.sound import encode, tone

# A customer of ours, called as nobody else is.
OURS = "Quetzalcoatlus"
METHODS = {"get", "post", "put", "patch", "delete"}
# Bodies that the endpoint takes; an endpoint that is not here takes none or an empty one.
BODIES = {
    ("post", "/api/audio/sessions"): {},
    ("post", "/api/audio/sessions/{session_id}/complete"): {"total_chunks": 5},
    ("post", "/api/audio/sessions/{session_id}/gaps"): {"start": 1.0, "cause": "pause", "reason": "card data"},
    ("post", "/api/audio/sessions/{session_id}/consent"): {"given": True, "by": "Ada", "wording": "May we record?"},
    ("post", "/api/calls/{call_id}/flags/{flag_id}/verdict"): {"verdict": "right"},
    ("post", "/api/crm/contacts"): {"names": ["Ada"]},
    ("patch", "/api/crm/contacts/{contact_id}"): {"names": ["Ada"]},
    ("post", "/api/tokens"): {"name": "nightly export", "days": 1},
    ("post", "/api/crm/users"): {"username": "newcomer", "role": "agent"},
    ("patch", "/api/crm/users/{person_id}"): {"name": "Somebody"},
    ("patch", "/api/crm/settings"): {"access": {"sign_in_hours": 8}},
}


def endpoints():
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    return [
        (method, path)
        for path, operations in sorted(paths.items())
        for method in sorted(METHODS & set(operations))
        if path != "/api/schema/"
    ]


def call(client, method, path, body=None):
    if method == "put":
        return client.put(path, encode(tone(1.0)), content_type="audio/ogg")
    if body is None or method == "get":
        return getattr(client, method)(path)
    return getattr(client, method)(path, json.dumps(body), content_type="application/json")


@pytest.fixture
def ours(agent):
    """An agent's session with a chunk, a flag, a contact, a token, and the ids that paths name them by."""
    session = make_session(agent)
    put_chunk(bearer(agent), session, 0, encode(tone(1.0)))
    flag = make_flag(session)
    contact = make_contact(agent.tenant, OURS)
    return {
        "session_id": str(session.pk),
        "call_id": session.call_id,
        "flag_id": flag["flag_id"],
        "index": "0",
        "contact_id": str(contact.pk),
        "person_id": str(agent.pk),
        "token_id": str(Token.objects.get(user=agent).pk),
    }


@pytest.fixture(params=endpoints(), ids=" ".join)
def endpoint(request):
    return request.param


def test_there_is_something_to_test():
    assert len(endpoints()) >= 14


def test_nobody_gets_in_without_credentials(client, ours, endpoint):
    method, path = endpoint
    response = call(client, method, path.format(**ours), BODIES.get(endpoint))
    assert (response.status_code, response.json()["error"]["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_in_just_as_its_capabilities_say(tenant, ours, endpoint, role):
    method, path = endpoint
    path = path.format(**ours)
    capability = resolve(path).func.cls.capabilities[method.upper()]
    response = call(bearer(make_user(tenant, role)), method, path, BODIES.get(endpoint))
    assert (response.status_code == 403) == (not grants(role, capability))
    assert response.status_code < 500


@pytest.mark.parametrize("role", list(Role))
def test_another_company_finds_nothing_of_ours(stranger, agent, ours, endpoint, role):
    method, template = endpoint
    path = template.format(**ours)
    capability = resolve(path).func.cls.capabilities[method.upper()]
    if not grants(role, capability):
        return
    response = call(bearer(make_user(stranger.tenant, role)), method, path, BODIES.get(endpoint))
    if "{" in template:
        assert response.status_code == 404
    else:
        told = response.content.decode()
        for word in (ours["session_id"], ours["call_id"], agent.username, OURS):
            assert word not in told


def test_who_runs_the_site_gets_into_no_endpoint_of_a_company(client, ours):
    client.force_login(User.objects.create(username="root", is_superuser=True))
    for method, path in endpoints():
        response = call(client, method, path.format(**ours), BODIES.get((method, path)))
        assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden"), path


def test_a_colleague_who_is_an_agent_finds_nothing_of_ours(tenant, agent, ours, endpoint):
    method, template = endpoint
    path = template.format(**ours)
    if not grants("agent", resolve(path).func.cls.capabilities[method.upper()]):
        return
    response = call(bearer(make_user(tenant, "agent")), method, path, BODIES.get(endpoint))
    if "{" in template:
        assert response.status_code == 404
    else:
        told = response.content.decode()
        for word in (ours["session_id"], ours["call_id"], agent.username, OURS):
            assert word not in told


@pytest.mark.parametrize("role", list(Role))
def test_a_colleagues_call_takes_a_recording_from_who_may_see_it_alone(tenant, agent, role):
    call_id = f"call-of-{agent.pk}"
    # A call whose recording is elsewhere, so that nothing but the call itself can say no.
    conversations.open_call(user=agent, call_id=call_id, start_time=timezone.now(), session_id="elsewhere")
    body = {"call": {"call_id": call_id}}
    response = call(bearer(make_user(tenant, role)), "post", "/api/audio/sessions", body)
    if grants(role, "recordings.write"):
        # To who may see it, it is told that it has its recording.
        assert response.status_code == (409 if grants(role, "calls.read_all") else 404)
    else:
        assert response.status_code == 403


@pytest.mark.parametrize("role", list(Role))
def test_a_programs_tokens_are_for_who_manages_people(tenant, role):
    program = make_user(tenant, "integration")
    tokens.issue(program, name="bridge")
    token = Token.objects.get(user=program)
    api = bearer(make_user(tenant, role))
    answers = {
        "list": call(api, "get", f"/api/tokens?user={program.pk}").status_code,
        "make": call(api, "post", "/api/tokens", {"name": "another", "user": program.pk}).status_code,
        "revoke": call(api, "delete", f"/api/tokens/{token.pk}").status_code,
    }
    may = grants(role, "people.manage")
    assert answers == ({"list": 200, "make": 201, "revoke": 204} if may else {"list": 403, "make": 403, "revoke": 404})
    token.refresh_from_db()
    assert token.is_usable != may


GARBAGE = ["x", "%00", "🦊", str(uuid.UUID(int=0)), "..%2f..", "9" * 400]


def test_garbage_in_a_path_is_a_clear_4xx(supervisor, ours, endpoint):
    method, template = endpoint
    api = bearer(supervisor)
    # All of it in one test: it changes nothing, and what makes the test dear is the recording that is there.
    for name, garbage in itertools.product(ours, GARBAGE):
        if f"{{{name}}}" in template:
            response = call(api, method, template.format(**{**ours, name: garbage}), BODIES.get(endpoint))
            assert 400 <= response.status_code < 500, (name, garbage)
            assert set(response.json()["error"]) <= {"code", "message", "fields"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"total_chunks": 1e400}'])
def test_garbage_in_a_body_is_never_a_5xx(supervisor, ours, endpoint, body):
    method, template = endpoint
    if method == "get":
        return
    response = getattr(bearer(supervisor), method)(template.format(**ours), body, content_type="application/json")
    assert response.status_code < 500


def test_an_address_that_does_not_exist_is_404_in_the_one_shape(client, db):
    response = client.get("/api/nonsense")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_the_docs_page_and_the_schema_are_there(client, db):
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/").content.decode()
    assert "https://" not in page, "everything is served by ourselves"
