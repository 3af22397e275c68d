"""How long it takes until Earshot is there, and until it is gone, as `make run` starts it and Ctrl-C ends it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from django.conf import settings

from benchmarks import memory, workers
from benchmarks.measuring import figures
from benchmarks.processes import NotRunning, free_port
from benchmarks.rows import Row, Suite, at_most
from benchmarks.scales import Run
from benchmarks.waiting import until
from config.stack.place import PASSABLE

MOST_TO_FIRST_PAGE: Final = 15.0
MOST_TO_STOP: Final = 5.0
_FIRST_PAGE: Final = 'type="password"'
_PATIENCE_SECONDS: Final = 180.0
# Seconds after the workers are there, in which they and what they have told one another come to rest.
_REST_SECONDS: Final = 5.0
# Between two looks, each of which takes some of the processor that what is looked for needs.
_LOOK_SECONDS: Final = 0.05
# Of all of it, so many processes are named.
_MOST_NAMED: Final = 4


@dataclass(slots=True)
class _Taken:
    """Seconds of several starts and stops; bytes that were taken when all was there, by process."""

    to_page: list[float] = field(default_factory=list)
    to_workers: list[float] = field(default_factory=list)
    to_stop: list[float] = field(default_factory=list)
    sizes: list[dict[str, int]] = field(default_factory=list)


def measure(run: Run) -> Iterator[Row]:
    """Servers, web server and workers of its own, in data directories beside those of the run."""
    times = run.scale.pick(tiny=1, small=1, usual=3)
    anew, again = _Taken(), _Taken()
    # Where PostgreSQL can get to, which does not run as root.
    beside = Path(os.environ["EARSHOT_DATA"])
    for number in range(times):
        root = Path(tempfile.mkdtemp(prefix="start-", dir=beside))
        root.chmod(PASSABLE)
        try:
            for taken, what in ((anew, "on a new data directory"), (again, "on one that was there")):
                step = run.telling(f"start {what}")
                _start_and_stop(root / "data", taken)
                step((number + 1) / times)
        finally:
            shutil.rmtree(root, ignore_errors=True)
    for taken, what in ((anew, "a new data directory"), (again, "a data directory that was there")):
        to_page = figures(taken.to_page)
        targets = (at_most(to_page.p99, MOST_TO_FIRST_PAGE, "s", of="the slowest"),)
        yield Row(f"to the first page, {what}", "s", to_page, targets=targets)
        yield Row(f"to workers that answer, {what}", "s", figures(taken.to_workers))
    stops = figures(anew.to_stop + again.to_stop)
    yield Row(
        "stop, until no process is left",
        "s",
        stops,
        targets=(at_most(stops.p99, MOST_TO_STOP, "s", of="the slowest"),),
    )
    if memory.is_told():
        yield _memory(again.sizes)


SUITE = Suite(
    title="Start and stop of everything",
    baseline="none",
    floor="none",
    measure=measure,
)


def _start_and_stop(data: Path, taken: _Taken) -> None:
    # Made before the clock runs: what it takes for https is a fifth of a second.
    with httpx.Client(timeout=10.0, trust_env=False) as browser, _started(data) as (launcher, url, began):
        _wait(lambda: _has_first_page(browser, url) or _ended(launcher), "the first page")
        taken.to_page.append(time.monotonic() - began)
        _wait(lambda: workers.answering(data) >= workers.NAMES or _ended(launcher), "the workers")
        taken.to_workers.append(time.monotonic() - began)
        if memory.is_told():
            time.sleep(_REST_SECONDS)
            taken.sizes.append({f"{_name(pid)} {pid}": memory.of(pid) for pid in _processes(data)})
        told = time.monotonic()
        launcher.send_signal(signal.SIGINT)
        _wait(lambda: launcher.poll() is not None and not _processes(data), "everything to stop")
        taken.to_stop.append(time.monotonic() - told)


def _wait(is_so: Callable[[], bool], what: str) -> None:
    until(is_so, what, seconds=_PATIENCE_SECONDS, look_seconds=_LOOK_SECONDS)


@contextmanager
def _started(data: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, float]]:
    """The launcher, where its web server will be, and when it was started. Whatever is left of it at last is killed."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    told = {"EARSHOT_DATA": str(data), "EARSHOT_PORT": str(port), "EARSHOT_DEMO": "1"}
    began = time.monotonic()
    launcher = subprocess.Popen(
        [sys.executable, "-m", "config.stack", "run"],
        cwd=settings.BASE_DIR,
        env={**inherited, **told},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield launcher, f"http://127.0.0.1:{port}", began
    finally:
        launcher.kill()
        launcher.wait()
        for pid in _processes(data):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _ended(launcher: subprocess.Popen[bytes]) -> bool:
    """False; raises NotRunning when it has."""
    if launcher.poll() is not None:
        raise NotRunning("The launcher has ended; `python -m config.stack run` tells why.")
    return False


def _has_first_page(browser: httpx.Client, url: str) -> bool:
    """Whether a browser that has never been here sees where to sign in."""
    browser.cookies.clear()
    try:
        answer = browser.get(url, follow_redirects=True)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK and _FIRST_PAGE in answer.text


def _processes(data: Path) -> list[int]:
    return memory.with_variable("EARSHOT_DATA", str(data))


def _name(pid: int) -> str:
    """What it is, in a word."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        known = [word for word in words if word.partition("@")[0] in workers.NAMES]
        return known[0].partition("@")[0] if known else Path(words[0]).name.partition(":")[0]
    return "?"


def _memory(sizes: list[dict[str, int]]) -> Row:
    totals = figures([sum(each.values()) / memory.MEGABYTE for each in sizes])
    largest = sorted(sizes[-1].items(), key=lambda one: -one[1])[:_MOST_NAMED]
    named = ", ".join(f"{name.split()[0]} {size / memory.MEGABYTE:.0f}" for name, size in largest)
    return Row(
        "memory of everything at rest",
        "MB",
        totals,
        note=f"{len(sizes[-1])} processes with their shares of what several have in common; the largest: {named}",
    )
