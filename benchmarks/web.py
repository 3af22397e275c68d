"""Web servers, one process of each: ours as the launcher starts it, and others that answer the same requests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from django.conf import settings

from benchmarks.processes import free_port, listens, running
from config.stack.applications import applications
from config.stack.place import Place
from config.stack.processes import Program

EARSHOT: Final = "config.asgi:application"
# The same with a view more, which does nothing.
SERVED: Final = "benchmarks.served:application"
# More than there are connections to any of them.
_THREADS: Final = 40


def programs(port: int) -> list[Program]:
    """What the launcher would start, with the web server on this port."""
    return applications(Place(Path(settings.BASE_DIR)), {}, host="127.0.0.1", port=port)


def as_shipped(port: int, application: str = EARSHOT) -> Sequence[str]:
    """What the launcher tells Python to run as the web server, but for the application."""
    [command] = [program.command for program in programs(port) if program.name == "web"]
    return [application if word == EARSHOT else word for word in command[1:]]


def uvicorn(port: int, application: str, *more: str) -> Sequence[str]:
    """As it is by itself, which is for what is no Earshot."""
    return ("-m", "uvicorn", application, *more, "--no-access-log", "--log-level", "warning", "--port", str(port))


def gunicorn(port: int, application: str) -> Sequence[str]:
    """One process with threads, for WSGI."""
    return (
        *("-m", "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", str(_THREADS)),
        *("--keep-alive", "60", "--log-level", "error", "--bind", f"127.0.0.1:{port}", application),
    )


def granian(port: int, application: str, interface: str) -> Sequence[str]:
    """For ASGI, then without sockets, or WSGI."""
    own = ("--no-ws",) if interface == "asgi" else ("--blocking-threads", str(_THREADS))
    return (
        *("-m", "granian", "--interface", interface, "--workers", "1", *own, "--no-log"),
        *("--host", "127.0.0.1", "--port", str(port), application),
    )


@contextmanager
def served(application: str = EARSHOT, **environment: str) -> Iterator[int]:
    """The port of a process of the web server as it ships, with this application."""
    port = free_port()
    with running(as_shipped(port, application), is_ready=partial(listens, port), environment=environment):
        yield port
