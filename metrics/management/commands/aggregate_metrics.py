from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from metrics import rollups
from metrics.errors import MetricsError
from metrics.hours.reading import bounds_of
from metrics.management.arguments import day
from metrics.management.steps import shown
from metrics.rollups import Report

# Count of a report → what a person reads.
_WORDS = {
    "known": "had been filled before",
    "busy": "another worker is at it",
    "lost": "lost: Redis had let go of it",
    "failed": "failed: see the log; it waits on",
}


class Command(BaseCommand):
    help = (
        "Takes finished hours of figures from Redis into MongoDB, in order, and rolls up their days; beat does the "
        "same every few minutes. It may be killed at any time and run again, also beside the workers: each segment "
        "counts once. Days are UTC. "
        "Examples: manage.py aggregate_metrics; manage.py aggregate_metrics --dry-run; "
        "manage.py aggregate_metrics --from 2026-03-01 --to 2026-03-02"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="since", metavar="DAY", type=day, help="first day, UTC")
        parser.add_argument("--to", dest="until", metavar="DAY", type=day, help="last day, UTC")
        parser.add_argument("--dry-run", action="store_true", help="say what would be filled, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until, dry_run = options["since"], options["until"], options["dry_run"]
        if since and until and since > until:
            raise CommandError("--from is later than --to.")
        console = Console(highlight=False)
        try:
            with shown(console) as step:
                filled = rollups.fill_hours(
                    since=bounds_of(since)[0] if since else None,
                    until=bounds_of(until)[1] if until else None,
                    dry_run=dry_run,
                    progress=step,
                )
                rolled = rollups.roll_days(since=since, until=until, dry_run=dry_run, progress=step)
        except MetricsError as error:
            raise CommandError(f"{error.message} What was filled is filled; run it again.") from error
        _tell(console, filled, rolled, dry_run=dry_run)
        if filled.counts["failed"] or filled.counts["lost"]:
            raise CommandError("Not every hour could be filled.")


def _tell(console: Console, filled: Report, rolled: Report, *, dry_run: bool) -> None:
    table = Table("", "hours", "days")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("to be done" if dry_run else "done", str(filled.counts["done"]), str(rolled.counts["done"]))
    for count, words in _WORDS.items():
        if filled.counts[count] or rolled.counts[count]:
            table.add_row(words, str(filled.counts[count]), str(rolled.counts[count]))
    console.print(table)
    console.print(f"{filled.segments} segments in {filled.groups} groups.", end=" " if dry_run else "\n")
    if dry_run:
        console.print("Nothing was changed.")
