"""Who asks for what costs much again and again."""

import pytest

from crm import throttling
from tests.builders import bearer, make_user


def ask(api, address):
    return api.post(address) if address == "/api/tickets" else api.get(address)


@pytest.fixture(params=["searches", "tickets", "exports"])
def costly(request, settings, things):
    """An address of which one person may have two a minute."""
    setattr(settings, f"EARSHOT_{request.param.upper()}_PER_MINUTE", 2)
    call = f"/api/calls/{things['call_id']}/export?format=txt"
    return {"searches": "/api/search?q=hello", "tickets": "/api/tickets", "exports": call}[request.param]


def test_one_person_asks_so_often_and_then_waits_and_holds_nobody_up(tenant, costly):
    one, another = bearer(make_user(tenant, "supervisor")), bearer(make_user(tenant, "supervisor"))
    first, second, refused = (ask(one, costly) for _ in range(3))
    assert max(first.status_code, second.status_code) < 300
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "throttled")
    assert 0 < int(refused["Retry-After"]) <= 61
    assert ask(another, costly).status_code < 300


def test_another_token_of_the_same_person_is_the_same_person(tenant, costly):
    person = make_user(tenant, "supervisor")
    codes = [ask(bearer(person), costly).status_code for _ in range(3)]
    assert codes[2] == 429


@pytest.fixture
def without_cache(settings):
    throttling._count.cache_clear()
    settings.EARSHOT_CACHE_URL = "redis://127.0.0.1:9/0"
    yield
    throttling._count.cache_clear()


def test_while_nobody_can_count_nobody_is_held_up(tenant, costly, without_cache):
    api = bearer(make_user(tenant, "supervisor"))
    assert {ask(api, costly).status_code for _ in range(4)} <= {200, 201}
