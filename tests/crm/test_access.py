from datetime import timedelta

import pytest
from django.utils import timezone

from crm import tickets, tokens
from crm.models import Token, User
from crm.roles import CAPABILITIES, Role, grants
from tests.builders import bearer, make_user


def test_a_token_is_kept_as_a_digest_and_shown_once(agent):
    secret = tokens.issue(agent, name="recorder")
    kept = Token.objects.get()
    assert tokens.user_of(secret) == agent
    assert secret not in str(Token.objects.values_list().get())
    assert kept.hint == secret[-4:]


@pytest.mark.parametrize(
    "change",
    [
        lambda agent: Token.objects.update(expires_at=timezone.now()),
        lambda agent: tokens.revoke(Token.objects.get()),
        lambda agent: User.objects.update(is_active=False),
        lambda agent: agent.delete(),
    ],
    ids=["expired", "revoked", "user inactive", "user gone"],
)
def test_a_token_is_worth_nothing_once(agent, change):
    secret = tokens.issue(agent, name="recorder")
    change(agent)
    assert tokens.user_of(secret) is None


def test_use_of_a_token_is_noted_every_five_minutes_not_every_time(agent, django_assert_num_queries):
    secret = tokens.issue(agent, name="recorder")
    tokens.user_of(secret)
    with django_assert_num_queries(1):
        tokens.user_of(secret)
    Token.objects.update(last_used_at=timezone.now() - timedelta(minutes=6))
    tokens.user_of(secret)
    assert timezone.now() - Token.objects.get().last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer nonsense", "bearer \xff", "Bearer a b"])
def test_a_wrong_bearer_header_is_401_and_says_how(client, db, header):
    response = client.get("/api/audio/sessions", headers={"authorization": header})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_bearer_never_falls_back_to_the_cookie(client, agent):
    client.force_login(agent)
    assert client.get("/api/audio/sessions").status_code == 200
    assert client.get("/api/audio/sessions", headers={"authorization": "Bearer wrong"}).status_code == 401


def test_a_ticket_is_good_once(agent):
    ticket = bearer(agent).post("/api/tickets").json()["ticket"]
    assert tickets.redeem(ticket) == agent
    assert tickets.redeem(ticket) is None
    assert tickets.redeem("made-up") is None


def test_a_ticket_lives_half_a_minute(agent):
    ticket = tickets.issue(agent)
    assert 0 < tickets._client().ttl(tickets.KEY.format(ticket=ticket)) <= 30


def test_every_role_is_in_the_table_and_an_unknown_one_may_nothing():
    assert set(CAPABILITIES) == set(Role)
    assert not grants("director", "recordings.read")


def test_who_is_inactive_may_nothing(tenant):
    assert not make_user(tenant, "admin", is_active=False).may("recordings.read")


def test_a_superuser_works_in_no_company(db, client):
    root = User.objects.create(username="root", is_superuser=True, is_staff=True)
    assert root.may("recordings.read")
    assert bearer(root).get("/api/audio/sessions").status_code == 403
    client.force_login(root)
    assert client.get("/sessions/").status_code == 403
    assert client.get("/admin/").status_code == 200
