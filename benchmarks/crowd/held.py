"""What each part of a stack holds of memory and has had of the processor: read from /proc, nothing else.

A part is a process that the launcher has started, with all that has come of it. Pages that processes share are counted
once, each having its part of them (PSS).
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_KIB = 1024
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat after the name in brackets, which may hold anything: parent; user and system time, of itself and of
# those of its children that have ended (proc(5): 14 to 17).
_PARENT, _TIMES = 1, slice(11, 15)
_NAMES = (
    (re.compile(r"config\.asgi"), "web"),
    (re.compile(r"celery .*worker .*-n (\w+)@"), ""),
    (re.compile(r"celery .* beat "), "beat"),
    (re.compile(r"consume_conversations"), "intake"),
    (re.compile(r"redis-server .*/cache/"), "Redis cache"),
    (re.compile(r"redis-server"), "Redis"),
    (re.compile(r"postgres"), "PostgreSQL"),
    (re.compile(r"mongod"), "MongoDB"),
    (re.compile(r"rclone"), "rclone"),
)


@dataclass(frozen=True, slots=True)
class Held:
    """By part of the stack: megabytes, and seconds of the processor since it began."""

    megabytes: Mapping[str, float]
    processor_seconds: Mapping[str, float]


def by_parts(launcher: int) -> Held:
    """Of everything that this launcher has started and that runs now."""
    megabytes: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for name, process, ticks in _processes(launcher):
        seconds[name] += ticks / _TICKS_PER_SECOND
        megabytes[name] += _megabytes(process)
    return Held(dict(megabytes), dict(seconds))


def web(launcher: int) -> float:
    """Megabytes of the web server alone."""
    return sum(_megabytes(process) for name, process, _ in _processes(launcher) if name == "web")


def _processes(launcher: int) -> Iterator[tuple[str, int, int]]:
    """The part, the process id and the ticks of each."""
    stats = dict(_stats())
    names: dict[int, str] = {}

    def part_of(process: int) -> str:
        if process not in names:
            parent = stats[process][0] if process in stats else 0
            if parent == launcher:
                names[process] = _name(process)
            else:
                names[process] = part_of(parent) if parent > 1 else ""
        return names[process]

    for process, (_, ticks) in stats.items():
        if name := part_of(process):
            yield name, process, ticks


def _stats() -> Iterator[tuple[int, tuple[int, int]]]:
    """Each process with its parent and its ticks."""
    for directory in _PROC.iterdir():
        if directory.name.isdigit():
            try:
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                # It has ended meanwhile.
                continue
            yield int(directory.name), (int(fields[_PARENT]), sum(map(int, fields[_TIMES])))


def _name(process: int) -> str:
    try:
        command = (_PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
    for pattern, name in _NAMES:
        if found := pattern.search(command):
            return name or found.group(1)
    return ""


def _megabytes(process: int) -> float:
    try:
        text = (_PROC / str(process) / "smaps_rollup").read_text()
    except OSError:
        # It has ended meanwhile, or may not be looked at.
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found.group(1)) / _KIB if found else 0.0
