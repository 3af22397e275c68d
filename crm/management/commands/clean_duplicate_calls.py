from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from audio import handing_over
from calls import duplicates
from calls.duplicates import Analysis, Outcome
from calls.errors import CallError, DuplicateCalls, RetryableCallError
from calls.merging import Head
from crm.audit import acts
from crm.models import Tenant
from metrics import locks

MOST_SHOWN = 50
_LOCK = "calls.clean_duplicates"


class Command(BaseCommand):
    help = (
        "Makes one call of several that have the same id or call_id in one company, as there may be where a unique "
        "index has been missing. The one with the longest conversation stays, of equally long ones the newest; what "
        "the others say beside is taken over first, with corrections, notes and history. Nothing is lost when it is "
        "stopped, even killed; run it again to go on. Afterwards the unique indexes are made. Examples: "
        "manage.py clean_duplicate_calls --analyze-only; "
        "manage.py clean_duplicate_calls --tenant-id 3 --dry-run --report duplicates.json; "
        "manage.py clean_duplicate_calls --execute"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant-id", "--tenant_id", type=int, metavar="N", help="the calls of this company alone")
        modes = parser.add_mutually_exclusive_group(required=True)
        modes.add_argument("--analyze-only", action="store_true", help="count duplicates, and change nothing")
        modes.add_argument(
            "--dry-run", action="store_true", help="say of each group what would stay and go, and change nothing"
        )
        modes.add_argument("--execute", action="store_true", help="merge them, and make the unique indexes")
        parser.add_argument(
            "--report", type=Path, metavar="FILE", help="write every group to a file, as JSON; not with --analyze-only"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenant_id: int | None = options["tenant_id"]
        if tenant_id is not None and not Tenant.objects.filter(pk=tenant_id).exists():
            raise CommandError(f"There is no company {tenant_id}.")
        if options["report"] and options["analyze_only"]:
            raise CommandError("--report tells of each group; --analyze-only looks at none. Take --dry-run.")
        console = Console(highlight=False)
        try:
            if options["analyze_only"]:
                _tell(console, duplicates.analyse(tenant_id))
            elif options["dry_run"]:
                _work(console, tenant_id, execute=False, report=options["report"])
            else:
                with locks.held_alone(_LOCK) as is_ours:
                    if not is_ours:
                        raise CommandError("Another clean_duplicate_calls is at it. Wait for its end.")
                    _execute(console, tenant_id, options["report"])
        except RetryableCallError as away:
            raise CommandError(f"{away.message} What was merged is merged; run it again.") from away
        except CallError as error:
            raise CommandError(error.message) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was merged is merged; run it again to go on.") from None


def _execute(console: Console, tenant_id: int | None, report: Path | None) -> None:
    left = _work(console, tenant_id, execute=True, report=report)
    try:
        made = duplicates.make_unique()
    except DuplicateCalls:
        where = " in other companies" if tenant_id is not None and not left else ""
        raise CommandError(
            f"There still are duplicates{where}, so the unique indexes could not be made. "
            "manage.py clean_duplicate_calls --analyze-only counts them."
        ) from None
    told = f"made: {', '.join(made)}" if made else "there"
    console.print(f"The unique indexes are {told}.")
    if left:
        raise CommandError(f"{left} groups were left; the table says why.")


def _work(console: Console, tenant_id: int | None, *, execute: bool, report: Path | None) -> int:
    """How many groups were left as they are."""
    with console.status("Looking for duplicates"):
        found = duplicates.groups(handing_over, tenant_id)
    outcomes: list[Outcome] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as bars:
            bar = bars.add_task("Merged" if execute else "Looked at", total=len(found))
            done = duplicates.clean(found, handing_over) if execute else duplicates.preview(found)
            for outcome in done:
                outcomes.append(outcome)
                bars.advance(bar)
    finally:
        # Also of what was done before it was stopped.
        if execute:
            _write_down(outcomes)
        _show(console, outcomes)
        if report is not None:
            _write(report, outcomes)
    if not execute:
        console.print("Nothing was changed.")
    return sum(outcome.state == "left" for outcome in outcomes)


def _write_down(outcomes: Iterable[Outcome]) -> None:
    """One entry for each company, however many of its calls it was."""
    for tenant_id in sorted({one.group.kept.tenant_id for one in outcomes if one.state == "merged"}):
        acts.write("call.duplicates_merged", actor=None, via="command", tenant_id=tenant_id)


def _tell(console: Console, found: Analysis) -> None:
    console.print(
        f"{found.groups} groups of calls that are one, {found.too_many} calls too many "
        f"({found.by_number} numbers and {found.by_call_id} call_ids are given more than once)."
    )
    if found.by_company:
        table = Table("Company", "groups")
        table.columns[1].justify = "right"
        for company, groups in sorted(found.by_company.items()):
            table.add_row(str(company), str(groups))
        console.print(table)
        console.print("manage.py clean_duplicate_calls --dry-run says what would stay and go.")


def _show(console: Console, outcomes: list[Outcome]) -> None:
    table = Table("Company", "stays", "goes", "segments taken over", "")
    table.columns[3].justify = "right"
    for outcome in outcomes[:MOST_SHOWN]:
        group = outcome.group
        number = f", its number now {outcome.number}" if outcome.number else ""
        renumbered = ", with a new number" if group.needs_number and not outcome.number else ""
        table.add_row(
            str(group.kept.tenant_id),
            escape(_named(group.kept)),
            escape("\n".join(_named(head) for head in group.removed)) or "–",
            str(outcome.segments),
            escape(outcome.why or outcome.state + number + renumbered),
        )
    if outcomes:
        console.print(table)
    if len(outcomes) > MOST_SHOWN:
        console.print(f"… and {len(outcomes) - MOST_SHOWN} groups more; --report FILE has them all.")
    states = Counter(outcome.state for outcome in outcomes)
    told = ", ".join(f"{count} {state}" for state, count in states.items()) or "none"
    going = sum(len(outcome.group.removed) for outcome in outcomes if outcome.state != "left")
    segments = sum(outcome.segments for outcome in outcomes)
    console.print(f"Groups: {told}. {going} calls too many, of which {segments} segments are taken over.")


def _named(head: Head) -> str:
    deleted = ", deleted" if head.is_deleted else ""
    return f"{head.number} {head.call_id} ({head.segments} segments{deleted})"


def _write(report: Path, outcomes: list[Outcome]) -> None:
    groups = [
        {
            "tenant_id": outcome.group.kept.tenant_id,
            "state": outcome.state,
            "why": outcome.why,
            "kept": _told(outcome.group.kept) | {"new_id": outcome.number},
            "removed": [_told(head) for head in outcome.group.removed],
            "merged": {
                "segments": outcome.segments,
                "corrections": outcome.corrections,
                "notes": outcome.notes,
            },
        }
        for outcome in outcomes
    ]
    try:
        report.write_bytes(orjson.dumps({"groups": groups}, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise CommandError(f"{report} cannot be written: {error.strerror}. What was merged is merged.") from error


def _told(head: Head) -> dict[str, Any]:
    return {
        "id": head.number,
        "call_id": head.call_id,
        "segments": head.segments,
        "start_time": head.start_time,
        "deleted": head.is_deleted,
    }
