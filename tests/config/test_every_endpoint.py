"""Every endpoint that the schema describes, for everyone: a new one is covered the moment it exists."""

import itertools
import json
import uuid

import pytest
from django.urls import resolve
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from calls import intake, opening, statuses
from crm import tokens
from crm.models import Token, User
from crm.roles import Role, grants
from tests.builders import (
    bearer,
    make_alert,
    make_contact,
    make_dubbing_session,
    make_erasure,
    make_flag,
    make_hold,
    make_measured,
    make_person_export,
    make_segment,
    make_session,
    make_user,
    put_chunk,
)
from tests.sound import encode, tone

# A customer of ours, called as nobody else is.
OURS = "Quetzalcoatlus"
# What belongs to a whole company, agents and all.
OF_THE_COMPANY = {
    "/api/crm/statuses",
    "/api/crm/statuses/{status_id}",
    "/crm/board",
    "/crm/calls/get-grouped-by-status",
}
# What every company has one of, and calls by the same name.
OF_EVERY_COMPANY = {"/api/metrics/alerts/rules/{kind}"}
GARBAGE = ["x", "%00", "🦊", str(uuid.UUID(int=0)), "..%2f..", "9" * 400]
BODIES_OF_GARBAGE = [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"total_chunks": 1e400}']
METHODS = {"get", "post", "put", "patch", "delete"}
# Bodies that the endpoint takes; an endpoint that is not here takes none or an empty one.
BODIES = {
    ("post", "/api/audio/sessions"): {},
    ("post", "/api/audio/sessions/{session_id}/complete"): {"total_chunks": 5},
    ("post", "/api/audio/sessions/{session_id}/gaps"): {"start": 1.0, "cause": "pause", "reason": "card data"},
    ("post", "/api/audio/sessions/{session_id}/consent"): {"given": True, "by": "Ada", "wording": "May we record?"},
    ("post", "/api/calls/{call_id}/flags/{flag_id}/verdict"): {"verdict": "right"},
    ("post", "/api/calls"): {"subject": "A refund"},
    ("patch", "/api/calls/{call_id}"): {"version": 1, "subject": "A refund"},
    ("post", "/api/calls/{call_id}/move"): {"status_id": None},
    ("post", "/api/calls/{call_id}/notes"): {"text": "Call back"},
    ("post", "/api/calls/{call_id}/segments"): {
        "segments": [{"segment_id": "a", "speaker": "agent", "text": "Hello", "start_time": 0, "end_time": 1}]
    },
    ("patch", "/api/calls/{call_id}/segments/{segment_id}"): {"text": "Hello"},
    ("post", "/api/calls/{call_id}/speakers/rename"): {"from": "agent", "to": "Ada"},
    ("post", "/api/crm/statuses"): {"name": "Won"},
    ("patch", "/api/crm/statuses"): {"order": [1]},
    ("patch", "/api/crm/statuses/{status_id}"): {"name": "Won"},
    ("post", "/api/conversations"): {"user_id": "5", "platform": "web", "transcript": "User: hello"},
    ("post", "/api/crm/calls/{call_id}/contact"): {"contact_id": None},
    ("post", "/api/crm/contacts"): {"names": ["Ada"]},
    ("patch", "/api/crm/contacts/{contact_id}"): {"names": ["Ada"]},
    ("post", "/api/metrics/dubbing-sessions"): {"session_id": "s-1", "user_id": "dana"},
    ("post", "/api/metrics/dubbing-sessions/{session_id}/heartbeat"): {"metrics": {"buffer_ms": 120}},
    ("post", "/api/metrics/segments"): {
        "segment_id": "1",
        "channel_id": "news",
        "session_id": "s-1",
        "user_id": "dana",
        "extraction_ms": 120,
        "dubbing_ms": 1200,
        "reinsertion_ms": 180,
    },
    ("post", "/api/privacy/exports"): {"platform": "web", "external_user_id": "dana"},
    ("post", "/api/privacy/erasures"): {"platform": "web", "external_user_id": "dana", "dry_run": True},
    ("post", "/api/privacy/holds"): {"call_id": "kept", "reason": "A case"},
    ("post", "/api/tokens"): {"name": "nightly export", "days": 1},
    ("post", "/api/crm/users"): {"username": "newcomer", "role": "agent"},
    ("patch", "/api/crm/users/{person_id}"): {"name": "Somebody"},
    ("patch", "/api/metrics/alerts/rules/{kind}"): {"threshold": 7.5},
    ("post", "/api/metrics/alerts/destinations"): {"kind": "email", "address": "desk@example.com"},
    ("patch", "/api/metrics/alerts/destinations/{destination_id}"): {"is_on": False},
    ("patch", "/api/privacy/retention"): {"audio_days": 400},
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
def ours(agent, intake_queue):
    """An agent's session with a chunk, a flag, a contact, a token, and the ids that paths name them by."""
    session = make_session(agent)
    put_chunk(bearer(agent), session, 0, encode(tone(1.0)))
    flag = make_flag(session)
    contact = make_contact(agent.tenant, OURS)
    make_dubbing_session(agent.tenant_id, str(session.pk))
    alert, delivery = make_alert(agent.tenant, told_to=f"https://example.com/{OURS}")
    make_measured(agent.tenant_id, OURS)
    return {
        "alert_id": str(alert.pk),
        "kind": alert.rule.kind,
        "destination_id": str(delivery.destination_id),
        "delivery_id": str(delivery.pk),
        "session_id": str(session.pk),
        "call_id": session.call_id,
        "flag_id": flag["flag_id"],
        "segment_id": make_segment(session)["segment_id"],
        "status_id": str(statuses.create(agent.tenant_id, {"name": OURS}).pk),
        "index": "0",
        "request_id": str(make_erasure(agent.tenant, subject_name=OURS).pk),
        "hold_id": str(make_hold(agent.tenant, call_id=OURS).pk),
        "conversation_id": intake.queue_conversation("5", "web", f"User: {OURS}", tenant_id=agent.tenant_id),
        "contact_id": str(contact.pk),
        "person_id": str(agent.pk),
        "token_id": str(Token.objects.get(user=agent).pk),
        "user_id": OURS,
        "export_id": str(make_person_export(agent, of=agent).pk),
    }


@pytest.fixture(params=endpoints(), ids=" ".join)
def endpoint(request):
    return request.param


def test_there_is_something_to_test():
    assert len(endpoints()) >= 14


# What makes these tests dear is the recording that is there, so all that changes nothing is asked of the same one.
def test_garbage_in_a_body_is_never_a_5xx_and_a_role_gets_in_just_as_its_capabilities_say(tenant, ours, endpoint):
    method, path = endpoint
    path = path.format(**ours)
    if method != "get":
        api = bearer(make_user(tenant, "supervisor"))
        for body in BODIES_OF_GARBAGE:
            response = getattr(api, method)(path, body, content_type="application/json")
            assert response.status_code < 500, body
    capability = resolve(path).func.cls.capabilities[method.upper()]
    for role in Role:
        response = call(bearer(make_user(tenant, role)), method, path, BODIES.get(endpoint))
        assert (response.status_code == 403) == (not grants(role, capability)), role
        assert response.status_code < 500, role


# A hundred endpoints after one another.
@pytest.mark.timeout(900)
def test_whoever_else_knocks_finds_nothing_of_ours(tenant, stranger, agent, ours):
    """Nobody at all, every role of another company, and a colleague who is an agent: all of them change nothing."""
    nobody, colleague = APIClient(), bearer(make_user(tenant, "agent"))
    strangers = {role: bearer(make_user(stranger.tenant, role)) for role in Role}
    for method, template in endpoints():
        path, body = template.format(**ours), BODIES.get((method, template))
        capability = resolve(path).func.cls.capabilities[method.upper()]
        response = call(nobody, method, path, body)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "not_authenticated"), path
        knocking = [api for role, api in strangers.items() if grants(role, capability)]
        if template not in OF_THE_COMPANY and grants("agent", capability):
            knocking.append(colleague)
        for api in knocking:
            response = call(api, method, path, body)
            if "{" in template and template not in OF_EVERY_COMPANY:
                assert response.status_code == 404, (method, path)
            else:
                told = response.getvalue().decode()
                for word in (ours["session_id"], ours["call_id"], agent.username, OURS):
                    assert word not in told, (method, path)


