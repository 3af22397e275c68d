"""Lets several test processes share one set of servers: each has databases, buckets and a directory of its own.

Loaded by `-p tests.side_by_side`, before Django reads its settings.
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from xdist.scheduler import LoadScopeScheduling

# What needs a whole stack shares one, in one process; pages are looked at in the other, with a stack of their own.
WHOLE_STACKS = {
    "tests/browser/": "pages",
    "tests/journeys/": "stacks",
    "tests/faults/": "stacks",
    "tests/config/stack/": "stacks",
    "tests/config/test_doctor.py": "stacks",
}


def set_apart(environment, number):
    """Point the variables of worker `number` (from 0) to stores that no other worker uses."""

    def rename(variable, change):
        parts = urlsplit(environment[variable])
        environment[variable] = urlunsplit(parts._replace(path=change(parts.path)))

    rename("EARSHOT_MONGODB_URL", lambda path: f"{path}_{number}")
    rename("EARSHOT_REDIS_URL", lambda path: f"/{number}")
    rename("EARSHOT_CACHE_URL", lambda path: f"/{number}")
    environment["EARSHOT_S3_BUCKET"] = f"recordings-{number}"
    environment["EARSHOT_ARCHIVE_BUCKET"] = f"archive-{number}"
    data = Path(environment["EARSHOT_DATA"]) / f"worker-{number}"
    data.mkdir(mode=0o711, exist_ok=True)
    environment["EARSHOT_DATA"] = str(data)


if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    set_apart(os.environ, int(re.sub(r"\D", "", worker)))


class InGroups(LoadScopeScheduling):
    """A file's tests stay together, and those that share a stack.

    The mark that xdist has for it comes to nothing with pytest 9, which gives a test no other name afterwards.
    """

    def _split_scope(self, nodeid):
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return InGroups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """What needs a stack comes first, for it takes longest."""
    items.sort(key=lambda item: group_of(item.nodeid) not in WHOLE_STACKS.values())


def group_of(nodeid):
    shared = (group for start, group in WHOLE_STACKS.items() if nodeid.startswith(start))
    return next(shared, nodeid.partition("::")[0])
