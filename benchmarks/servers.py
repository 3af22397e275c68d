"""The same requests on four web servers, one process of each: how many a second, how late, in how much memory."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from benchmarks import boards, chunks, empty_view, lines, web
from benchmarks.board import ADDRESS as BOARD
from benchmarks.lines import Answer, Lines, Request
from benchmarks.measuring import Variant, alternate, figures, one, per_second
from benchmarks.people import make_supervisor
from benchmarks.processes import free_port, listens, running
from benchmarks.rows import Row, Suite
from benchmarks.scales import Run
from benchmarks.shipped import no_jobs_left
from benchmarks.uploads import NO_LIMIT
from crm import tokens

LEVELS = (1, 8, 32)
_WSGI = "benchmarks.served_wsgi:application"
_SHIPPED = "uvicorn"
# What has no gate bounds no body before a view runs; what has no sockets would need a server beside it.
_BARE = "no gate, no sockets"
# Name → what it is told, by its port.
_SERVERS: Mapping[str, Callable[[int], Sequence[str]]] = {
    _SHIPPED: lambda port: web.as_shipped(port, web.SERVED),
    "granian, ASGI (no sockets)": lambda port: web.granian(port, web.SERVED, "asgi"),
    f"gunicorn, WSGI ({_BARE})": lambda port: web.gunicorn(port, _WSGI),
    f"granian, WSGI ({_BARE})": lambda port: web.granian(port, _WSGI, "wsgi"),
}
# Of a chunk as it is answered: what was understood of the upload, whoever sent it and whenever.
_OF_CHUNK = ("chunk_index", "checksum", "file_size_bytes", "duration_seconds", "upload_status")


@dataclass(frozen=True, slots=True)
class Asked:
    """`make` gives who makes one request after another; `told` is what every server has to answer alike."""

    make: Callable[[], Callable[[], Request]]
    told: Callable[[Answer], Any]


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
    with boards.database_of_its_own(), no_jobs_left(), ExitStack() as stack:
        [company] = boards.make_companies([run.scale.pick(tiny=20, small=1000, usual=1000)], run.telling("calls"))
        servers = {}
        # To try whether it works, one of each kind.
        names = run.scale.pick(tiny=[_SHIPPED, f"gunicorn, WSGI ({_BARE})"], small=list(_SERVERS), usual=list(_SERVERS))
        for name in names:
            port = free_port()
            command = _SERVERS[name](port)
            pid = stack.enter_context(running(command, is_ready=partial(listens, port), environment=NO_LIMIT))
            servers[name] = Server(port, pid)
        # Of another company: the numbers of this one's calls are not those that it would have been given.
        recorder, _ = make_supervisor()
        size = len(chunks.make_sound()) / 1000
        secret = tokens.issue(company.user, name="benchmark")
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        wanted = {
            "a view that does nothing": _always(
                Request("POST", f"/{empty_view.ADDRESS}", orjson.dumps({}), headers, 202),
            ),
            "a call": _always(Request("GET", f"/api/calls/call-{company.tenant_id}-0", b"", headers)),
            "the board": _always(Request("POST", BOARD, orjson.dumps({"limit": 20}), headers)),
            f"a chunk of {size:.0f} KB": Asked(lambda: chunks.recorder(recorder), _told_of_chunk),
        }
        for what, asked in wanted.items():
            for level in run.scale.pick(tiny=(2,), small=LEVELS, usual=LEVELS):
                yield from _compared(run, f"{what}, {level} at once", servers, asked, level)
        for name, server in servers.items():
            yield Row(f"memory of {name}", "MB", one(_megabytes(server.pid)), note="all its processes, after all that")


SUITE = Suite(
    title="Requests on other web servers",
    baseline="the same application on the other server, in one process of it too",
    floor="none",
    measure=measure,
)


def _always(request: Request) -> Asked:
    """The same request, to which the whole answer is the same."""
    return Asked(lambda: lambda: request, lambda answer: orjson.loads(answer.body))


def _told_of_chunk(answer: Answer) -> dict[str, Any]:
    told = orjson.loads(answer.body)
    return {name: told[name] for name in _OF_CHUNK}


def _compared(run: Run, what: str, servers: Mapping[str, Server], asked: Asked, level: int) -> Iterator[Row]:
    each = max(1, run.scale.pick(tiny=2, small=32, usual=32) // level)
    with ExitStack() as stack:
        variants = {}
        for name, server in servers.items():
            to = stack.enter_context(lines.opened(server.port, level))
            senders = [asked.make() for _ in range(level)]
            variants[name] = Variant(
                run=partial(_send, server, to),
                prepare=partial(_next_of, senders, each),
                answer=lambda _, answers: [asked.told(one) for one in answers],
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
