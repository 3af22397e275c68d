from typing import Any

from django.core.management.base import BaseCommand

from config import access


class Command(BaseCommand):
    help = (
        "Prints who gets in where: every endpoint, page and socket, the capability it takes, the roles that have it "
        "and the act that is written down. Example: manage.py show_access"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(access.as_markdown())
