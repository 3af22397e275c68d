"""What one may not have is not had by writing it into a body: another company, a higher role, somebody else's row."""

import pytest
from django.urls import reverse

from audio.models import AudioSession
from calls import store
from calls.models import CallStatus
from crm.models import Contact, Token, User
from tests.builders import bearer, make_user
from tests.config.test_every_endpoint import call

OF_PERSON = {
    "is_superuser": True,
    "is_staff": True,
    "password": "pbkdf2_sha256$1$a$b",
    "session_seal": "known",
    "username": "other",
    "id": 1,
    "groups": [1],
    "user_permissions": [1],
}


def facts(person):
    return (
        User.objects.filter(pk=person.pk)
        .values("tenant_id", "role", *OF_PERSON.keys() - {"groups", "user_permissions"})
        .get()
    )


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


def test_an_admin_gives_nobody_more_than_a_role(admin, agent, stranger):
    before = facts(agent)
    given = {**OF_PERSON, "tenant": stranger.tenant_id, "tenant_id": stranger.tenant_id, "name": "Ada"}
    assert call(bearer(admin), "patch", f"/api/crm/users/{agent.pk}", given).status_code == 200
    assert facts(agent) == before
    new = {**given, "username": "newcomer", "role": "agent"}
    made = call(bearer(admin), "post", "/api/crm/users", new)
    assert made.status_code == 201
    person = User.objects.get(pk=made.json()["id"])
    assert (person.tenant_id, person.is_superuser, person.has_usable_password()) == (admin.tenant_id, False, False)
    assert (
        call(bearer(admin), "post", "/api/crm/users", {**new, "username": "more", "role": "superuser"}).status_code
        == 422
    )


@pytest.mark.parametrize("role", ["agent", "supervisor", "privacy", "integration"])
def test_nobody_else_changes_a_role_their_own_least_of_all(tenant, client, role):
    person = make_user(tenant, role)
    before = facts(person)
    assert call(bearer(person), "patch", f"/api/crm/users/{person.pk}", {"role": "admin"}).status_code == 403
    client.force_login(person)
    client.post("/profile/", {"name": "Ada", "email": "", "role": "admin", "is_superuser": "on", "tenant": "1"})
    assert facts(person) == before


def test_a_companys_admin_makes_nobody_run_the_site(client, admin, agent, stranger):
    client.force_login(admin)
    for person in (admin, agent, stranger):
        before = facts(person)
        address = reverse("admin:crm_user_change", args=[person.pk])
        answer = client.post(address, {"username": "x", "is_superuser": "on", "role": "admin", "is_active": "on"})
        assert answer.status_code in {403, 404}
        assert client.post(reverse("admin:auth_user_password_change", args=[person.pk]), {}).status_code in {403, 404}
        assert facts(person) == before
    assert client.post(reverse("admin:crm_user_add"), {"username": "x", "is_superuser": "on"}).status_code == 403
    assert client.post(reverse("admin:crm_tenant_add"), {"name": "x"}).status_code == 403


def test_a_call_is_of_whose_credentials_bring_it(tenant, stranger):
    program = make_user(tenant, "integration")
    given = {
        "call_id": "mine",
        "tenant_id": stranger.tenant_id,
        "tenant": stranger.tenant_id,
        "id": 1,
        "version": 99,
        "deleted": 1,
        "user_id": stranger.pk,
        "session_id": "theirs",
        "contact_id": 1,
    }
    assert call(bearer(program), "post", "/api/calls", given).status_code == 201
    assert store.find({"tenant_id": stranger.tenant_id, "call_id": "mine"}) is None
    kept = store.find({"tenant_id": tenant.pk, "call_id": "mine"})
    assert (kept["version"], kept["deleted"], kept["session_id"], kept["contact_id"]) == (1, 0, None, None)
    assert kept["user_id"] == program.pk
    for field in ("owner_id", "assigned_to_id"):
        theirs = call(bearer(program), "post", "/api/calls", {"call_id": "other", field: stranger.pk})
        assert theirs.status_code == 422
    changed = {"version": 1, "subject": "x", "tenant_id": stranger.tenant_id, "call_id": "else", "history": []}
    assert call(bearer(program), "patch", "/api/calls/mine", changed).status_code in {200, 422}
    after = store.find({"tenant_id": tenant.pk, "call_id": "mine"})
    assert (after["tenant_id"], after["history"][0]["act"]) == (tenant.pk, "opened")


def test_a_recording_is_of_who_begins_it(agent, stranger):
    given = {
        "user": stranger.pk,
        "user_id": stranger.pk,
        "tenant": stranger.tenant_id,
        "tenant_id": stranger.tenant_id,
        "status": "completed",
        "s3_base_key": "../../",
        "total_chunks": 1,
        "sound_removed_at": "2026-01-01T00:00:00Z",
    }
    answer = call(bearer(agent), "post", "/api/audio/sessions", given)
    assert answer.status_code == 201
    row = AudioSession.objects.get(pk=answer.json()["id"])
    assert (row.user_id, row.tenant_id, row.status) == (agent.pk, agent.tenant_id, "recording")
    assert (row.s3_base_key, row.total_chunks) == (f"audio/{row.pk}/", None)


def test_contacts_statuses_and_tokens_are_of_whose_credentials_bring_them(admin, tenant, stranger):
    theirs = {"tenant": stranger.tenant_id, "tenant_id": stranger.tenant_id}
    api = bearer(admin)
    assert call(api, "post", "/api/crm/contacts", {"names": ["Ada"], **theirs}).status_code == 201
    assert call(api, "post", "/api/crm/statuses", {"name": "Won", "id": 1, **theirs}).status_code == 201
    assert {Contact.objects.get().tenant_id, CallStatus.objects.get(name="Won").tenant_id} == {tenant.pk}
    assert call(api, "post", "/api/tokens", {"name": "x", "user": stranger.pk}).status_code == 404
    made = call(api, "post", "/api/tokens", {"name": "x", "digest": "0" * 64, "user_id": stranger.pk, "days": 1})
    token = Token.objects.get(pk=made.json()["id"])
    assert (token.user_id, token.digest == "0" * 64) == (admin.pk, False)
