"""The two stories: everything in the foreground, or only the servers around a command."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import Signals

from config.stack import applications, layout
from config.stack.place import PASSABLE, Place, data_directory, port_problem, write_pairs
from config.stack.processes import Child, Program
from config.stack.screen import Failure, Screen
from config.stack.servers import start_servers
from config.stack.supervisor import Supervisor

_DEMO_USERS = "demo-agent, demo-supervisor, demo-admin, demo-privacy, other-supervisor"
_READY_SECONDS = 60.0


async def run(environment: Mapping[str, str], screen: Screen) -> int:
    """Servers, preparation, applications; then keep them alive until a signal. Returns the exit code."""
    began = time.monotonic()
    host = environment.get("EARSHOT_HOST") or "127.0.0.1"
    port = _port(environment)
    place = Place(data_directory(environment))
    url = environment.get("EARSHOT_URL") or f"http://{_reachable(host)}:{port}"
    with _ready(place, screen, serves=url) as lock:
        if problem := port_problem(host, port):
            raise Failure(f"{host}:{port} cannot be used ({problem}); choose another port, as in EARSHOT_PORT=8001.")
        keep = Supervisor(screen)

        async def story() -> int:
            screen.say(f"Earshot starts; its data and logs are in {place.root}")
            addresses = await start_servers(
                place, environment, lock=lock, avoid=frozenset({port}), keep=keep, screen=screen
            )
            told = _told_to_children(place, environment, addresses, host=host, port=port, url=url)
            write_pairs(place / "run" / "env", told)
            variables = {**_compiled_once(environment), **told, "EARSHOT_DATA": str(place.root)}
            demo = environment.get("EARSHOT_DEMO", "").lower() in {"1", "true", "yes", "on"}
            await applications.prepare(place, variables, screen, demo=demo)
            await _start_applications(place, variables, host=host, port=port, keep=keep, screen=screen)
            screen.say(f"\nEarshot is at {told['EARSHOT_URL']} ({time.monotonic() - began:.1f} s)")
            password = place / "demo-password"
            if demo and password.exists():
                screen.say(f"Sign in as {_DEMO_USERS}; the password is {password.read_text().strip()}")
            screen.say("Ctrl-C stops everything.")
            await asyncio.Event().wait()
            return 0

        return await _until_a_signal(story(), keep, screen, at_signal=lambda number: 0)


async def servers(
    environment: Mapping[str, str],
    screen: Screen,
    command: list[str],
    *,
    data: Path | None,
    temporary: bool,
    for_tests: bool,
) -> int:
    """Only the servers, around one command. Returns the command's exit code."""
    if not temporary:
        return await _servers_in(Place(data or data_directory(environment)), environment, screen, command)
    root = Path(tempfile.mkdtemp(prefix="earshot-")).resolve()
    root.chmod(PASSABLE)
    try:
        return await _servers_in(Place(root, for_tests=for_tests), environment, screen, command)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _ready(place: Place, screen: Screen, *, serves: str = "") -> Iterator[int]:
    """Make the directory, hold it, and bring its layout up to date. Yields the descriptor that servers inherit."""
    layout.refuse_newer(place)
    place.make()
    with place.locked(serves) as lock:
        if warning := place.free_space():
            screen.say(warning)
        layout.bring_up_to_date(place)
        yield lock


async def _servers_in(place: Place, environment: Mapping[str, str], screen: Screen, command: list[str]) -> int:
    with _ready(place, screen) as lock:
        keep = Supervisor(screen)
        child: Child | None = None

        async def story() -> int:
            nonlocal child
            addresses = await start_servers(place, environment, lock=lock, avoid=frozenset(), keep=keep, screen=screen)
            secret_key = environment.get("EARSHOT_SECRET_KEY") or place.secret("secret-key")
            told = {**addresses, "EARSHOT_SECRET_KEY": secret_key, "EARSHOT_DATA": str(place.root)}
            program = Program(command[0], tuple(command), {**environment, **told}, log=None, orphaned=signal.SIGTERM)
            child = await Child.start(program)
            try:
                status = await child.wait()
            finally:
                child.kill()
            return 128 - status if status < 0 else status

        def pass_on(number: Signals) -> int | None:
            if child is None or child.ended:
                return 128 + number
            child.signal_group(number)
            return None

        def kill() -> None:
            if child:
                child.kill()

        return await _until_a_signal(story(), keep, screen, at_signal=pass_on, at_second=kill)


async def _until_a_signal(
    story: Awaitable[int],
    keep: Supervisor,
    screen: Screen,
    *,
    at_signal: Callable[[Signals], int | None],
    at_second: Callable[[], None] = lambda: None,
) -> int:
    """Tell the story to its end or until a signal, then stop in order. A second signal kills what still runs.

    `at_signal` returns the exit code with which to stop now, or None to let the story end by itself.
    """
    task = asyncio.ensure_future(story)
    received: list[Signals] = []
    code = 0

    def arrived(number: Signals) -> None:
        nonlocal code
        received.append(number)
        if len(received) > 1:
            at_second()
            keep.kill()
        elif (now := at_signal(number)) is not None:
            code = now
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, arrived, number)
    try:
        return await task
    except asyncio.CancelledError:
        return code
    except BaseExceptionGroup as several:
        failures, others = several.split(Failure)
        if others or not failures:
            raise
        raise Failure("\n".join(map(str, failures.exceptions))) from several
    finally:
        began = time.monotonic()
        await keep.stop()
        screen.step("Everything", "stopped", time.monotonic() - began)


async def _start_applications(
    place: Place, variables: Mapping[str, str], *, host: str, port: int, keep: Supervisor, screen: Screen
) -> None:
    """The web server first and alone: five Pythons at once would keep it from its first page on a small machine."""
    address = f"http://{_reachable(host)}:{port}"
    for program in applications.applications(place, variables, host=host, port=port):
        began = time.monotonic()
        if program.name == "web":
            await keep.start(program, lambda: applications.ask_readyz(address), seconds=_READY_SECONDS)
        else:
            await keep.start(program)
        screen.step(program.name, "ready" if program.name == "web" else "started", time.monotonic() - began)


def _compiled_once(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the wish, which images of Python often have, that nothing compiled be kept.

    Seven processes would compile all of Earshot anew at every start.
    """
    return {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _told_to_children(
    place: Place, environment: Mapping[str, str], addresses: Mapping[str, str], *, host: str, port: int, url: str
) -> dict[str, str]:
    """The variables of `run/env`: what every command of this stack needs to know."""
    told = {
        **addresses,
        "EARSHOT_SECRET_KEY": environment.get("EARSHOT_SECRET_KEY") or place.secret("secret-key"),
        "EARSHOT_HOST": host,
        "EARSHOT_PORT": str(port),
        "EARSHOT_URL": url,
    }
    for name in ("EARSHOT_DEMO", "EARSHOT_PROXIES"):
        if value := environment.get(name):
            told[name] = value
    return told


def _port(environment: Mapping[str, str]) -> int:
    text = environment.get("EARSHOT_PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise Failure(f"EARSHOT_PORT must be a port number such as 8000, not {text!r}.")
    return int(text)


def _reachable(host: str) -> str:
    """A listening address as a browser on this machine writes it."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - nothing listens here
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
