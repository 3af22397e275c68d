"""Which program serves: what a variable names, a fit one on the PATH, or the one from a Python package."""

import re
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from config.stack.screen import Failure


@dataclass(frozen=True, slots=True)
class Kind:
    """What a server must be to serve us.

    `variable` names the one that somebody else runs. `packaged` are paths inside the Python package
    `package`, best first; without a package they are among the environment's scripts. `cure` says where one is to be
    had when there is none, and `needs` what the packaged one takes from the system, for when it is there and does not
    run. `lacks` says in a few words what a program misses.
    """

    name: str
    title: str
    variable: str
    program: str
    oldest: tuple[int, ...]
    package: str | None
    packaged: tuple[str, ...]
    cure: str
    lacks: Callable[[Path], str | None] = lambda binary: None
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A server that a variable of the environment names: it is not started, only waited for."""

    url: str


@dataclass(frozen=True, slots=True)
class Binary:
    """A program to start. `source` says where it is from and what was passed over for it, to be shown."""

    path: Path
    version: str
    source: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def resolve(
    kind: Kind,
    environment: Mapping[str, str],
    *,
    packaged: Callable[[Kind], list[Path]],
    made_by: int | None = None,
) -> Named | Binary:
    """Decide for one server. Looks at `environment` alone: its URL variable and its PATH.

    `made_by` is the major version that alone can read the data there is; a fit program of that version comes
    before all others. Raises Failure with the line that installs what is missing.
    """
    if url := environment.get(kind.variable):
        return Named(url)
    ours = packaged(kind)
    theirs = [path for path in on_path(kind.program, environment.get("PATH", "")) if path not in ours]
    passed_over: list[str] = []
    second_best: Binary | None = None
    for path in [*theirs, *ours]:
        found = examine(kind, path)
        if isinstance(found, Binary) and path in ours:
            found = replace(found, source="; ".join(["from the Python package", *passed_over]))
        if isinstance(found, Binary) and made_by in {None, found.major}:
            return found
        if isinstance(found, Binary):
            second_best = second_best or found
            found = f"is {found.version} and the data of {made_by}"
        passed_over.append(f"passed over: {path} {found}")
    if second_best:
        return second_best
    reasons = "".join(f" ({reason.removeprefix('passed over: ')})" for reason in passed_over)
    oldest = ".".join(map(str, kind.oldest))
    cure = kind.needs if ours and kind.needs else kind.cure
    raise Failure(f"No {kind.title} ≥ {oldest} was found{reasons}. {cure}, or set {kind.variable}.")


def examine(kind: Kind, path: Path) -> Binary | str:
    """The program there as a Binary, or in a few words why it will not do."""
    try:
        number = re.search(r"\d+(\.\d+)*", output_of(path, "--version"))
    except subprocess.CalledProcessError as failed:
        is_foreign = failed.returncode == -signal.SIGILL
        why = "it uses an instruction that this processor does not have" if is_foreign else failed.stderr.strip()
        return f"does not run ({why or failed})"
    except (OSError, subprocess.TimeoutExpired) as failed:
        return f"does not run ({failed})"
    if not number:
        return "does not tell its version"
    version = number[0]
    if tuple(map(int, version.split("."))) < kind.oldest:
        return f"is only {version}"
    if lack := kind.lacks(path):
        return f"is {version} {lack}"
    return Binary(path, version, f"at {path}")


def output_of(program: Path, argument: str) -> str:
    """What a program prints. Raises CalledProcessError when it fails, TimeoutExpired after ten seconds."""
    return subprocess.run([program, argument], check=True, capture_output=True, text=True, timeout=10).stdout


def on_path(program: str, search_path: str) -> list[Path]:
    """Every program of that name on the PATH, in its order."""
    found = [shutil.which(program, path=directory) for directory in search_path.split(":") if directory]
    return [Path(place) for place in dict.fromkeys(found) if place]


def in_package(kind: Kind) -> list[Path]:
    """Where the Python package keeps the program. The package is found, never imported."""
    if kind.package is None:
        roots = [sysconfig.get_path("scripts")]
    else:
        spec = find_spec(kind.package)
        roots = list(spec.submodule_search_locations or []) if spec else []
    places = [Path(root) / inside for root in roots for inside in kind.packaged]
    return [place for place in places if place.is_file()]
