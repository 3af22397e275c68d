import io
import os
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from calls import queue, store
from metrics import archive, keyring, mongo_clients
from tests import emptying
from tests.builders import bearer, make_session, make_tenant, make_user
from tests.running import RunningStack
from tests.side_by_side import ENDS_STACK

# How long a machine takes to make an example says nothing of the code.
hypothesis_settings.register_profile("here", suppress_health_check=[HealthCheck.too_slow], deadline=None)
hypothesis_settings.load_profile("here")

# After each test that commits, which is most of them.
TransactionTestCase._fixture_teardown = emptying.after


def pytest_configure(config):
    if os.environ.get("EARSHOT_TEST_SERVERS") != "1":
        pytest.exit(
            "The tests write to real servers and empty them, so they run only on servers of their own: `make test`, "
            "or `make test TESTS=tests/audio` for a part.",
            returncode=2,
        )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        call_command("create_stores", stdout=io.StringIO())
        yield
        store.close()
        mongo_clients.close()


@pytest.fixture(scope="session", autouse=True)
def static_files():
    call_command("collectstatic", interactive=False, verbosity=0)
    # Every client of Django's loads the middleware anew. Looking at all static files each time, as a server does once
    # when it starts, takes longer than what most tests ask for.
    django_settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def tenant(transactional_db):
    return make_tenant()


@pytest.fixture
def agent(tenant):
    return make_user(tenant, "agent")


@pytest.fixture
def supervisor(tenant):
    return make_user(tenant, "supervisor")


@pytest.fixture
def stranger(transactional_db):
    """A supervisor of another company."""
    return make_user(make_tenant(), "supervisor")


@pytest.fixture
def api(agent):
    """Speaks REST as the agent."""
    return bearer(agent)


@pytest.fixture
def session(agent):
    return make_session(agent)


@pytest.fixture
def intake_queue(db):
    """The queue of conversations, with nothing in it."""
    client = redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL)
    for key in client.scan_iter("intake:*"):
        client.delete(key)
    queue.create()
    return queue


@pytest.fixture
def archive_away(settings):
    """The archive does not answer, and this process has read nothing of it."""
    there = settings.STORAGES["archive"]
    options = {**there["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}
    archive._client.cache_clear()
    keyring._cache.forget()
    settings.STORAGES = {**settings.STORAGES, "archive": {**there, "OPTIONS": options}}
    yield
    archive._client.cache_clear()


@pytest.fixture(scope="session")
def stack(request):
    """Everything that `make run` starts, on servers and ports of its own.

    It lies in the test servers' directory, which PostgreSQL can get to also when it runs as nobody.
    """
    data = Path(os.environ["EARSHOT_DATA"]) / "stack"
    data.mkdir(mode=0o711)
    running = RunningStack(data)
    running.start()
    request.config.stash[ENDS_STACK] = [running.stop]
    yield running
    running.stop()
