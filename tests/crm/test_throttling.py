"""Counting who asks how often."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from crm import throttling
from crm.throttling import PerMinute


def admitted(person_id, *, scope="tickets"):
    throttle = PerMinute()
    asks = SimpleNamespace(user=SimpleNamespace(pk=person_id))
    return throttle.allow_request(asks, SimpleNamespace(throttle_scope=scope)), throttle.wait()


@pytest.fixture
def person_id(settings):
    settings.EARSHOT_TICKETS_PER_MINUTE = settings.EARSHOT_EXPORTS_PER_MINUTE = 5
    throttling._count().registered_client.delete("throttle:tickets:7001", "throttle:exports:7001")
    return 7001


def test_of_many_at_once_no_more_are_let_in_than_of_as_many_one_after_another(person_id):
    with ThreadPoolExecutor(16) as at_once:
        said = list(at_once.map(lambda _: admitted(person_id), range(64)))
    assert sum(is_in for is_in, _ in said) == 5
    assert all(0 < seconds <= 60 for _, seconds in said)


def test_one_thing_is_counted_apart_from_another(person_id):
    assert [admitted(person_id)[0] for _ in range(6)] == [True] * 5 + [False]
    assert admitted(person_id, scope="exports")[0]


def test_the_count_ends_with_its_minute(person_id):
    admitted(person_id)
    assert 0 < throttling._count().registered_client.ttl(f"throttle:tickets:{person_id}") <= 60


def test_a_limit_that_no_setting_names_is_loud(person_id):
    with pytest.raises(AttributeError, match="EARSHOT_PIES_PER_MINUTE"):
        admitted(person_id, scope="pies")
