from typing import Any

from django.core.management.base import BaseCommand

from calls.errors import DuplicateCalls
from config.stores import STORES


class Command(BaseCommand):
    help = (
        "Makes every collection, validator, index and bucket that Earshot needs. It may be run again at any time. "
        "Example: manage.py create_stores"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name, create in STORES.items():
            try:
                create()
            except DuplicateCalls as duplicates:
                # All else is there, and the cleaning needs it.
                self.stderr.write(f"{name}: {duplicates.message}")
                continue
            self.stdout.write(f"{name}: there")
