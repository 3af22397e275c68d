from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm import tokens
from crm.audit import acts
from crm.models import AccessPolicy, User


class Command(BaseCommand):
    help = (
        "Prints a Bearer token for a user and nothing else; it cannot be shown again. "
        "Example: TOKEN=$(manage.py issue_token demo-agent)"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what it is for (default: %(default)s)")
        parser.add_argument("--days", type=int, help="days until it expires (default: 90, or what the company allows)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['username']}.")
        if user.tenant_id is None:
            raise CommandError(
                f"{user.username} runs the site and works in no company, so a token of theirs would open nothing. "
                "Name somebody who works in one."
            )
        longest = AccessPolicy.of(user.tenant).longest_token_days
        days = options["days"] if options["days"] is not None else min(tokens.DEFAULT_LIFETIME.days, longest)
        if not 1 <= days <= longest:
            raise CommandError(f"--days must be between 1 and {longest}, the most that this user's company allows.")
        secret = tokens.issue(user, name=options["name"], lifetime=timedelta(days=days))
        acts.write("token.made", actor=None, subject=f"person:{user.pk}", via="command", tenant_id=user.tenant_id)
        self.stdout.write(secret)
