import pytest
import redis
from django.conf import settings

from metrics.erasing_steps import obeyed
from metrics.errors import RetryableMetricsError


@pytest.fixture(autouse=True)
def nothing_obeyed():
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).delete("erasures:obeyed")


def test_what_is_marked_is_known_and_again_is_the_same_as_once():
    assert obeyed.marked() == set()
    obeyed.mark(["ledger/1/a", "ledger/1/b"])
    obeyed.mark(["ledger/1/b"])
    obeyed.mark([])
    assert obeyed.marked() == {"ledger/1/a", "ledger/1/b"}


def test_thousands_are_marked():
    names = {f"ledger/1/{number}" for number in range(2500)}
    obeyed.mark(names)
    assert obeyed.marked() == names


def test_while_redis_is_away_that_is_said(settings):
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    obeyed._client.cache_clear()
    try:
        with pytest.raises(RetryableMetricsError):
            obeyed.marked()
    finally:
        obeyed._client.cache_clear()
