import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm.audit import acts
from crm.erasure import subjects
from crm.errors import UnknownSubject
from crm.models import PersonExport, Tenant
from crm.models.privacy import ExportState
from crm.person_exports import files, making, requests


class Command(BaseCommand):
    help = (
        "Puts together all that is kept of somebody, and writes it to a file, a ZIP archive. "
        "Example: manage.py export_person --company Acme --contact-id 7 --file ada.zip"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--company", required=True, help="name of the company")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--user-id", type=int, help="a colleague, by id")
        whom.add_argument("--contact-id", type=int, help="a customer, by id")
        whom.add_argument("--external", nargs=2, metavar=("PLATFORM", "ID"), help="what a platform calls somebody")
        parser.add_argument("--file", required=True, type=Path, help="where to write it; must not be there yet")
        parser.add_argument(
            "--includes-others", action="store_true", help="whole calls, also where one knows who speaks"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(name=options["company"]).first()
        if tenant is None:
            raise CommandError("There is no company of this name.")
        if options["file"].exists():
            raise CommandError("There is a file of this name already. Nothing was changed.")
        try:
            asked = subjects.asked_of(tenant.pk, **_whom(options))
            export = requests.take_down(tenant.pk, asked, by=None, includes_others=options["includes_others"])
        except UnknownSubject as unknown:
            raise CommandError(unknown.message) from unknown
        acts.write(
            "person_export.requested",
            actor=None,
            subject=f"person_export:{export.pk}",
            via="command",
            tenant_id=tenant.pk,
        )
        if not making.make(export.pk, progress=self._progress):
            raise CommandError("Another export is being made. This one waits for its turn, and can be fetched then.")
        export.refresh_from_db()
        if export.state != ExportState.READY:
            raise CommandError(f"It could not be made: {export.error or 'a store is away; it is tried again by beat'}")
        self._save(export, options["file"])
        acts.write(
            "person_export.fetched",
            actor=None,
            subject=f"person_export:{export.pk}",
            via="command",
            tenant_id=tenant.pk,
        )
        # Who asked for a file has it; nothing is left to be fetched a second time.
        requests.expire(export)
        self.stdout.write(f"{export.calls_done} calls, {export.size_bytes} bytes, SHA-256 {export.sha256}")

    def _save(self, export: PersonExport, path: Path) -> None:
        pieces = files.pieces_of(export, range(export.size_bytes or 0))
        if pieces is None:
            raise CommandError("The archive was removed in the meantime.")
        # For its owner alone.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done} of {total} calls", ending="\n" if done == total else "")


def _whom(options: dict[str, Any]) -> dict[str, Any]:
    if options["user_id"] is not None:
        return {"user_id": options["user_id"]}
    if options["contact_id"] is not None:
        return {"contact_id": options["contact_id"]}
    platform, external_user_id = options["external"]
    return {"platform": platform, "external_user_id": external_user_id}
