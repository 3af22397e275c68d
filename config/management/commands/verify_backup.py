from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.backup import verifying
from config.backup.pace import stand_back
from config.management import backups


class Command(BaseCommand):
    help = (
        "Reads a backup from its first byte to its last and holds it against what it said of itself when it was made: "
        "files, rows' dump, documents, keys, and every object by its SHA-256. No server is needed. Exit status 1 when "
        "something is missing or was changed. Example: manage.py verify_backup /backups/earshot"
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="where backups lie, for the latest, or one of them")
        parser.add_argument("--without-objects", action="store_true", help="see that objects are there, read none")

    def handle(self, *args: Any, **options: Any) -> None:
        stand_back()
        with backups.told() as progress:
            verified = verifying.verify(
                options["directory"].absolute(), without_objects=options["without_objects"], progress=progress
            )
        for fault in verified.faults:
            progress.console.print(fault, soft_wrap=True, markup=False)
        if verified.faults:
            raise CommandError(f"{verified.directory} is damaged: {len(verified.faults)} things are not as they were.")
        progress.console.print(
            f"{verified.directory} is whole, of {verified.manifest.began_at:%Y-%m-%d %H:%M} UTC.", soft_wrap=True
        )
