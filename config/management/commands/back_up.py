from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.backup import making
from config.backup.pace import MEGABYTE, stand_back
from config.management import backups


class Command(BaseCommand):
    help = (
        "Backs up all stores into a directory while Earshot goes on working: everything that was acknowledged before "
        "it began is in it. Objects are kept once for all backups of the directory. What is not in it: the ledger of "
        "erasures, the keyring, certificates and the site's secrets (docs/backup.md says how to keep those). Exit "
        "status 0 when it is whole, 3 when another one goes on there, 1 for everything else. "
        "Example: manage.py back_up /backups/earshot --keep 14"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="where backups lie; made when it is not there")
        backups.add_only(parser, "back up")
        parser.add_argument(
            "--keep", type=int, metavar="N", help="then remove those of which N newer ones have all stores"
        )
        parser.add_argument(
            "--rate", type=float, default=50.0, metavar="MB", help="megabytes of objects a second at most (50); 0: any"
        )
        parser.add_argument("--dry-run", action="store_true", help="say how much there is, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        root: Path = options["directory"].absolute()
        if options["keep"] is not None and options["keep"] < 1:
            raise CommandError("--keep must leave at least one.")
        stand_back()
        with backups.told() as progress:
            if options["dry_run"]:
                for name, said in making.foreseen(root, only=options["only"]).items():
                    progress.console.print(f"{name}: {said}", soft_wrap=True)
                progress.console.print("Nothing was written.")
                return
            made = making.make(
                root, only=options["only"], rate=options["rate"] * MEGABYTE, keep=options["keep"], progress=progress
            )
            if made.removed:
                progress.console.print(f"Removed: {made.removed} older backups, {made.freed / MEGABYTE:.1f} MB")
            progress.console.print(f"The backup is whole: {made.directory}", soft_wrap=True, markup=False)
