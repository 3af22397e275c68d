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
    "tests/deploy/": "stacks",
    "tests/config/stack/": "stacks",
    "tests/config/test_doctor.py": "stacks",
    "tests/attacks/test_secrets.py": "stacks",
}

# Each takes a minute or so, for which the other process would have nothing to do if one of them came last.
LONG = {
    "tests/audio/test_uploads_as_a_state_machine.py",
    "tests/benchmarks/test_run.py",
    "tests/config/test_access.py",
    "tests/config/test_every_endpoint.py",
    "tests/config/test_schema_fuzz.py",
}
# How to end the stack that runs, if one does.
ENDS_STACK = pytest.StashKey[list]()


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
    """What needs a stack comes first, for it takes longest; then what is long otherwise."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) and not needs_stack(item):
            raise pytest.UsageError(f"{item.nodeid} needs a stack, and is not in WHOLE_STACKS of {__name__}.")
    items.sort(key=lambda item: (not needs_stack(item), group_of(item.nodeid) not in LONG))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """No test after the last that needs a stack shares the cores with one that has nothing to do."""
    if nextitem is not None and needs_stack(item) and not needs_stack(nextitem):
        for end in item.config.stash.get(ENDS_STACK, ()):
            end()


def needs_stack(item):
    return group_of(item.nodeid) in WHOLE_STACKS.values()


def group_of(nodeid):
    shared = (group for start, group in WHOLE_STACKS.items() if nodeid.startswith(start))
    return next(shared, nodeid.partition("::")[0])
