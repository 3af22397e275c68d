"""How far a run is, while it goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.rows import Row


class _Bar:
    """For a terminal: what is being done, and how far it is."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def doing(self, what: str, share: float) -> None:
        self._bar.update(self._task, description=what, completed=share)

    def has(self, row: Row) -> None:
        """The table will tell it."""


class _Lines:
    """For a file or a log, in which nothing can be drawn over: a line for each row, so that it is seen to go on."""

    def __init__(self, console: Console, name: str) -> None:
        self._console, self._name = console, name
        self._began = time.monotonic()
        self._tell("begun")

    def doing(self, what: str, share: float) -> None:
        """Too often for a line."""

    def has(self, row: Row) -> None:
        self._tell(f"{row.what} {row.verdict}")

    def _tell(self, what: str) -> None:
        self._console.print(escape(f"{self._name}, {time.monotonic() - self._began:.0f} s: {what}".rstrip()))


@contextmanager
def shown(console: Console, name: str) -> Iterator[_Bar | _Lines]:
    """Until the block ends: a suite, of this name."""
    if not console.is_terminal:
        yield _Lines(console, name)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar, bar.add_task(name, total=1.0))
