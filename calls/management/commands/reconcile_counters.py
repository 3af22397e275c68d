from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from calls import board
from calls.errors import CallError


class Command(BaseCommand):
    help = (
        "Compares the board's counters with the calls that there are, of all companies, and mends those that differ; "
        "beat does the same. They differ only when somebody has written into the database past Earshot. Calls may go "
        "on moving meanwhile. "
        "Examples: manage.py reconcile_counters; manage.py reconcile_counters --dry-run"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say which differ, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(highlight=False)
        try:
            drifts = board.drifts() if options["dry_run"] else board.reconcile()
        except CallError as error:
            raise CommandError(error.message) from error
        if drifts is None:
            console.print("Somebody else compares them right now. Nothing was changed.")
            return
        if drifts:
            table = Table("Company", "Status", "Counted", "There")
            for drift in drifts:
                table.add_row(str(drift.tenant_id), drift.status_id or "none", str(drift.counted), str(drift.there))
            console.print(table)
        done = "Nothing was changed." if options["dry_run"] else "They are mended." if drifts else ""
        console.print(f"{len(drifts)} counters differ from the calls that there are. {done}".strip())
