import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from calls import store
from calls.errors import CallError, RetryableCallError
from calls.store.explaining import explained
from calls.store.indexes import Index, Superseded
from crm import explaining, printing

_LOOK_SECONDS = 0.5
_STANDING = {"there": "there", "missing": "missing", "different": "there otherwise"}


class Command(BaseCommand):
    help = (
        "Makes the indexes that the board and the lists of calls need, drops those of older programs in whose place "
        "they are, and then asks the database how it goes about "
        "their real queries: along an index, without sorting, and reading little more than it returns. Ends with 1 "
        "when it does otherwise. It may be run again at any time, beside people who work. "
        "Examples: manage.py create_call_indexes; manage.py create_call_indexes --dry-run"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be made, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        console = printing.console()
        try:
            before = store.indexes()
            if options["dry_run"]:
                _tell(console, before, [])
                wanted = [index for index in before if index.standing != "there"]
                for old in store.superseded():
                    console.print(f"{_name_of(old)} would be dropped: {_why(old)}")
                console.print(f"{len(wanted)} would be made. Nothing was changed.")
                return
            store.create_collections()
            made = _make(console, before)
            _tell(console, store.indexes(), made)
            for old in store.drop_superseded():
                console.print(f"{_name_of(old)} is dropped: {_why(old)}")
            _verify(console)
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was made is there; run it again to go on.") from None
        except CallError as error:
            again = " What was made is there; run it again." if isinstance(error, RetryableCallError) else ""
            raise CommandError(f"{error.message}{again}") from error


def _make(console: Console, indexes: list[Index]) -> list[str]:
    """Make what is missing, each with a bar. Their names. Raises DuplicateCalls once all others are there."""
    missing = sorted((index for index in indexes if index.standing != "there"), key=lambda index: index.is_unique)
    made: list[str] = []
    refused: CallError | None = None
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars, ThreadPoolExecutor(1) as beside:
        for index in missing:
            bar = bars.add_task(f"{index.collection}.{index.name}", total=max(index.documents, 1))
            work = beside.submit(store.create_index, index)
            while not work.done():
                if told := store.index_progress():
                    bars.update(bar, completed=told[0], total=max(told[1], 1))
                time.sleep(_LOOK_SECONDS if index.documents else 0.01)
            try:
                work.result()
                made.append(index.name)
                bars.update(bar, completed=bars.tasks[bar].total)
            except CallError as error:
                if isinstance(error, RetryableCallError):
                    raise
                refused = error
    if refused is not None:
        raise refused
    return made


def _name_of(old: Superseded) -> str:
    return f"{old.collection}.{old.name}"


def _why(old: Superseded) -> str:
    return f"{old.by} is in its place. {old.reason}"


def _tell(console: Console, indexes: list[Index], made: list[str]) -> None:
    table = printing.table("Collection", "index", "keys", "", "size", numbers_from=4)
    for index in indexes:
        keys = ", ".join(f"{key} {'↓' if order < 0 else '↑'}" for key, order in index.keys.items())
        standing = "made" if index.name in made else _STANDING[index.standing]
        unique = " (unique)" if index.is_unique else ""
        size = str(filesizeformat(index.size)).replace("\xa0", " ") if index.size else "–"
        table.add_row(index.collection, index.name + unique, keys, standing, size)
    console.print(table)


def _verify(console: Console) -> None:
    """Raises CommandError when one of the real queries is not answered as it should be."""
    tenant_id = store.largest_company()
    if tenant_id is None:
        console.print("There are no calls yet to ask about.")
        return
    table = printing.table("Query", "index", "keys", "documents", "returned", numbers_from=2)
    wrong = []
    for question in explaining.questions_of_calls(tenant_id):
        for plan in explained(question.ask):
            figures = [str(plan.keys), str(plan.documents), str(plan.returned)]
            table.add_row(escape(question.name), " ".join(plan.indexes) or "–", *figures)
            wrong += [f"{question.name}: {fault}. {plan.asked}" for fault in explaining.faults(plan)]
    console.print(table)
    if wrong:
        raise CommandError("Not every query is answered as it should be:\n" + "\n".join(wrong))
    console.print("Every query goes along an index, sorts nothing, and reads little more than it returns.")
