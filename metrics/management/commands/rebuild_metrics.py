from argparse import ArgumentParser
from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from metrics import rebuilding
from metrics.errors import MetricsError
from metrics.management.arguments import day
from metrics.management.steps import shown
from metrics.rebuilding import Finding, Source

# More lines say no more about what is wrong.
_MOST_TOLD = 50


class Command(BaseCommand):
    help = (
        "Makes hours and days of figures again from what is left of them, where they are not as their marks say: hours "
        "from Redis while it has them, what channels did from the rows of the time series (without percentiles), days "
        "from their hours. What is whole stays, and what would lose segments is refused. Exit status 1 when something "
        "was. Days are UTC. "
        "Examples: manage.py rebuild_metrics --from 2026-03-01 --to 2026-03-31 --dry-run; "
        "manage.py rebuild_metrics --from 2026-03-01 --to 2026-03-31"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="since", metavar="DAY", type=day, required=True, help="first day, UTC")
        parser.add_argument("--to", dest="until", metavar="DAY", type=day, required=True, help="last day, UTC")
        parser.add_argument("--dry-run", action="store_true", help="say what could be made from what; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["since"] > options["until"]:
            raise CommandError("--from is later than --to.")
        console = Console(highlight=False)
        try:
            with shown(console) as step:
                findings = rebuilding.rebuild(
                    options["since"], options["until"], dry_run=options["dry_run"], progress=step
                )
        except MetricsError as error:
            raise CommandError(f"{error.message} What was made is made; run it again.") from error
        _tell(console, findings)
        if options["dry_run"]:
            console.print("Nothing was changed.")
        if refused := sum(one.source == Source.NONE for one in findings):
            raise CommandError(f"{refused} could not be made again without losing segments, and were left.")


def _tell(console: Console, findings: list[Finding]) -> None:
    counts = Counter((one.source, isinstance(one.start, datetime)) for one in findings)
    table = Table("", "hours", "days")
    for column in table.columns[1:]:
        column.justify = "right"
    for source in Source:
        if counts[source, True] or counts[source, False]:
            table.add_row(str(source), str(counts[source, True]), str(counts[source, False]))
    console.print(table)
    told = [one for one in findings if one.source != Source.WHOLE]
    for one in told[:_MOST_TOLD]:
        start = f"{one.start:%Y-%m-%d %H:%M}" if isinstance(one.start, datetime) else str(one.start)
        console.print(f"{start} of company {one.tenant_id} {one.source}: {one.said}", soft_wrap=True)
    if len(told) > _MOST_TOLD:
        console.print(f"… and {len(told) - _MOST_TOLD} more")
