from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm import tokens
from crm.models import User


class Command(BaseCommand):
    help = (
        "Prints a Bearer token for a user and nothing else; it cannot be shown again. "
        "Example: TOKEN=$(manage.py issue_token demo-agent)"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what it is for (default: %(default)s)")
        parser.add_argument("--days", type=int, default=90, help="days until it expires (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= 3650:
            raise CommandError("--days must be between 1 and 3650.")
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['username']}.")
        self.stdout.write(tokens.issue(user, name=options["name"], lifetime=timedelta(days=options["days"])))
