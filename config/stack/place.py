"""The data directory: where everything that must survive lives, and what only its owner may read."""

import fcntl
import os
import random
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.stack.screen import Failure

ROOT = Path(__file__).resolve().parents[2]
DIRECTORIES = ("postgres", "mongodb", "redis", "cache", "objects", "logs", "run", "secrets")
# What else Earshot puts there, some of it not before it is needed.
OTHERS = ("version", "demo-password", "static")
SECRETS = (
    "secret-key",
    "postgres-password",
    "mongodb-password",
    "mongodb-keyfile",
    "redis-password",
    "s3-access-key",
    "s3-secret-key",
)
# Below the ports that Linux (from 32768) and macOS (from 49152) give to outgoing connections: one of those
# could take the port of a server while it is down.
_PORTS = range(20000, 32768)
# PostgreSQL runs as another user when we are root; it must be able to pass through, not to look.
PASSABLE = 0o711
# The kernel asks the servers of a killed launcher to stop; the slowest takes about a second for that.
_LEFT_SERVERS_SECONDS = 5.0
GIBIBYTE = 2**30
# A first start writes 60 MB, and under load PostgreSQL keeps up to 1 GiB of its log of writes. A server that
# finds its disk full ends itself, and what it was writing then has to be mended.
LEAST_FREE_BYTES = GIBIBYTE
# An agent's working day is about 0.25 GiB of sound (240 kB for 30 s): ten of them fill this in two days.
COMFORTABLE_FREE_BYTES = 5 * GIBIBYTE


def data_directory(environment: Mapping[str, str]) -> Path:
    """EARSHOT_DATA as an absolute path; `var` in the checkout when it is not set."""
    return Path(environment.get("EARSHOT_DATA") or ROOT / "var").resolve()


@dataclass(frozen=True, slots=True)
class Place:
    """A data directory by its absolute path. What lies in one that is `for_tests` need not outlive a power cut."""

    root: Path
    for_tests: bool = False

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def make(self) -> None:
        """Make what is missing: the directories, and the secrets with 256 bits each."""
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True)
                self.root.chmod(PASSABLE if os.geteuid() == 0 else 0o700)
            for name in DIRECTORIES:
                (self / name).mkdir(mode=0o700, exist_ok=True)
            (self / "secrets").chmod(0o700)
            for name in SECRETS:
                if not (self / "secrets" / name).exists():
                    # Hexadecimal digits need no quoting in a URL, a Redis file, CSV or MongoDB's key file.
                    write_private(self / "secrets" / name, secrets.token_hex(32))
        except OSError as refused:
            raise Failure(f"{refused.filename or self.root} cannot be used for data: {refused.strerror}.") from refused

    def secret(self, name: str) -> str:
        return (self / "secrets" / name).read_text().strip()

    @contextmanager
    def locked(self, serves: str = "") -> Iterator[int]:
        """Hold the directory for one launcher. Yields the descriptor of a second lock, which every server inherits.

        That one is free only when the last server has ended: those of a killed launcher may still be writing.
        `serves` is the address that this launcher will serve; it, our process id and the time lie beside the
        lock as long as it is held, so that a second launcher can say who holds it.
        """
        holder = self / "run" / "holder"
        left = f"Servers that a killed Earshot left behind still run in {self.root}; end them, then start again."
        with _held(self / "run" / "lock", patience=0, otherwise=self._already_runs):
            since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
            write_pairs(holder, {"process": str(os.getpid()), "since": since, "serves": serves})
            try:
                servers_lock = self / "run" / "servers-lock"
                with _held(servers_lock, patience=_LEFT_SERVERS_SECONDS, otherwise=lambda: left) as descriptor:
                    yield descriptor
            finally:
                holder.unlink(missing_ok=True)

    def _already_runs(self) -> str:
        holder = read_pairs(self / "run" / "holder")
        process = holder.get("process", "")
        if not process or not _is_alive(int(process)):
            # It has taken the lock this very moment, or is about to let it go.
            who, stop = "", "stop it"
        else:
            at = f", at {holder['serves']}" if holder.get("serves") else ", only its servers, around a command"
            who, stop = f": process {process}, since {holder['since']}{at}", f"stop it (kill {process})"
        return (
            f"Earshot already runs with the data directory {self.root}{who}. "
            f"Use that one, {stop}, or set EARSHOT_DATA to another directory and EARSHOT_PORT to another port."
        )

    def free_space(self, *, least: int = LEAST_FREE_BYTES, comfortable: int = COMFORTABLE_FREE_BYTES) -> str:
        """A warning when the disk runs low, else nothing. Raises Failure below `least` free bytes."""
        free = shutil.disk_usage(self.root).free
        there = f"{_gibibytes(free)} are free where {self.root} lies"
        if free < least:
            raise Failure(
                f"Only {there}, and Earshot needs {_gibibytes(least)} to start; make room there, or set EARSHOT_DATA "
                "to a directory on another disk."
            )
        return f"Only {there}; recordings will fill them soon." if free < comfortable else ""

    def ports(self, names: Iterable[str], *, avoid: frozenset[int] = frozenset()) -> dict[str, int]:
        """A free port for each name: the one it had last time where nobody has taken it meanwhile."""
        file = self / "run" / "ports"
        known = {name: int(port) for name, port in read_pairs(file).items()}
        chosen: dict[str, int] = {}
        with ExitStack() as held:
            for name in names:
                candidates = [known[name]] if name in known else []
                candidates += random.sample(_PORTS, 100)
                for port in candidates:
                    if port not in avoid and (taken := _bind("127.0.0.1", port)):
                        # Held until all are chosen, so that no two get the same.
                        held.enter_context(taken)
                        chosen[name] = port
                        break
                else:
                    raise Failure(f"No free port was found between {_PORTS.start} and {_PORTS.stop - 1}.")
        # Servers that a variable names today may be ours again tomorrow: their ports stay remembered.
        write_pairs(file, {name: str(port) for name, port in {**known, **chosen}.items()})
        return chosen

    def written_by(self, name: str) -> int | None:
        """The major version of the server that wrote the data in directory `name`; None when it is new."""
        try:
            text = (self / name / "version").read_text()
        except FileNotFoundError:
            return None
        return int(text) if text.strip().isdecimal() else None

    def refuse_older(self, name: str, version: str, title: str) -> None:
        """Raise if the data in directory `name` was written by a newer major version than `version`.

        Redis 6 would not even see what Redis 7 has written.
        """
        wrote = self.written_by(name)
        if wrote is not None and wrote > major(version):
            raise Failure(
                f"{self / name} was written by {title} {wrote}, and {version} cannot read "
                "that; put the newer one on the PATH, or move that directory away to begin anew."
            )

    def remember_version(self, name: str, version: str) -> None:
        """From now on the data in directory `name` is of this version."""
        write_private(self / name / "version", str(major(version)))


