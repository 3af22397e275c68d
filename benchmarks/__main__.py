"""The command line: `python -m benchmarks [NAME…] [--json FILE] [--markdown FILE] [--scale small|usual]`."""

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from django.core.management import call_command
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks import report, suites
from benchmarks.measuring import WrongAnswer
from benchmarks.rows import Measured
from benchmarks.scales import Run, Scale, ScaleName
from benchmarks.suites import SUITES

OWN_SERVERS = "EARSHOT_BENCHMARK_SERVERS"
# Of what is no terminal: a file, or a log.
WIDTH = 150


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """0 whatever the figures are; 1 when variants come to different answers, 2 when it may not run here."""
    console = console or Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    given = _parser().parse_args(arguments)
    if os.environ.get(OWN_SERVERS) != "1":
        console.print(
            "The benchmarks write to real servers and empty them, so they run only on servers of their own: "
            "`make bench`, or `make bench ONLY=calls` for a part."
        )
        return 2
    call_command("migrate", verbosity=0)
    call_command("create_stores", stdout=io.StringIO())
    return measure(given.names or suites.usual(), Scale(given.scale), console, json=given.json, markdown=given.markdown)


def measure(
    names: Sequence[str], scale: Scale, console: Console, *, json: Path | None = None, markdown: Path | None = None
) -> int:
    """Run suites one after another, tell their rows, and write them to files where some are named."""
    told = report.machine()
    console.print(escape(" · ".join(f"{name} {value}" for name, value in told.items())), "\n", sep="")
    done: list[Measured] = []
    for name in names:
        done.append(Measured(name, SUITES[name]))
        began = time.monotonic()
        with _progress(console) as bar:
            task = bar.add_task(name, total=1.0)
            tell = partial(_tell, bar, task)
            try:
                for row in SUITES[name].measure(Run(scale, tell)):
                    done[-1].rows.append(row)
            except WrongAnswer as wrong:
                console.print(f"[bold red]{escape(name)}: {escape(str(wrong))}")
                return 1
        done[-1].seconds = time.monotonic() - began
        report.show(console, done[-1])
    if json is not None:
        report.write(json, told, done)
    if markdown is not None:
        markdown.write_text("\n\n".join(report.as_markdown(one) for one in done) + "\n")
    return 0


def _tell(bar: Progress, task: TaskID, what: str, share: float) -> None:
    bar.update(task, description=what, completed=share)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What things cost, on servers of its own."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *SUITES], help=f"of {', '.join(SUITES)}; all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to a file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to a file as Markdown")
    parser.add_argument("--scale", choices=get_args(ScaleName), default="usual", help="how much is measured")
    return parser


if __name__ == "__main__":
    sys.exit(main())
