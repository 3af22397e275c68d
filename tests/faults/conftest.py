"""This test process beside the servers of a stack, which begin again when they are killed."""

import pytest

from calls import store
from config.environment import left_by_stack
from metrics import mongo_clients
from tests.connections import forget_redis


@pytest.fixture
def in_stack(stack, settings):
    """This process asks the stack's MongoDB and Redis; where they are, by variable."""
    there = {name: getattr(settings, name) for name in ("EARSHOT_MONGODB_URL", "EARSHOT_REDIS_URL")}
    left = left_by_stack(stack.data / "run" / "env")
    forget_connections()
    settings.EARSHOT_MONGODB_URL = left["EARSHOT_MONGODB_URL"]
    settings.EARSHOT_REDIS_URL = left["EARSHOT_REDIS_URL"]
    yield {name: left[name] for name in there}
    for name, address in there.items():
        setattr(settings, name, address)
    forget_connections()


def forget_connections():
    store.close()
    mongo_clients.close()
    forget_redis()
