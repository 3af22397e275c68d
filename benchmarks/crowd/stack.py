"""A whole Earshot as `make run` starts it, with data and ports of its own, which ends with whoever measures."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import workers
from benchmarks.processes import NotRunning, free_port
from benchmarks.waiting import until
from config.stack.place import PASSABLE, ROOT

_START_SECONDS = 600.0
_END_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_IS_READY = "Ctrl-C stops everything"


@dataclass(frozen=True, slots=True)
class Stack:
    """One that runs: its data, where it is reached, the process that keeps it, and variables for commands beside it."""

    data: Path
    url: str
    launcher: int
    environment: Mapping[str, str]


@contextmanager
def started(**more: str) -> Iterator[Stack]:
    """One that is as it ships but for these variables. Raises NotRunning with what it said."""
    data = Path(tempfile.mkdtemp(prefix="earshot-crowd-")).resolve()
    data.chmod(PASSABLE)
    port = free_port()
    # Servers and addresses of its own, none of those that this process was given.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    environment = {**inherited, "EARSHOT_DATA": str(data), "EARSHOT_PORT": str(port), **more}
    said = data / "launcher.log"
    with said.open("wb") as output:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "config.stack", "run", "--end-with-parent"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(launcher, said)
        # What they take to get ready is no part of what is measured.
        until(lambda: workers.answering(data) >= workers.NAMES, "the workers")
        yield Stack(data, f"http://127.0.0.1:{port}", launcher.pid, environment)
    finally:
        launcher.send_signal(signal.SIGINT)
        try:
            launcher.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            launcher.kill()
            launcher.wait()
        shutil.rmtree(data, ignore_errors=True)


def _wait(launcher: subprocess.Popen[bytes], said: Path) -> None:
    ends = time.monotonic() + _START_SECONDS
    while _IS_READY not in (text := said.read_text()):
        if launcher.poll() is not None or time.monotonic() > ends:
            raise NotRunning(f"The stack does not get ready. It said: {text[-2000:]}")
        time.sleep(_LOOK_SECONDS)
