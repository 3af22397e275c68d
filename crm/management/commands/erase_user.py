from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from crm.erasure import subjects
from crm.erasure.subjects import Asked
from crm.management.erasing import ErasingCommand
from crm.models import User
from crm.people import HIGHEST_ID


class Command(ErasingCommand):
    help = (
        "Erases a colleague from every store: the account, their recordings and calls or their side of them, figures, "
        "and the key of their pseudonyms. Counts first, asks for the id to be typed, and shows how far it is; what the "
        "company has set of approval and waiting holds here too. It may be stopped at any time, a worker goes on. "
        "Examples: manage.py erase_user 17 --dry-run; manage.py erase_user 17 --reason 'Left the company'"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user_id", type=int, metavar="ID")
        parser.add_argument("--tenant-id", type=int, metavar="N", help="the company, where the account is gone")
        super().add_arguments(parser)

    def whom(self, options: dict[str, Any]) -> tuple[int, Asked, str]:
        user_id: int = options["user_id"]
        tenant_id: int | None = options["tenant_id"]
        if tenant_id is None and 0 < user_id <= HIGHEST_ID:
            tenant_id = User.objects.filter(pk=user_id).values_list("tenant_id", flat=True).first()
        if tenant_id is None:
            raise CommandError(f"There is no user {user_id} who works in a company.")
        return tenant_id, subjects.asked_of(tenant_id, user_id=user_id), str(user_id)
