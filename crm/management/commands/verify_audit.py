from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.audit import verification
from metrics.errors import RetryableMetricsError


class Command(BaseCommand):
    help = (
        "Computes the audit log's chains again, holds them against the archive, and names every block that differs, "
        "and what has waited too long to be sealed; exit status 1 then. Example: manage.py verify_audit"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = verification.verify(progress=self._progress if self.stderr.isatty() else lambda *_: None)
        except RetryableMetricsError as away:
            raise CommandError(f"Nothing can be said: {away} `manage.py doctor` tells what it lacks.") from away
        for finding in (*report.lost, *report.findings):
            self.stdout.write(f"chain {finding.chain}: {finding.message}")
        counted = f"{report.chains} chains, {report.blocks} blocks, {report.entries} entries"
        waiting = f"; {report.unsealed} entries wait to be sealed" if report.unsealed else ""
        if report.findings:
            raise CommandError(f"The audit log is not sealed as it should be ({counted}{waiting}).")
        self.stdout.write(f"The audit log agrees with its seals: {counted}{waiting}.")

    def _progress(self, chain: str, number: int) -> None:
        self.stderr.write(f"\rchain {chain}, block {number}", ending="")
