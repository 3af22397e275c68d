"""Lets several test processes share one set of servers: each has databases, buckets and a directory of its own.

Loaded by `-p tests.side_by_side`, before Django reads its settings.
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

# What starts whole stacks stays in one process, one after another: two stacks at once would be measured by each other.
WHOLE_STACKS = ("tests/journeys/", "tests/browser/", "tests/faults/", "tests/config/stack/")


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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """A file's tests stay together; those that start stacks too, and first, for they take longest."""
    for item in items:
        starts_stacks = item.nodeid.startswith(WHOLE_STACKS)
        item.add_marker(pytest.mark.xdist_group("stacks" if starts_stacks else item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: not item.nodeid.startswith(WHOLE_STACKS))
