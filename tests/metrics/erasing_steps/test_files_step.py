"""What was deleted in Redis is in no file of Redis' afterwards."""

import os
import time
from pathlib import Path

import pytest
import redis
from django.conf import settings

from metrics.erasing_steps import files as step
from metrics.erasing_steps import recent as of_recent
from metrics.errors import RetryableMetricsError
from tests.builders import make_tenant
from tests.metrics.erasing_steps.people import customer, measured

pytestmark = pytest.mark.usefixtures("nothing")


@pytest.fixture
def client():
    return redis.Redis.from_url(settings.EARSHOT_REDIS_URL)


@pytest.fixture
def them():
    return customer(make_tenant().pk, ("web", "somebody-in-a-file"))


def on_disk(client):
    """All that Redis has written."""
    directory = Path(client.config_get("dir")["dir"])
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.suffix in {".aof", ".rdb"})


def written_to_disk(client, text):
    deadline = time.monotonic() + 20
    while text not in on_disk(client):
        assert time.monotonic() < deadline
        os.sched_yield()


def test_what_was_erased_is_in_no_file_any_more(client, them):
    measured(them.tenant_id, "somebody-in-a-file")
    measured(them.tenant_id, "somebody-else")
    written_to_disk(client, b"somebody-in-a-file")
    of_recent.erase(them)
    assert b"somebody-in-a-file" in on_disk(client)
    assert (step.count(them), step.search(them)) == (1, 1)
    told = []
    assert step.erase(them, progress=told.append) == 1
    assert told == [1]
    assert (step.count(them), step.search(them)) == (0, 0)
    assert b"somebody-in-a-file" not in on_disk(client)
    client.bgrewriteaof()
    step._wait_until_idle("log", time.monotonic() + 20)
    assert b"somebody-else" in on_disk(client)


def test_nothing_is_said_of_others_by_it(them):
    step.erase(them)
    assert step.count(customer(them.tenant_id, ("web", "other"))) == 1


def test_again_they_are_written_once_more(them):
    assert [step.erase(them), step.erase(them)] == [1, 1]
    assert step.count(them) == 0


def test_who_may_not_tell_redis_to_is_told_that_something_is_left(client, them, settings):
    client.acl_setuser("kept", enabled=True, passwords=["+word"], keys=["*"], categories=["+@all"])
    client.execute_command("ACL", "SETUSER", "kept", "-bgrewriteaof", "-config")
    settings.EARSHOT_REDIS_URL = settings.EARSHOT_REDIS_URL.replace(
        settings.EARSHOT_REDIS_URL.split("//")[1].split("@")[0], "kept:word"
    )
    step._client.cache_clear()
    try:
        assert step.erase(them) == 0
        assert step.count(them) == step.search(them) == 2
    finally:
        step._client.cache_clear()
        client.acl_deluser("kept")


def test_while_redis_is_away_that_is_said(them, settings):
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    step._client.cache_clear()
    try:
        with pytest.raises(RetryableMetricsError):
            step.erase(them)
    finally:
        step._client.cache_clear()


def test_where_somebody_else_sees_to_the_files_they_are_left_alone(tenant, settings):
    settings.EARSHOT_REDIS_NO_REWRITE = True
    somebody = customer(tenant.pk, ("web", "dana"))
    assert step.count(somebody) == step.erase(somebody) == step.search(somebody) == 0
