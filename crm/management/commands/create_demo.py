from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from crm import demo


class Command(BaseCommand):
    help = (
        "Makes two demo tenants and five people in them, with one password that is kept in "
        "$EARSHOT_DATA/demo-password. Works only with EARSHOT_DEMO=1. Example: EARSHOT_DEMO=1 manage.py create_demo"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EARSHOT_DEMO:
            raise CommandError("Demo people have a shared password, so they are made only with EARSHOT_DEMO=1.")
        file = settings.EARSHOT_DATA / "demo-password"
        demo.create(file)
        self.stdout.write(f"Demo people are there; their password is in {file}")
