import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from calls import intake
from calls.api.conversations import as_told
from calls.errors import CallError
from calls.intake import Statistics
from config.json import encode
from metrics.errors import MetricsError

SECONDS_BETWEEN = 1.0
BAR_WIDTH = 40
COLOURS = {"healthy": "green", "warning": "yellow", "critical": "red"}


class Command(BaseCommand):
    help = (
        "Shows how the intake of conversations stands: what waits, how quickly it is stored, and whether that is well. "
        "With --json its exit status is 1 when the health is critical. Example: manage.py intake_status --watch"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="show it anew every second, until Ctrl-C")
        parser.add_argument("--json", action="store_true", help="print the figures as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(highlight=False)
        if options["json"]:
            statistics = _read()
            self.stdout.write(encode(as_told(statistics)).decode())
            if statistics.health == "critical":
                raise SystemExit(1)
        elif options["watch"]:
            _watch(console)
        else:
            console.print(_shown(_read()))


def _read() -> Statistics:
    try:
        return intake.statistics(None)
    except (CallError, MetricsError) as away:
        raise CommandError(f"{away.message} Is Redis there? manage.py doctor tells.") from away


def _watch(console: Console) -> None:
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        try:
            while True:
                live.update(_now(), refresh=True)
                time.sleep(SECONDS_BETWEEN)
        except KeyboardInterrupt:
            return


def _now() -> RenderableType:
    """The figures, or why there are none just now: a watch outlives a server that is away for a moment."""
    try:
        return _shown(_read())
    except CommandError as away:
        return Text(str(away), style="red")


def _shown(statistics: Statistics) -> RenderableType:
    depths = statistics.depths
    waiting = depths.queued + depths.processing
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        "Queue",
        ProgressBar(total=statistics.most_queued, completed=min(waiting, statistics.most_queued), width=BAR_WIDTH),
        f"{waiting:,} of {statistics.most_queued:,}",
    )
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("Queued", f"{depths.queued:,}"),
        ("Being stored", f"{depths.processing:,}"),
        ("Oldest waits", f"{depths.oldest_seconds:.1f} s"),
        ("Stored", f"{statistics.stored_per_second:.1f}/s over the last minute, {statistics.completed:,} in all"),
        ("Failed", f"{statistics.failed:,} in all, {statistics.dead:,} dead letters to look at"),
        ("Cache hits", f"{statistics.cache_hits:,} of embeddings"),
        ("Consumers", f"{depths.consumers}"),
    ):
        facts.add_row(name, value)
    times = Table("Last 24 hours", "p50", "p95", "p99", "count", box=None, pad_edge=False, header_style="bold")
    for name, summary in statistics.timings.items():
        quantiles = (summary.p50_ms, summary.p95_ms, summary.p99_ms)
        times.add_row(name, *(f"{milliseconds:,.2f} ms" for milliseconds in quantiles), f"{summary.count:,}")
    health = Text.assemble("Health: ", (statistics.health, f"bold {COLOURS[statistics.health]}"))
    for alert in statistics.alerts:
        said = f"\n  {alert.health}: {alert.message} ({alert.figure} {alert.value:g}, threshold {alert.threshold:g})"
        health.append(said, COLOURS[alert.health])
    return Group(health, bar, facts, times)
