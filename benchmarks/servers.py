"""The same requests on four web servers, one process of each: how many a second, how late, in how much memory."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from benchmarks import boards, chunks, empty_view, lines
from benchmarks.board import ADDRESS as BOARD
from benchmarks.lines import Lines, Request
from benchmarks.measuring import Variant, alternate, figures, one, per_second
from benchmarks.people import make_supervisor
from benchmarks.processes import free_port, listens, running
from benchmarks.rows import Row, Suite
from benchmarks.scales import Run
from benchmarks.uploads import NO_LIMIT
from crm import tokens

LEVELS = (1, 8, 32)
# Of each server that has threads: more than there are connections.
_THREADS = 40
_ASGI, _WSGI = "benchmarks.served:application", "benchmarks.served_wsgi:application"
_BIN = str(Path(sys.executable).parent)
_SHIPPED = "uvicorn"
# Name → what it is told, but for its port.
_SERVERS: Mapping[str, Callable[[str], tuple[str, ...]]] = {
    _SHIPPED: lambda port: ("-m", "uvicorn", _ASGI, "--no-access-log", "--log-level", "warning", "--port", port),
    "granian, ASGI": lambda port: (
        *("-m", "granian", "--interface", "asgi", "--workers", "1", "--no-ws", "--no-log"),
        *("--host", "127.0.0.1", "--port", port, _ASGI),
    ),
    "gunicorn, WSGI": lambda port: (
        *("-m", "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", str(_THREADS)),
        *("--keep-alive", "60", "--log-level", "error", "--bind", f"127.0.0.1:{port}", _WSGI),
    ),
    "granian, WSGI": lambda port: (
        *("-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", str(_THREADS), "--no-log"),
        *("--host", "127.0.0.1", "--port", port, _WSGI),
    ),
}


@dataclass(slots=True)
class Server:
    """`late` are the seconds that single requests took, all rounds together; `worked` those of its processors."""

    port: int
    pid: int
    late: list[float] = field(default_factory=list)
    worked: float = 0.0

    @property
    def told(self) -> str:
        """What no rate tells. On a busy machine the processors' time is the fairest of all figures."""
        within = figures([1000 * one for one in self.late]).p99
        return f"99 of 100 within {within:.1f} ms, {1000 * self.worked / len(self.late):.1f} ms of processor each"


def measure(run: Run) -> Iterator[Row]:
    """With a company of its own, whose calls nobody changes meanwhile."""
    with boards.database_of_its_own(), ExitStack() as stack:
        [company] = boards.make_companies([run.scale.pick(tiny=20, small=1000, usual=1000)], run.telling("calls"))
        servers = {}
        for name, told in _SERVERS.items():
            port = free_port()
            pid = stack.enter_context(running(told(str(port)), is_ready=partial(listens, port), **NO_LIMIT))
            servers[name] = Server(port, pid)
        # Of another company: the numbers of this one's calls are not those that it would have been given.
        recorder, _ = make_supervisor()
        secret = tokens.issue(company.user, name="benchmark")
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        wanted: dict[str, Callable[[], Callable[[], Request]]] = {
            "a view that does nothing": _always(
                Request("POST", f"/{empty_view.ADDRESS}", orjson.dumps({}), headers, 202),
            ),
            "a call": _always(Request("GET", f"/api/calls/call-{company.tenant_id}-0", b"", headers)),
            "the board": _always(Request("POST", BOARD, orjson.dumps({"limit": 20}), headers)),
            "a chunk of 240 KB": lambda: chunks.recorder(recorder),
        }
        for what, make in wanted.items():
            for level in run.scale.pick(tiny=(2,), small=LEVELS, usual=LEVELS):
                yield from _compared(run, f"{what}, {level} at once", servers, make, level)
        for name, server in servers.items():
            yield Row(f"memory of {name}", "MB", one(_megabytes(server.pid)), note="all its processes, after all that")


SUITE = Suite(
    title="Requests on other web servers",
    baseline="the same application on the other server, in one process of it too",
    floor="none",
    measure=measure,
)


def _always(request: Request) -> Callable[[], Callable[[], Request]]:
    return lambda: lambda: request


def _compared(
    run: Run, what: str, servers: Mapping[str, Server], make: Callable[[], Callable[[], Request]], level: int
) -> Iterator[Row]:
    each = max(1, run.scale.pick(tiny=2, small=32, usual=32) // level)
    with ExitStack() as stack:
        variants = {}
        for name, server in servers.items():
            to = stack.enter_context(lines.opened(server.port, level))
            senders = [make() for _ in range(level)]
            variants[name] = Variant(
                run=partial(_send, server, to),
                prepare=partial(_next_of, senders, each),
                answer=lambda given, statuses: len(statuses) == level * each,
            )
        # Those that warm up tell nothing of how late a request is.
        for variant in variants.values():
            variant.run(variant.prepare())
        for server in servers.values():
            server.late, server.worked = [], 0.0
        repetitions = run.scale.pick(tiny=1, small=4, usual=10)
        taken = alternate(variants, repetitions=repetitions, step=run.telling(what), warming=0)
    rates = {name: per_second(one, level * each) for name, one in taken.items()}
    for name in servers:
        if name != _SHIPPED:
            yield Row(
                f"{what}, beside {name}",
                "/s",
                rates[_SHIPPED],
                rates[name],
                note=f"{servers[_SHIPPED].told}; there {servers[name].told}",
            )


def _next_of(senders: Sequence[Callable[[], Request]], each: int) -> list[list[Request]]:
    return [[make() for _ in range(each)] for make in senders]


def _send(server: Server, to: Lines, requests: list[list[Request]]) -> list[Any]:
    before = _worked(server.pid)
    answers = to.send(requests)
    server.worked += _worked(server.pid) - before
    server.late += [answer.seconds for answer in answers]
    return answers


def _worked(pid: int) -> float:
    """Seconds of processor that a process and those that it started have had."""
    ticks = 0
    for process in _family(pid):
        # After its name, which may have spaces in it; the 14th and 15th of what proc(5) lists.
        told = (process / "stat").read_text().rpartition(")")[2].split()
        ticks += int(told[11]) + int(told[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    """Of a process and those that it started: what is theirs alone, and their share of what they have in common."""
    kilobytes = 0
    for process in _family(pid):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1000


def _family(pid: int) -> Iterator[Path]:
    """What Linux tells of a process, and of those that it started."""
    waiting = [pid]
    while waiting:
        process = Path(f"/proc/{waiting.pop()}")
        yield process
        for task in (process / "task").iterdir():
            waiting += map(int, (task / "children").read_text().split())
