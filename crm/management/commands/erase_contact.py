from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from crm.erasure import subjects
from crm.erasure.subjects import Asked
from crm.management.erasing import ErasingCommand
from crm.models import Contact, Tenant
from crm.people import HIGHEST_ID


class Command(ErasingCommand):
    help = (
        "Erases a customer from every store: the contact, what platforms call them, their calls or their side of them, "
        "recordings, figures, and the key of their pseudonyms. Counts first, asks for the id to be typed, and shows "
        "how far it is; what the company has set of approval and waiting holds here too. It may be stopped at any "
        "time, a worker goes on. Examples: manage.py erase_contact 42 --dry-run; manage.py erase_contact 42; "
        "manage.py erase_contact --tenant-id 3 --platform chat --external-user-id dana-77"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contact_id", type=int, nargs="?", metavar="ID")
        parser.add_argument("--platform", help="with --external-user-id: who goes by this id there, contact or not")
        parser.add_argument("--external-user-id", metavar="ID")
        parser.add_argument("--tenant-id", type=int, metavar="N", help="the company, where no contact tells it")
        super().add_arguments(parser)

    def whom(self, options: dict[str, Any]) -> tuple[int, Asked, str]:
        contact_id: int | None = options["contact_id"]
        by_id = {name: options[name] for name in ("platform", "external_user_id") if options[name]}
        tenant_id: int | None = options["tenant_id"]
        if tenant_id is None and contact_id is not None and 0 < contact_id <= HIGHEST_ID:
            tenant_id = Contact.objects.filter(pk=contact_id).values_list("tenant_id", flat=True).first()
        if tenant_id is None or not Tenant.objects.filter(pk=tenant_id).exists():
            raise CommandError("Nothing tells the company: there is no such contact, or name it by --tenant-id.")
        asked = subjects.asked_of(tenant_id, contact_id=contact_id, **by_id)
        return tenant_id, asked, str(contact_id if contact_id is not None else options["external_user_id"])