def test_who_runs_the_site_gets_into_no_endpoint_of_a_company(client, ours):
    client.force_login(User.objects.create(username="root", is_superuser=True))
    for method, path in endpoints():
        response = call(client, method, path.format(**ours), BODIES.get((method, path)))
        assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden"), path


@pytest.mark.parametrize("role", list(Role))
def test_a_colleagues_call_takes_a_recording_from_who_may_see_it_alone(tenant, agent, role):
    call_id = f"call-of-{agent.pk}"
    # A call whose recording is elsewhere, so that nothing but the call itself can say no.
    opening.open_call(user=agent, call_id=call_id, start_time=timezone.now(), session_id="elsewhere")
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


@pytest.mark.timeout(900)
def test_garbage_in_a_path_is_a_clear_4xx(supervisor, ours):
    api = bearer(supervisor)
    for method, template in endpoints():
        for name, garbage in itertools.product(ours, GARBAGE):
            if f"{{{name}}}" in template:
                path = template.format(**{**ours, name: garbage})
                response = call(api, method, path, BODIES.get((method, template)))
                assert 400 <= response.status_code < 500, (method, path)
                assert set(response.json()["error"]) <= {"code", "message", "fields"}, (method, path)


def test_an_address_that_does_not_exist_is_404_in_the_one_shape(client, db):
    response = client.get("/api/nonsense")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_the_docs_page_and_the_schema_are_there(client, db):
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/").content.decode()
    assert "https://" not in page, "everything is served by ourselves"
