from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from calls import migration
from calls.errors import RetryableCallError
from calls.migration import NOT_IN_CALLS, Outcome, Report, RowsMissing
from calls.store import legacy
from calls.store.legacy import Size
from crm.audit import acts
from crm.models import Tenant

# Outcome → the option by which it may be lost.
_ALLOWED = {
    Outcome.ORPHAN: "drop_orphans",
    Outcome.BAD: "drop_bad",
    Outcome.CHANGED: "drop_changed",
}


class Command(BaseCommand):
    help = (
        "Moves what is said in calls from the older collections call_segments_agent and call_segments_client into the "
        "calls. It may be stopped at any time, even killed, and run again: what is there is not moved twice. Rows "
        "without a call and rows that cannot be right are told and left. --drop then looks for every row in its call "
        "and, when none is missing, drops the two collections. More in docs/legacy.md. Examples: "
        "manage.py migrate_call_segments --dry-run; manage.py migrate_call_segments --drop --drop-orphans"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        parser.add_argument(
            "--drop", action="store_true", help="drop the old collections once all of it is in the calls"
        )
        parser.add_argument(
            "--drop-orphans", action="store_true", help="with --drop: also when there are rows without a call"
        )
        parser.add_argument(
            "--drop-bad", action="store_true", help="with --drop: also when there are rows that cannot be right"
        )
        parser.add_argument(
            "--drop-changed", action="store_true", help="with --drop: also when calls have other words by now"
        )
        parser.add_argument(
            "--batch",
            type=int,
            default=migration.USUAL_BATCH,
            metavar="N",
            help="so many calls at a time (default: %(default)s)",
        )
        parser.add_argument(
            "--tenant-id",
            type=int,
            metavar="N",
            help="the rows of this company alone; those that name no company are taken for its",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse(options)
        console = Console(highlight=False)
        try:
            if not legacy.is_there():
                console.print("There are no older collections of segments. Nothing was changed.")
                return
            before = legacy.sizes()
            _make_indexes(console, dry_run=options["dry_run"])
            report = _run(console, options)
            _tell(console, report, dry_run=options["dry_run"])
            if options["drop"]:
                _drop(console, options)
            _compare(console, before, legacy.sizes(), dropped=options["drop"])
        except RetryableCallError as away:
            raise CommandError(f"{away.message} What was moved is moved; run it again.") from away
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was moved is moved; run it again to go on.") from None


def _refuse(options: dict[str, Any]) -> None:
    if options["batch"] < 1:
        raise CommandError("--batch is 1 or more.")
    if options["dry_run"] and options["drop"]:
        raise CommandError("--dry-run changes nothing: it cannot go with --drop.")
    if not options["drop"] and (given := [name for name in _ALLOWED.values() if options[name]]):
        raise CommandError(f"--{given[0].replace('_', '-')} says what --drop may lose; it needs --drop.")
    if options["tenant_id"] is not None and not Tenant.objects.filter(pk=options["tenant_id"]).exists():
        raise CommandError(f"There is no company {options['tenant_id']}.")


def _make_indexes(console: Console, *, dry_run: bool) -> None:
    if dry_run:
        for name in legacy.missing_indexes():
            console.print(f"{name} has no index on call_id; it would be made first. Without it this takes long.")
        return
    for name in legacy.create_indexes():
        console.print(f"{name} had no index on call_id; it has one now.")


def _run(console: Console, options: dict[str, Any]) -> Report:
    with _progress(console) as bars:
        moving = bars.add_task("Looked at" if options["dry_run"] else "Moved", total=legacy.count())
        report = migration.run(
            write=not options["dry_run"],
            tenant_id=options["tenant_id"],
            batch=options["batch"],
            seen=lambda documents: bars.advance(moving, documents),
        )
    if not options["dry_run"] and report.rows[Outcome.MOVED]:
        acts.write("call.segments_migrated", actor=None, via="command", tenant_id=options["tenant_id"])
    return report


def _drop(console: Console, options: dict[str, Any]) -> None:
    """Raises CommandError when something is missing; nothing is dropped then."""
    without = [outcome for outcome, option in _ALLOWED.items() if options[option]]
    try:
        with _progress(console) as bars:
            looking = bars.add_task("Verified", total=legacy.count())
            migration.verify_and_drop(
                tenant_id=options["tenant_id"],
                without=without,
                batch=options["batch"],
                seen=lambda documents: bars.advance(looking, documents),
            )
    except RowsMissing as refused:
        raise CommandError(_why(refused)) from refused
    acts.write("call.old_segments_dropped", actor=None, via="command")
    console.print("Every row was found in its call; the old collections are dropped.")


def _why(refused: RowsMissing) -> str:
    lines = [refused.message]
    for outcome in refused.outcomes:
        what = "not in their calls" if outcome == Outcome.MOVED else str(outcome)
        way_out = f" --{_ALLOWED[outcome].replace('_', '-')} drops them." if outcome in _ALLOWED else ""
        lines.append(f"{refused.report.rows[outcome]} {what}.{way_out}")
        lines += [f"  {name}" for name in refused.report.named[outcome]]
    return "\n".join(lines)


def _tell(console: Console, report: Report, *, dry_run: bool) -> None:
    table = Table("Old rows", "count")
    table.columns[1].justify = "right"
    table.add_row("documents", str(report.documents))
    table.add_row("rows", str(report.rows.total()))
    table.add_row("calls", str(report.calls))
    for outcome in Outcome:
        name = "to be moved" if dry_run and outcome == Outcome.MOVED else str(outcome)
        table.add_row(name, str(report.rows[outcome]))
    console.print(table)
    for outcome in NOT_IN_CALLS:
        if outcome != Outcome.MOVED and (names := report.named.get(outcome)):
            console.print(f"{str(outcome).capitalize()}, {report.rows[outcome]} rows, among them:", soft_wrap=True)
            for name in names:
                console.print(f"  {escape(name)}", soft_wrap=True)
    if dry_run:
        console.print("Nothing was changed.")


def _compare(console: Console, before: Sequence[Size], after: Sequence[Size], *, dropped: bool) -> None:
    table = Table("Collection", "documents", "unpacked", "on disk", "indexes", "number of indexes")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for was, now in zip(before, after, strict=True):
        cells = [
            _change(str(was.documents), str(now.documents)),
            *(_change(_bytes(one), _bytes(other)) for one, other in _pairs(was, now)),
            _change(str(was.indexes), str(now.indexes)),
        ]
        table.add_row(was.name, *cells)
    console.print(table)
    saved = _taken(before) - _taken(after)
    if dropped:
        console.print(f"Saved: {_bytes(saved)} on disk, and {_indexes(before) - _indexes(after)} indexes.")
    else:
        old = sum(one.disk + one.index for one in after if one.name in legacy.SEGMENTS.values())
        console.print(f"The old collections still take {_bytes(old)} on disk; --drop gives that back.")


def _pairs(was: Size, now: Size) -> list[tuple[int, int]]:
    return [(was.data, now.data), (was.disk, now.disk), (was.index, now.index)]


def _change(was: str, now: str) -> str:
    return was if was == now else f"{was} → {now}"


def _bytes(count: int) -> str:
    return str(filesizeformat(count)).replace("\xa0", " ")


def _taken(sizes: Sequence[Size]) -> int:
    return sum(one.disk + one.index for one in sizes)


def _indexes(sizes: Sequence[Size]) -> int:
    return sum(one.indexes for one in sizes)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
