import csv
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from metrics import sheets
from metrics.archived import asking
from metrics.archived.asking import Found
from metrics.errors import MetricsError
from metrics.management.arguments import company

# A table in fewer columns breaks its words.
NARROW: Final = 100


class Command(BaseCommand):
    help = (
        "Asks one company's figures of any days, running, hot and archived as one, by a SELECT of DuckDB's SQL over "
        "the view segments_by_day; docs/archive.md tells its columns. It reads, and reaches nothing else. A terminal "
        "of 100 columns gets a table, a narrower one a line for each value, and whatever is no terminal CSV. "
        "Example: manage.py ask_metrics --tenant 1 --days 400 "
        '"SELECT pipeline, sum(segments), sum(total_us) / sum(timed) / 1000 AS ms FROM segments_by_day GROUP BY ALL"'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sql", help="one SELECT")
        parser.add_argument("--tenant", required=True, help="the company's number or name")
        parser.add_argument("--days", type=int, default=30, help="so many days up to now, UTC; 30 by default")
        parser.add_argument("--seconds", type=int, default=30, help="stopped after so long; 30 by default")
        parser.add_argument("--csv", action="store_true", help="as comma-separated values")

    def handle(self, *args: Any, **options: Any) -> None:
        until = timezone.now().date()
        try:
            found = asking.query(
                company(options["tenant"]),
                options["sql"],
                _first(until, options["days"]),
                until,
                seconds=options["seconds"],
            )
        except MetricsError as error:
            raise CommandError(error.message) from error
        console = Console(highlight=False, markup=False)
        if options["csv"] or not self.stdout.isatty():
            writer = csv.writer(self.stdout)
            writer.writerow(found.columns)
            writer.writerows([sheets.cell(value) for value in row] for row in found.rows)
        elif console.width < NARROW:
            _print_records(console, found)
        else:
            table = Table(*found.columns)
            for row in found.rows:
                table.add_row(*map(_told, row))
            console.print(table)
        if found.is_cut:
            self.stderr.write(f"There is more; these are the first {asking.MOST_ROWS} rows.")


def _print_records(console: Console, found: Found) -> None:
    width = max(map(len, found.columns), default=0)
    for number, row in enumerate(found.rows):
        if number:
            console.print()
        for column, value in zip(found.columns, row, strict=True):
            console.print(f"{column:<{width}}  {_told(value)}", soft_wrap=True)


def _told(value: Any) -> str:
    return "" if value is None else str(value)


def _first(until: date, days: int) -> date:
    if not 1 <= days <= asking.LONGEST_DAYS:
        raise CommandError(f"--days is from 1 to {asking.LONGEST_DAYS}.")
    return until - timedelta(days=days - 1)
