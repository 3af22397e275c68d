from datetime import timedelta

import pytest
from django.utils import timezone

from crm import tickets, tokens
from crm.credentials import user_behind
from crm.models import Token, User
from crm.roles import CAPABILITIES, Role, grants
from tests.builders import bearer, make_user


def test_a_token_is_kept_as_a_digest_and_shown_once(agent):
    secret = tokens.issue(agent, name="recorder")
    kept = Token.objects.get()
    assert tokens.find(secret).user == agent
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
    assert tokens.find(secret) is None


def test_use_of_a_token_is_noted_every_five_minutes_not_every_time(agent, django_assert_num_queries):
    secret = tokens.issue(agent, name="recorder")
    tokens.find(secret)
    with django_assert_num_queries(1):
        tokens.find(secret)
    Token.objects.update(last_used_at=timezone.now() - timedelta(minutes=6))
    tokens.find(secret)
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
    assert user_behind(tickets.redeem(ticket)) == agent
    assert tickets.redeem(ticket) is None
    assert tickets.redeem("made-up") is None


def test_a_ticket_lives_half_a_minute(agent):
    ticket = bearer(agent).post("/api/tickets").json()["ticket"]
    assert 0 < tickets._client().ttl(tickets.KEY.format(ticket=ticket)) <= 30


def test_a_ticket_is_worth_no_more_than_the_token_it_was_made_with(agent):
    credential = tickets.redeem(bearer(agent).post("/api/tickets").json()["ticket"])
    tokens.revoke(Token.objects.get())
    assert user_behind(credential) is None


def test_a_ticket_of_a_browser_ends_with_its_session(agent, client):
    client.force_login(agent)
    credential = tickets.redeem(client.post("/api/tickets").json()["ticket"])
    assert user_behind(credential) == agent
    client.logout()
    assert user_behind(credential) is None


def test_a_new_password_ends_what_was_opened_with_the_old_one(agent, client):
    client.force_login(agent)
    credential = tickets.redeem(client.post("/api/tickets").json()["ticket"])
    agent.set_password("another-long-pass-phrase")
    agent.save()
    assert user_behind(credential) is None


def test_tickets_say_try_again_while_redis_is_away(agent, settings):
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    tickets._client.cache_clear()
    try:
        response = bearer(agent).post("/api/tickets")
    finally:
        tickets._client.cache_clear()
    assert (response.status_code, response.json()["error"]["code"]) == (503, "tickets_unavailable")
    assert int(response["Retry-After"]) > 0


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
