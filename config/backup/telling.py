"""How the commands of backups tell how far they are: a moving line on a terminal, and a line a step in a log."""

import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from crm import printing


class Told:
    """A Progress of what is done, and the console that everything is said on."""

    def __init__(self) -> None:
        self.console = printing.console()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._what = ""
        self._began = 0.0
        self._things = self._size = 0

    def begin(self, what: str, total: int | None = None) -> None:
        self._what, self._began = what, time.monotonic()
        self._things = self._size = 0
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
            self._bar = Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)
            self._task = self._bar.add_task(what, total=total, said="")
            self._bar.start()

    def advance(self, things: int, size: int = 0) -> None:
        self._things += things
        self._size += size
        if self._bar is not None:
            said = f"{self._things} · {self._size / 1e6:.1f} MB"
            self._bar.update(self._task, advance=things, said=said)

    def end(self, said: str) -> None:
        self.stop()
        seconds = time.monotonic() - self._began
        speed = f", {self._size / 1e6 / seconds:.0f} MB/s" if self._size > 1e6 and seconds > 0.1 else ""
        self.console.print(f"{self._what}: {said} ({seconds:.1f} s{speed})", markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave no moving line behind; again is the same as once."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
