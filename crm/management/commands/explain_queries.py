from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypedDict

import orjson
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape

from calls import store
from calls.errors import CallError
from calls.store.explaining import explained
from crm import explaining, printing, statement_plans
from crm.models import Tenant


class Row(TypedDict):
    """One plan as `--json` prints it; `keys` of an index are MongoDB's alone, `read` are documents or rows."""

    query: str
    database: str
    plan: tuple[str, ...]
    indexes: tuple[str, ...]
    keys: int | None
    read: int
    returned: int
    milliseconds: float
    warnings: list[str]
    asked: str


class Command(BaseCommand):
    help = (
        "Asks the databases what the desk asks them all day, and shows how they go about it: the plan of each query, "
        "its indexes, how much was read for what was returned, and how long that took. Warns of what is read from end "
        "to end or sorted in memory; ends with 1 when calls are read from end to end. Changes nothing. "
        "Examples: manage.py explain_queries; manage.py explain_queries --tenant-id 3 --json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--tenant-id",
            "--tenant_id",
            type=int,
            metavar="N",
            help="ask for this company; without it, for the one with the most calls",
        )
        parser.add_argument("--json", action="store_true", help="print it for programs: a list of plans")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant_id: int | None = options["tenant_id"]
        if tenant_id is not None and not Tenant.objects.filter(pk=tenant_id).exists():
            raise CommandError(f"There is no company {tenant_id}.")
        try:
            rows = list(_rows(tenant_id if tenant_id is not None else store.largest_company() or 0))
        except CallError as error:
            raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        else:
            _show(printing.console(), rows)
        read_whole = [row["query"] for row in rows if row["database"] == "mongodb" and "COLLSCAN" in row["plan"]]
        if read_whole:
            raise CommandError(
                f"Read from end to end: {', '.join(dict.fromkeys(read_whole))}. "
                "manage.py create_call_indexes makes what is missing."
            )


def _rows(tenant_id: int) -> Iterator[Row]:
    for question in explaining.questions_of_calls(tenant_id):
        for plan in explained(question.ask):
            yield Row(
                query=question.name,
                database="mongodb",
                plan=plan.stages,
                indexes=plan.indexes,
                keys=plan.keys,
                read=plan.documents,
                returned=plan.returned,
                milliseconds=plan.milliseconds,
                warnings=explaining.faults(plan),
                asked=plan.asked,
            )
    for question in explaining.questions_of_people(tenant_id):
        for found in statement_plans.explained(question.ask):
            yield Row(
                query=question.name,
                database="postgresql",
                plan=found.nodes,
                indexes=found.indexes,
                keys=None,
                read=found.rows,
                returned=found.returned,
                milliseconds=found.milliseconds,
                warnings=[f"{table} read from end to end" for table in found.scanned],
                asked=found.asked,
            )


def _show(console: Console, rows: list[Row]) -> None:
    table = printing.table("Query", "plan", "index", "keys", "read", "returned", "ms", numbers_from=3)
    reads, shown = Counter(row["query"] for row in rows), Counter[str]()
    for row in rows:
        shown[row["query"]] += 1
        name = row["query"]
        if reads[name] > 1:
            name += f", {shown[name]} of {reads[name]}"
        keys = "–" if row["keys"] is None else str(row["keys"])
        figures = [keys, str(row["read"]), str(row["returned"]), f"{row['milliseconds']:.1f}"]
        table.add_row(escape(name), " ".join(row["plan"]), " ".join(row["indexes"]) or "–", *figures)
    console.print(table)
    for row in rows:
        for warning in row["warnings"]:
            told = f"{row['query']}: {warning}. {row['asked']}"
            console.print(f"[yellow]{escape(told)}[/]", soft_wrap=True)
