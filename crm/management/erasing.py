"""What `erase_user` and `erase_contact` have in common: show, ask, run, and say what came of it."""

import time
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from audio.errors import RetryableAudioError
from calls.errors import RetryableCallError
from crm import printing
from crm.audit import acts
from crm.erasure import certificates, requests, running
from crm.erasure.subjects import Asked
from crm.errors import DeskError, RetryableDeskError
from crm.models import ErasureRequest, ErasureState, StoreRow
from metrics.errors import RetryableMetricsError

_AWAY = (RetryableAudioError, RetryableCallError, RetryableMetricsError, RetryableDeskError)
_RUNS = (ErasureState.APPROVED, ErasureState.RUNNING, ErasureState.VERIFYING)
_LOOKS_EVERY_SECONDS = 0.5


class ErasingCommand(BaseCommand):
    """`whom` says by the options who it is, and at which company."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count what is theirs, and change nothing")
        parser.add_argument("--reason", default="", help="why, for whoever looks after privacy; emptied at the end")
        parser.add_argument("--yes", action="store_true", help="do not ask to type the id")

    def whom(self, options: dict[str, Any]) -> tuple[int, Asked, str]:
        """The company, who it is, and what has to be typed. Raises DeskError, CommandError."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        console = printing.console()
        try:
            tenant_id, asked, to_type = self.whom(options)
            with console.status("Counting"):
                preview = requests.preview(tenant_id, asked)
            _show(console, preview.rows, counted_only=True)
            for hold in preview.holds:
                console.print(f"{hold} forbids it until it is lifted.")
            if options["dry_run"]:
                acts.write("erasure.previewed", actor=None, via="command", tenant_id=tenant_id)
                console.print("Nothing was changed.")
                return
            console.print(f"This erases {escape(preview.subject_name)} for good; nothing brings them back.")
            if not options["yes"]:
                self._have_typed(to_type)
            request = requests.ask(None, asked, reason=options["reason"], tenant_id=tenant_id)
            about = f"erasure:{request.pk}"
            acts.write("erasure.requested", actor=None, subject=about, via="command", tenant_id=tenant_id)
            _see_through(console, request)
        except _AWAY as away:
            raise CommandError(f"{away.message} What was erased is erased; run it again to go on.") from away
        except DeskError as error:
            raise CommandError(error.message) from error

    def _have_typed(self, wanted: str) -> None:
        try:
            typed = input(f"Type {wanted} to go on: ")
        except EOFError:
            typed = ""
        if typed.strip() != wanted:
            raise CommandError("Nothing was erased. --yes does it without being asked.")


def _see_through(console: Console, request: ErasureRequest) -> None:
    if request.state == ErasureState.PENDING:
        console.print(f"{request.pk} waits for the approval of somebody who looks after privacy.")
        return
    if request.state == ErasureState.WAITING:
        console.print(f"{request.pk} runs by itself after {request.waits_until:%Y-%m-%d %H:%M} UTC.")
        return
    if request.state == ErasureState.BLOCKED:
        raise CommandError(f"{request.pk} is on hold, and goes on by itself once the hold is lifted.")
    with console.status("Forgetting") as status:
        # A worker may have been quicker; then this watches it.
        if running.run(request.pk, progress=lambda row: _tell(status, row)) is None:
            _watch(status, request)
    request.refresh_from_db()
    _show(console, request.stores)
    if request.state != ErasureState.COMPLETED:
        raise CommandError(f"{request.pk} is not complete. {request.error}")
    console.print(f"Complete. The certificate is in the archive under {certificates.name_of(request)}.")


def _watch(status: Status, request: ErasureRequest) -> None:
    while request.state in _RUNS:
        time.sleep(_LOOKS_EVERY_SECONDS)
        request.refresh_from_db()
        if request.stores:
            _tell(status, request.stores[-1])


def _tell(status: Status, row: StoreRow) -> None:
    status.update(f"{row['step']}: {row['erased']} of {row['found']}")


def _show(console: Console, rows: Iterable[StoreRow], *, counted_only: bool = False) -> None:
    columns = ["found"] if counted_only else ["found", "erased", "left", "found again"]
    table = printing.table("store", "what", *columns, numbers_from=2)
    for row in rows:
        numbers = [row["found"]] if counted_only else [row["found"], row["erased"], row["left"], row["found_again"]]
        table.add_row(row["store"], row["step"], *("–" if number is None else str(number) for number in numbers))
    console.print(table)
