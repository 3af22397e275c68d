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

# Which processes run: name, command, its place in the order of the stop, seconds it gets to end by itself.
_TABLE: tuple[tuple[str, tuple[str, ...], int, float], ...] = (
    ("web", (*_WEB, "--host", "{host}", "--port", "{port}"), 0, 1.5),
    ("beat", (*_CELERY, "beat", "-l", "INFO", "--pidfile="), 0, 1.5),
    ("analysis", (*_WORKER, "-n", "analysis@%h", "-Q", "analysis", "-c", "1"), 1, 3.0),
    ("transcription", (*_WORKER, "-n", "transcription@%h", "-Q", "transcription", "-c", "1"), 1, 3.0),
    (
        "general",
        (*_WORKER, "-n", "general@%h", "-Q", "rollup,storage,metrics,privacy,notify", "-c", "2"),
        1,
        3.0,
    ),
    ("intake", (_PYTHON, "manage.py", "consume_conversations"), 1, 3.0),
)


def applications(place: Place, environment: Mapping[str, str], *, host: str, port: int) -> list[Program]:
    """The table's rows for this data directory and address."""
    blanks = {"host": host, "port": str(port), "ping": environment.get("EARSHOT_PING_SECONDS") or _PING_SECONDS}
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
        )
        for name, command, stop_order, patience in _TABLE
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
