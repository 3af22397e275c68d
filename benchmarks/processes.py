"""Processes of ours beside the one that measures, on the same stores."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from config.stack.processes import end_with_parent, stand_back

PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_END_SECONDS = 15.0


class NotRunning(Exception):
    """A process of ours has ended, or does not get ready; with the end of what it said."""


@contextmanager
def running(
    arguments: Sequence[str],
    *,
    is_ready: Callable[[], bool],
    program: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
    niceness: int = 0,
) -> Iterator[int]:
    """The id of a process, of Python if nothing else is said, once it is ready and until the block ends.

    As the launcher starts one: in a session of its own, and standing back as far as it is told. With a `core` it and
    all that it starts stay on that one. Raises NotRunning.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [program, *arguments],
            cwd=settings.BASE_DIR,
            env={**os.environ, **stores(), **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(_as_launched, niceness, os.getpid()),  # noqa: PLW1509 - as the launcher does
        )
        try:
            keep_to(process.pid, core)
            ends = time.monotonic() + PATIENCE_SECONDS
            while not is_ready():
                if process.poll() is not None or time.monotonic() > ends:
                    output.seek(0)
                    said = output.read()[-2000:].decode(errors="replace")
                    raise NotRunning(f"{' '.join(arguments)} does not get ready. It said: {said}")
                time.sleep(_LOOK_SECONDS)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _as_launched(niceness: int, parent: int) -> None:
    stand_back(niceness)
    end_with_parent(signal.SIGKILL, parent=parent)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def one_core() -> int | None:
    """A core to keep processes to; None where the system offers no such thing."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def keep_to(pid: int, core: int | None) -> None:
    """Have a process, and all that it will start, run on this core alone."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


def stores() -> dict[str, str]:
    """Where this process itself keeps things, which may be elsewhere than its own variables say."""
    database = urlsplit(os.environ["EARSHOT_DATABASE_URL"])
    return {
        "EARSHOT_DATABASE_URL": urlunsplit(database._replace(path=f"/{connection.settings_dict['NAME']}")),
        "EARSHOT_MONGODB_URL": settings.EARSHOT_MONGODB_URL,
    }