def major(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0])


def write_private(file: Path, text: str) -> None:
    """Replace `file` in one step; only its owner may read it."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text + "\n")
    fresh.replace(file)


def write_pairs(file: Path, pairs: Mapping[str, str]) -> None:
    """Lines `NAME=value`, readable by the owner alone."""
    write_private(file, "\n".join(f"{name}={value}" for name, value in pairs.items()))


def read_pairs(file: Path) -> dict[str, str]:
    """The lines `NAME=value` of a file; nothing when there is none."""
    if not file.exists():
        return {}
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def port_problem(host: str, port: int) -> str | None:
    """Why nobody could listen there, or None if one could."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except (OSError, OverflowError) as refused:
        return getattr(refused, "strerror", None) or str(refused)
    return None


def closed_to(path: Path, *, user: int, group: int) -> Path | None:
    """The first directory on the way to `path` (or `path` itself) that this user may not pass through."""
    for step in (*reversed(path.parents), path):
        facts = step.stat()
        if facts.st_uid == user:
            allowed = facts.st_mode & stat.S_IXUSR
        elif facts.st_gid == group:
            allowed = facts.st_mode & stat.S_IXGRP
        else:
            allowed = facts.st_mode & stat.S_IXOTH
        if not allowed:
            return step
    return None


@contextmanager
def _held(file: Path, *, patience: float, otherwise: Callable[[], str]) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _flock(descriptor):
            if time.monotonic() >= deadline:
                raise Failure(otherwise())
            time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _gibibytes(count: int) -> str:
    return f"{count / GIBIBYTE:.1f} GiB"


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bind(host: str, port: int) -> socket.socket | None:
    probe = socket.socket()
    # A port whose last connections are still in TIME_WAIT is free for a server.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
        # Two sockets with SO_REUSEADDR may bind the same port as long as neither listens.
        probe.listen(1)
    except OSError:
        probe.close()
        return None
    return probe
