"""Our own processes: what prepares the stores, and the table of what runs then."""

import asyncio
import sys
from collections.abc import Mapping

from config.stack.place import ROOT, Place
from config.stack.processes import Child, Program, told
from config.stack.readiness import ask_http
from config.stack.screen import Failure, Screen

_PYTHON = sys.executable
_CELERY = (_PYTHON, "-m", "celery", "--quiet", "-A", "config")
# Workers are alone on this machine: no use in greeting others for a second at the start.
_WORKER = (*_CELERY, "worker", "--without-gossip", "--without-mingle")
_WEB = (
    _PYTHON,
    "-m",
    "uvicorn",
    "config.asgi:application",
    "--no-access-log",
    "--timeout-graceful-shutdown",
    "1",
    # By itself it waits for headers for ever, and keeps any number of them.
    "--http",
    "config.connections:BoundedHeaders",
    # Twice the largest frame there is, and read whole before anybody can refuse it: by itself it would be 16 MiB.
    "--ws-max-size",
    "8192",
    # A peer that is gone without a word answers no ping.
    "--ws-ping-interval",
    "{ping}",
    "--ws-ping-timeout",
    "{ping}",
)
_PING_SECONDS = "20"

# How far the workers stand back: what is heard may be heard later, and takes all of the processor that there is;
# whoever sends it waits. What goes on beside takes much of it now and then, and stands back half as far.
_NICENESS = "10"
_FULLY, _HALF, _NOT = 1.0, 0.5, 0.0

# Which processes run: name, command, its place in the order of the stop, seconds it gets to end by itself, how far it
# stands back.
_TABLE: tuple[tuple[str, tuple[str, ...], int, float, float], ...] = (
    ("web", (*_WEB, "--host", "{host}", "--port", "{port}"), 0, 1.5, _NOT),
    ("beat", (*_CELERY, "beat", "-l", "INFO", "--pidfile="), 0, 1.5, _NOT),
    ("analysis", (*_WORKER, "-n", "analysis@%h", "-Q", "analysis", "-c", "1"), 1, 3.0, _FULLY),
    ("transcription", (*_WORKER, "-n", "transcription@%h", "-Q", "transcription", "-c", "1"), 1, 3.0, _FULLY),
    (
        "general",
        (*_WORKER, "-n", "general@%h", "-Q", "rollup,storage,metrics,privacy,notify", "-c", "2"),
        1,
        3.0,
        _HALF,
    ),
    ("intake", (_PYTHON, "manage.py", "consume_conversations"), 1, 3.0, _NOT),
)


def applications(place: Place, environment: Mapping[str, str], *, host: str, port: int) -> list[Program]:
    """The table's rows for this data directory and address."""
    blanks = {"host": host, "port": str(port), "ping": environment.get("EARSHOT_PING_SECONDS") or _PING_SECONDS}
    niceness = int(environment.get("EARSHOT_WORKER_NICENESS") or _NICENESS)
    more = {"web": _trusting(environment.get("EARSHOT_PROXIES", ""))}
    return [
        Program(
            name=name,
            command=(*(word.format_map(blanks) for word in command), *more.get(name, ())),
            environment={**environment, "PYTHONUNBUFFERED": "1"},
            log=place / "logs" / f"{name}.log",
            directory=ROOT,
            stop_order=stop_order,
            patience=patience,
            niceness=round(niceness * back),
        )
        for name, command, stop_order, patience, back in _TABLE
    ]


def _trusting(proxies: str) -> tuple[str, ...]:
    """Whose word the web server takes for a client's address: nobody's, unless it is told.

    By itself it would believe this machine, where any program could then call itself what it likes.
    """
    return ("--proxy-headers", "--forwarded-allow-ips", proxies) if proxies.strip() else ("--no-proxy-headers",)


async def prepare(place: Place, environment: Mapping[str, str], screen: Screen, *, demo: bool) -> None:
    """Run `manage.py prepare`, which prints `step<TAB>name<TAB>seconds` for each thing it has done."""
    program = Program(
        name="prepare",
        command=(_PYTHON, "manage.py", "prepare", *(["--demo"] if demo else [])),
        environment={**environment, "PYTHONUNBUFFERED": "1"},
        log=place / "logs" / "prepare.log",
        directory=ROOT,
    )
    child = await Child.start(program, output=asyncio.subprocess.PIPE)
    try:
        async for line in child.lines():
            match line.split("\t"):
                case ["step", name, seconds]:
                    screen.step(name, "done", float(seconds))
        if status := await child.wait():
            raise Failure(f"manage.py prepare failed ({told(status)}):\n{child.last_lines()}")
    finally:
        child.kill()


def ask_readyz(address: str) -> None:
    """Whether `/readyz` answers 200; what it says otherwise names the check that failed."""
    ask_http(f"{address}/readyz", wrong_from=400, timeout=5)
