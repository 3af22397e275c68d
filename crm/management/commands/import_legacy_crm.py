from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from calls.errors import RetryableCallError
from crm import legacy
from crm.audit import acts
from crm.legacy import CONTACTS, STATUSES, USERS, Imported
from crm.models import Tenant


class Command(BaseCommand):
    help = (
        "Makes users, contacts and statuses of one company from the collections users and call_status that an older "
        "installation left in the same MongoDB database, with their numbers where these are free. Staff become users "
        "without a password, who get in by a link that an admin makes for them; whose role is customer or client, or "
        "who had no way to sign in, becomes a contact. It may be run again: what is there is left as it is. More in "
        "docs/legacy.md. Example: manage.py import_legacy_crm --tenant-id 1 --dry-run"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant-id", type=int, required=True, metavar="N", help="whose they become")
        parser.add_argument(
            "--from-company",
            type=int,
            metavar="M",
            help="the number that the older installation has for this company, where its documents name one "
            "(default: the same)",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be made, and make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(pk=options["tenant_id"]).first()
        if tenant is None:
            raise CommandError(f"There is no company {options['tenant_id']}.")
        console = Console(highlight=False)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
        try:
            with Progress(*columns, console=console) as bars:
                reading = bars.add_task("Read", total=None)
                told = legacy.import_desk(
                    tenant,
                    dry_run=options["dry_run"],
                    from_company=options["from_company"],
                    seen=lambda: bars.advance(reading),
                )
        except RetryableCallError as away:
            raise CommandError(f"{away.message} What was made is made; run it again.") from away
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was made is made; run it again to go on.") from None
        if told.made.total() and not options["dry_run"]:
            acts.write("company.imported", actor=None, via="command", tenant_id=tenant.pk)
        _tell(console, told, dry_run=options["dry_run"])


def _tell(console: Console, told: Imported, *, dry_run: bool) -> None:
    table = Table("", "would be made" if dry_run else "made", "there already", "left out", "of other companies")
    for column in table.columns[1:]:
        column.justify = "right"
    for kind in (USERS, CONTACTS, STATUSES):
        counts = (told.made, told.there, told.left, told.others)
        table.add_row(kind, *(str(count[kind]) for count in counts))
    console.print(table)
    if told.named:
        console.print("Left out:")
        for name in told.named:
            console.print(f"  {escape(name)}", soft_wrap=True)
        if told.left.total() > len(told.named):
            console.print(f"  and {told.left.total() - len(told.named)} more")
    if dry_run:
        console.print("Nothing was made.")
