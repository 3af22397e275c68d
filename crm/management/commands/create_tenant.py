import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from crm import people
from crm.audit import acts
from crm.models import Tenant, User


class Command(BaseCommand):
    help = (
        "Makes a tenant and its first admin, and asks for the admin's password (or reads it from standard input). "
        'Example: manage.py create_tenant "Acme Ltd" --admin alice'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the tenant's name")
        parser.add_argument("--admin", required=True, metavar="USERNAME", help="who is to be its first admin")

    def handle(self, *args: Any, **options: Any) -> None:
        name, admin_name = options["name"].strip(), options["admin"].strip()
        # Asked before the password is, which nobody wants to have typed in vain.
        if problem := _problem_with(name, admin_name):
            raise CommandError(f"Nothing was made: {problem}")
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        if not password:
            raise CommandError("Nothing was made: no password was given. Type one, or send it on standard input.")
        try:
            tenant, admin = people.create_tenant(name, admin=admin_name, password=password)
        except ValidationError as weak:
            raise CommandError("Nothing was made. " + " ".join(weak.messages)) from weak
        except IntegrityError as taken:
            # Somebody was quicker.
            raise CommandError("Nothing was made: the tenant's name or the username was taken just now.") from taken
        acts.write("company.made", actor=None, subject=f"person:{admin.pk}", via="command", tenant_id=tenant.pk)
        self.stdout.write(f"Tenant {tenant.name} (id {tenant.pk}) with the admin {admin.username}")


def _problem_with(name: str, username: str) -> str | None:
    """Why there can be no tenant or admin of this name."""
    if not name:
        return "the tenant's name is empty."
    if not username:
        return "the admin's username is empty."
    if Tenant.objects.filter(name=name).exists():
        return f"there is a tenant called {name} already."
    if User.objects.filter(username=username).exists():
        return f"there is a user called {username} already."
    try:
        Tenant(name=name).clean_fields()
        User(username=username).clean_fields(exclude=["password", "tenant", "role"])
    except ValidationError as wrong:
        return " ".join(wrong.messages)
    return None
