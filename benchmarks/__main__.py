"""The command line: `python -m benchmarks [NAME…] [--json FILE] [--markdown FILE] [--scale small|usual]`."""

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from django.core.management import call_command
from rich.console import Console
from rich.markup import escape

from benchmarks import progress, report, suites
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
    """Run suites one after another, and tell their rows. 1 when variants of any came to different answers.

    After each suite the files, where some are named, have all that there is by then.
    """
    told = report.machine()
    console.print(escape(" · ".join(f"{name} {value}" for name, value in told.items())), "\n", sep="")
    done: list[Measured] = []
    for name in names:
        done.append(Measured(name, SUITES[name]))
        _run(done[-1], scale, console)
        report.show(console, done[-1])
        if json is not None:
            report.write(json, told, done)
        if markdown is not None:
            markdown.write_text("\n\n".join(report.as_markdown(one) for one in done) + "\n")
    return int(any(one.wrong for one in done))


def _run(measured: Measured, scale: Scale, console: Console) -> None:
    """With a wrong answer it ends, and the rows before are those there are."""
    began = time.monotonic()
    with progress.shown(console, measured.name) as shown:
        try:
            for row in measured.suite.measure(Run(scale, shown.doing)):
                measured.rows.append(row)
                shown.has(row)
        except WrongAnswer as wrong:
            measured.wrong = str(wrong)
    measured.seconds = time.monotonic() - began


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
