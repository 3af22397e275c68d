"""Whether this Python and this machine will do, asked before anything is installed.

Packages have to be there for them, and the servers that come as packages have to find what they take from the system:
otherwise one would hear of it after a download of 600 MB.

Run as a script by whatever Python there is, so in words that an old one understands.
"""

import os
import platform
import re
import shutil
import sys
from ctypes import CDLL
from pathlib import Path

PYTHONS = ((3, 11), (3, 12), (3, 13))
# As the lock file resolves: for each system, the machines that its packages are built for.
MACHINES = {"linux": ("x86_64", "aarch64"), "darwin": ("arm64",)}
# What the packages' MongoDB takes from Linux: the file, and what it is in on Debian and Ubuntu.
LIBRARIES = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3"}
CPUINFO = Path("/proc/cpuinfo")


def problem(version: "tuple[int, ...]", system: str, machine: str, libc: str) -> "str | None":
    """One sentence about why it will not do, or None."""
    if version[:2] not in PYTHONS:
        return (
            f"Earshot needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {version[0]}.{version[1]}. "
            "Try: make PYTHON=python3.12 …"
        )
    if machine not in MACHINES.get(system, ()):
        return (
            "Earshot's packages are built for Linux on x86_64 and aarch64 and for macOS on arm64, "
            f"not for {system} on {machine}."
        )
    if system == "linux" and libc != "glibc":
        return "Earshot's packages are built for Linux with glibc, as Debian, Ubuntu and Fedora have it."
    return None


def brings_redis(version: "tuple[int, ...]", system: str, machine: str) -> bool:
    """Whether there is a package with a Redis, as pyproject.toml names it."""
    return (system, machine) == ("linux", "x86_64") and version[:2] < (3, 13)


def is_ours_to_bring(program: str, variable: str, environment: "dict[str, str]") -> bool:
    """Whether the server would have to come as a package: no variable names another, and none is on the PATH."""
    return not environment.get(variable) and not shutil.which(program, path=environment.get("PATH", ""))


def problem_of_mongodb(machine: str, cpuinfo: str, missing: "list[str]") -> "str | None":
    """The same about the packages' MongoDB on Linux; `cpuinfo` is what /proc/cpuinfo says, if that can be read."""
    if machine == "x86_64" and cpuinfo and not re.search(r"\bavx\b", cpuinfo):
        return (
            "MongoDB needs a processor with AVX from its version 5 on, and this machine shows none: give a virtual "
            "machine its host's type of processor, or name a MongoDB elsewhere by EARSHOT_MONGODB_URL."
        )
    if missing:
        return (
            f"The MongoDB that comes along needs {' and '.join(missing)}. On Debian and Ubuntu: "
            f"apt-get install {' '.join(LIBRARIES[name] for name in missing)}. "
            "Or name a MongoDB elsewhere by EARSHOT_MONGODB_URL."
        )
    return None


def problem_of_redis(version: "tuple[int, ...]", system: str, machine: str) -> "str | None":
    if brings_redis(version, system, machine):
        return None
    return (
        f"No package brings a Redis for Python {version[0]}.{version[1]} on this machine: apt-get install redis-server "
        "or brew install redis, or name one elsewhere by EARSHOT_REDIS_URL and EARSHOT_CACHE_URL."
    )


def is_missing(library: str) -> bool:
    """Whether a program of this system would not find it."""
    try:
        CDLL(library)
    except OSError:
        return True
    return False


def problem_here(environment: "dict[str, str]") -> "str | None":
    version, system, machine = sys.version_info[:2], sys.platform, platform.machine()
    found = problem(version, system, machine, platform.libc_ver()[0])
    if not found and system == "linux" and is_ours_to_bring("mongod", "EARSHOT_MONGODB_URL", environment):
        cpuinfo = CPUINFO.read_text(errors="replace") if CPUINFO.is_file() else ""
        found = problem_of_mongodb(machine, cpuinfo, [name for name in LIBRARIES if is_missing(name)])
    if not found and is_ours_to_bring("redis-server", "EARSHOT_REDIS_URL", environment):
        found = problem_of_redis(version, system, machine)
    return found


if __name__ == "__main__":
    sys.exit(problem_here(dict(os.environ)))
