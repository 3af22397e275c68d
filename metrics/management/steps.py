"""How far a command has come, shown while it runs."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from metrics.rollups import Step


@contextmanager
def quiet() -> Iterator[None]:
    """What is logged of work that goes well stays out of what a command prints."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def shown(console: Console) -> Iterator[Callable[[Step], None]]:
    """Gives what is to be called with each step; what it shows is gone at the end. It is `quiet` meanwhile."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with quiet(), Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("Looking", total=None)

        def step(one: Step) -> None:
            start = f"{one.start:%Y-%m-%d %H:%M}" if isinstance(one.start, datetime) else str(one.start)
            bars.update(
                task, description=f"{start} of company {one.tenant_id}", completed=one.number - 1, total=one.total
            )

        yield step
