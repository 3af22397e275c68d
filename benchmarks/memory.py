"""How much memory processes take, as Linux tells: what several share is divided among them."""

import re
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")
_KIB = 1024
MEGABYTE = 1e6


def is_told() -> bool:
    """Whether this system tells."""
    return (_PROCESSES / "self" / "smaps_rollup").exists()


def of(pid: int) -> int:
    """Bytes of a process's own and of its share in what it has in common with others; 0 once it has ended."""
    with suppress(OSError):
        told = re.search(r"^Pss:\s+(\d+) kB", (_PROCESSES / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)
        return int(told[1]) * _KIB if told else 0
    return 0


def family(pid: int) -> list[int]:
    """A process and all that have been started by it and theirs, those first that are older."""
    parents = {}
    for entry in _PROCESSES.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                # The name, in brackets, may hold anything.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += sorted(child for child, parent in parents.items() if parent == one)
    return found


def with_variable(name: str, value: str) -> list[int]:
    """The processes that were started with this variable in their environment, but for those that have ended."""
    wanted, found = f"{name}={value}".encode(), []
    for entry in _PROCESSES.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
