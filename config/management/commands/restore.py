from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.backup import restoring, stores
from config.backup.restoring import Plan
from config.backup.telling import Told
from config.management import backups

_NEXT = """\
Next:
  1. start Earshot (`make run`, or your services); manage.py doctor says whether all is well
  2. manage.py apply_retention, which removes again what was too old by now
  3. manage.py verify_blobs --fix, which holds the sound against its rows
  4. manage.py archive_metrics --find, which learns which days of figures were archived since
  5. manage.py verify_audit"""

_THINGS = {
    stores.REDIS: "keys",
    stores.POSTGRESQL: "tables, indexes and the like",
    stores.MONGODB: "documents",
    stores.RECORDINGS: "objects",
    stores.ARCHIVE: "objects",
}


class Command(BaseCommand):
    help = (
        "Puts a backup back into empty stores, with Earshot stopped; then brings them up to date and forgets again "
        "whoever was erased since. Looks at everything before it changes anything, and may be run again where it was "
        "cut off. Exit status 1 when it is refused or fails, or some objects were lost. Examples: manage.py restore "
        "/backups/earshot --dry-run; manage.py restore /backups/earshot/2026-11-26T02-00-00Z"
    )
    # The database may be empty.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="where backups lie, for the latest, or one of them")
        backups.add_only(parser, "restore")
        parser.add_argument("--replace", action="store_true", help="in the place of what the stores have now")
        parser.add_argument("--yes", action="store_true", help="do not ask to type the backup's name")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        parser.add_argument(
            "--archive-is-lost",
            action="store_true",
            help="go on although nobody can tell any more who was erased since the backup",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with backups.told() as progress:
            planned = restoring.plan(
                options["directory"].absolute(),
                only=options["only"],
                replace=options["replace"],
                archive_is_lost=options["archive_is_lost"],
                progress=progress,
            )
            _show(progress, planned)
            if planned.refusals:
                raise CommandError("Nothing was changed.")
            if options["dry_run"]:
                progress.console.print("Nothing was changed.")
                return
            # What a restore that was cut off has left is nothing that anybody could miss.
            takes_away = planned.archive_is_lost or (planned.replaces and not planned.goes_on)
            if takes_away and not options["yes"]:
                _have_typed(planned.manifest.name)
            restoring.restore(planned, progress=progress)
        progress.console.print(f"Restored: {planned.directory}", soft_wrap=True, markup=False)
        progress.console.print(_NEXT, soft_wrap=True, markup=False)
        for lost in planned.lost:
            progress.console.print(lost, soft_wrap=True, markup=False)
        if planned.lost:
            raise CommandError(f"All is restored but for {len(planned.lost)} objects. Another backup may have them.")


def _show(progress: Told, planned: Plan) -> None:
    say = progress.console.print
    said = planned.manifest
    say(f"Backup of {said.began_at:%Y-%m-%d %H:%M:%S} UTC: {planned.directory}", soft_wrap=True, markup=False)
    for name in planned.parts:
        part = said.parts[name]
        counted = f"{sum(part.counts.values())} {_THINGS[name]}"
        instead = ", in the place of what is there" if name in planned.replaces else ""
        version = f" {part.version}" if part.version else ""
        say(f"  {name}{version}: {counted}, {part.bytes / 1e6:.1f} MB{instead}", soft_wrap=True, markup=False)
    if planned.goes_on:
        say("A restore of it was cut off here; it is done again from its beginning.")
    for warning in planned.warnings:
        say(f"Mind: {warning}", soft_wrap=True, markup=False)
    for refusal in planned.refusals:
        say(f"Refused: {refusal}", soft_wrap=True, markup=False)


def _have_typed(wanted: str) -> None:
    try:
        typed = input(f"What the stores have now will be gone. Type {wanted} to go on: ")
    except EOFError:
        typed = ""
    if typed.strip() != wanted:
        raise CommandError("Nothing was changed. --yes does it without being asked.")
