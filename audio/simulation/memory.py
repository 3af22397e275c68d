"""What the stack's own processes hold of memory, where they run on this machine: read from /proc, nothing else.

A process belongs to the stack when it carries its EARSHOT_DATA in its environment. Pages that processes share are
counted once, each process having its part (PSS); where that may not be read, as what each has (RSS).
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_PROC = Path("/proc")
_WORKER = re.compile(r"celery.* worker .*-n (\w+)@")
_MEGABYTE = 1024


class Watch:
    """Megabytes by name, web server and workers: before, at the peak, after. Look as often as one likes."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.before = self.after = self.peak = held_by(data)

    def look(self) -> None:
        self.after = held_by(self._data)
        names = self.peak.keys() | self.after.keys()
        self.peak = {name: max(self.peak.get(name, 0.0), self.after.get(name, 0.0)) for name in names}

    def told(self) -> dict[str, Mapping[str, float]]:
        """`{name: {"before_mb", "peak_mb", "after_mb"}}`; empty when there is nobody to be seen."""
        return {
            name: {
                "before_mb": self.before.get(name, 0.0),
                "peak_mb": self.peak[name],
                "after_mb": self.after.get(name, 0.0),
            }
            for name in sorted(self.peak)
        }


def held_by(data: Path) -> Mapping[str, float]:
    """Megabytes that each part of the stack with this data directory holds now, its children's included."""
    marker = f"EARSHOT_DATA={data}".encode()
    held: Counter[str] = Counter()
    for process in _PROC.iterdir() if _PROC.is_dir() else ():
        if not process.name.isdigit():
            continue
        try:
            name = _name_of((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            if name and marker in (process / "environ").read_bytes().split(b"\0"):
                held[name] += _kilobytes(process)
        except OSError:
            # Gone meanwhile, or somebody else's.
            continue
    return {name: round(kilobytes / _MEGABYTE, 1) for name, kilobytes in held.items()}


def _name_of(command: str) -> str:
    if "config.asgi:application" in command:
        return "web"
    worker = _WORKER.search(command)
    return f"worker {worker.group(1)}" if worker else ""


def _kilobytes(process: Path) -> int:
    try:
        return _field((process / "smaps_rollup").read_text(), "Pss")
    except PermissionError:
        return _field((process / "status").read_text(), "VmRSS")


def _field(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found.group(1)) if found else 0
