from datetime import timedelta

import pytest
from django.utils import timezone

from crm import tokens
from crm.models import AccessPolicy, Token
from tests.builders import bearer, make_user


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


def test_a_token_is_made_used_listed_and_revoked(api, agent):
    made = api.post("/api/tokens", {"name": "nightly export", "days": 7}, format="json")
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    body = made.json()
    assert tokens.find(body["secret"]).user == agent
    assert timezone.now() + timedelta(days=6) < Token.objects.get(pk=body["id"]).expires_at
    listed = api.get("/api/tokens").json()["results"]
    assert listed[0]["name"] == "nightly export"
    assert "secret" not in listed[0]
    assert body["secret"] not in str(listed)
    assert api.delete(f"/api/tokens/{body['id']}").status_code == 204
    assert api.delete(f"/api/tokens/{body['id']}").status_code == 204
    assert tokens.find(body["secret"]) is None
    assert api.get("/api/tokens").json()["results"][0]["revoked_at"]


def test_a_colleagues_token_is_neither_seen_nor_revoked(api, supervisor, admin):
    tokens.issue(supervisor, name="theirs")
    token = Token.objects.get(name="theirs")
    for client in (api, bearer(admin)):
        assert client.delete(f"/api/tokens/{token.pk}").status_code == 404
        assert "theirs" not in client.get("/api/tokens").content.decode()


def test_an_admin_looks_after_the_tokens_of_a_program(admin, tenant):
    program = make_user(tenant, "integration")
    client = bearer(admin)
    made = client.post("/api/tokens", {"name": "bridge", "user": program.pk}, format="json").json()
    assert tokens.find(made["secret"]).user == program
    [listed] = client.get(f"/api/tokens?user={program.pk}").json()["results"]
    assert listed["id"] == made["id"]
    assert client.delete(f"/api/tokens/{made['id']}").status_code == 204
    assert tokens.find(made["secret"]) is None


def test_only_who_manages_people_acts_for_a_program_and_for_no_person(supervisor, admin, agent, stranger, tenant):
    program = make_user(tenant, "integration")
    foreign = make_user(stranger.tenant, "integration")

    def answers(user, owner):
        client = bearer(user)
        made = client.post("/api/tokens", {"name": "x", "user": owner.pk}, format="json")
        return made.status_code, client.get(f"/api/tokens?user={owner.pk}").status_code

    assert answers(supervisor, program) == (403, 403)
    assert answers(admin, agent) == (404, 404)
    assert answers(admin, foreign) == (404, 404)
    assert answers(admin, admin) == (201, 200)


@pytest.mark.parametrize("user", ["x", "", "-1", "9" * 400, "1e3"])
def test_a_list_of_nobodys_tokens_is_a_clear_4xx(api, user):
    assert 400 <= api.get(f"/api/tokens?user={user}").status_code < 500


def test_no_token_is_made_to_live_longer_than_the_company_allows(api, agent):
    AccessPolicy.objects.create(tenant=agent.tenant, longest_token_days=30)
    refused = api.post("/api/tokens", {"name": "x", "days": 31}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "token_life_out_of_bounds")
    assert api.post("/api/tokens", {"name": "by default"}, format="json").status_code == 201
    tokens.issue(agent, name="by a command", lifetime=timedelta(days=90))
    limit = timezone.now() + timedelta(days=30)
    assert not Token.objects.filter(name__startswith="by", expires_at__gt=limit).exists()


def test_a_shorter_life_ends_tokens_that_are_older_at_once(admin, agent):
    client, program = bearer(admin), bearer(agent)
    Token.objects.filter(user=agent).update(created_at=timezone.now() - timedelta(days=10))
    assert program.get("/api/tokens").status_code == 200
    client.patch("/api/crm/settings", {"access": {"longest_token_days": 9}}, format="json")
    assert program.get("/api/tokens").status_code == 401
    assert client.get("/api/tokens").status_code == 200


def test_a_company_may_keep_agents_from_making_tokens(api, agent, supervisor):
    AccessPolicy.objects.create(tenant=agent.tenant, agents_may_make_tokens=False)
    refused = api.post("/api/tokens", {"name": "x"}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "tokens_not_allowed")
    assert bearer(supervisor).post("/api/tokens", {"name": "x"}, format="json").status_code == 201


def test_there_is_an_end_to_tokens(api, agent):
    for number in range(99):
        tokens.issue(agent, name=str(number))
    refused = api.post("/api/tokens", {"name": "one too many"}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many_tokens")
    tokens.revoke(Token.objects.filter(user=agent).first())
    assert api.post("/api/tokens", {"name": "again"}, format="json").status_code == 201


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 121}, {"name": "x", "days": 0}])
def test_a_token_without_sense_is_refused_with_the_field(api, body):
    response = api.post("/api/tokens", body, format="json")
    assert response.status_code == 422
    assert response.json()["error"]["fields"]
