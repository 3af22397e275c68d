"""The processes of Earshot as the launcher starts them, on the stores of the run."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks import web
from benchmarks.processes import free_port, listens, running
from config import queues
from config.celery import app
from config.stack.processes import Program

_ANSWER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Shipped:
    """Where the web server is, and the process of each by its name."""

    url: str
    pids: dict[str, int]


@contextmanager
def shipped(workers: Sequence[str], *, core: int | None = None) -> Iterator[Shipped]:
    """The web server and these workers, once all of them are ready; with a `core`, all of them on that one."""
    port = free_port()
    programs = {program.name: program for program in web.programs(port)}
    ready = {"web": partial(listens, port), **{name: partial(_answers, name) for name in workers}}
    with ExitStack() as stack:
        pids = {
            name: stack.enter_context(_running(programs[name], is_ready=is_ready, core=core))
            for name, is_ready in ready.items()
        }
        yield Shipped(f"http://127.0.0.1:{port}", pids)


@contextmanager
def worker(name: str) -> Iterator[int]:
    """The process of this worker, once it is ready, standing back as the launcher has it do."""
    [program] = [one for one in web.programs(free_port()) if one.name == name]
    with _running(program, is_ready=partial(_answers, name)) as pid:
        yield pid


@contextmanager
def no_jobs_left() -> Iterator[None]:
    """What is done meanwhile tells workers to do more; afterwards none that comes later hears of it."""
    try:
        yield
    finally:
        with app.connection_for_write() as broker:
            for queue in queues.names():
                broker.default_channel.queue_purge(queue)


def _running(program: Program, *, is_ready: Callable[[], bool], core: int | None = None) -> AbstractContextManager[int]:
    return running(program.command[1:], is_ready=is_ready, core=core, niceness=program.niceness)


def _answers(worker: str) -> bool:
    return bool(app.control.ping(destination=[f"{worker}@{socket.gethostname()}"], timeout=_ANSWER_SECONDS))
