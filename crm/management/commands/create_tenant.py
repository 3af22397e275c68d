import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from crm import people
from crm.audit import acts


class Command(BaseCommand):
    help = (
        "Makes a tenant and its first admin, and asks for the admin's password (or reads it from standard input). "
        'Example: manage.py create_tenant "Acme Ltd" --admin alice'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the tenant's name")
        parser.add_argument("--admin", required=True, metavar="USERNAME", help="who is to be its first admin")

    def handle(self, *args: Any, **options: Any) -> None:
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            tenant, admin = people.create_tenant(options["name"], admin=options["admin"], password=password)
        except ValidationError as weak:
            raise CommandError("Nothing was made. " + " ".join(weak.messages)) from weak
        except IntegrityError as taken:
            raise CommandError("Nothing was made: the tenant's name or the username is taken.") from taken
        acts.write("company.made", actor=None, subject=f"person:{admin.pk}", via="command", tenant_id=tenant.pk)
        self.stdout.write(f"Tenant {tenant.name} (id {tenant.pk}) with the admin {admin.username}")
