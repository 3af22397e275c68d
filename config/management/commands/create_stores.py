from typing import Any

from django.core.management.base import BaseCommand

from config.stores import STORES


class Command(BaseCommand):
    help = (
        "Makes every collection, validator, index and bucket that Earshot needs. It may be run again at any time. "
        "Example: manage.py create_stores"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name, create in STORES.items():
            create()
            self.stdout.write(f"{name}: there")
