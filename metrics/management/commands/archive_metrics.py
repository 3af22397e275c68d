from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metrics import archived
from metrics.errors import MetricsError
from metrics.management.arguments import day
from metrics.management.steps import quiet


class Command(BaseCommand):
    help = (
        "Puts the days of figures that are due into the archive, as beat does each night: in order, each verified. "
        "What is archived and has not changed stays as it is. Exit status 1 when a day could not be archived, or was "
        "found to be damaged. "
        "Examples: manage.py archive_metrics; manage.py archive_metrics --from 2026-01-01 --to 2026-01-31 --dry-run; "
        "manage.py archive_metrics --verify; manage.py archive_metrics --find"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="since", metavar="DAY", type=day, help="first day, UTC")
        parser.add_argument("--to", dest="until", metavar="DAY", type=day, help="last day, UTC")
        parser.add_argument("--dry-run", action="store_true", help="say how many days are due, and archive none")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--verify",
            action="store_true",
            help="read what is archived, and hold it against its checksums and against the hours while they are there",
        )
        instead.add_argument(
            "--find",
            action="store_true",
            help="learn from the objects which days are archived, for a database that lost it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if since and until and since > until:
            raise CommandError("--from is later than --to.")
        if options["find"] and (since or until):
            raise CommandError("--find looks through the whole archive.")
        if options["verify"] and options["dry_run"]:
            raise CommandError("--verify changes nothing but its findings; there is no dry run of it.")
        try:
            with quiet():
                if options["find"]:
                    self._find(dry_run=options["dry_run"])
                elif options["verify"]:
                    self._verify(since, until)
                else:
                    self._archive(since, until, dry_run=options["dry_run"])
        except MetricsError as error:
            raise CommandError(error.message) from error

    def _archive(self, since: date | None, until: date | None, *, dry_run: bool) -> None:
        report = archived.archive_days(since=since, until=until, dry_run=dry_run, progress=self._step)
        self._end_progress()
        if report is None:
            raise CommandError("Another process archives right now. Nothing was done.")
        done = "to be archived; nothing was done" if dry_run else "archived"
        self.stdout.write(f"{report.archived} days {done}. {report.unchanged} are archived as they are.")
        self._fail_with(report.failed, "days could not be archived; they stay in the hours until they can")

    def _verify(self, since: date | None, until: date | None) -> None:
        count = 0

        def step(day: Any) -> None:
            nonlocal count
            count += 1
            self._progress(f"{day.day} of company {day.tenant_id}")

        findings = archived.verify_days(since, until, progress=step)
        self._end_progress()
        self.stdout.write(f"{count} days were read.")
        self._fail_with(findings, "of them are not as they were archived")

    def _find(self, *, dry_run: bool) -> None:
        finds = archived.find(
            dry_run=dry_run, progress=lambda tenant_id, day: self._progress(f"{day} of company {tenant_id}")
        )
        self._end_progress()
        self.stdout.write(f"{finds.days} days were found that the database did not know.")
        self._fail_with(finds.findings, "finds are of no use")

    def _fail_with(self, findings: list[str], what: str) -> None:
        for finding in findings:
            self.stdout.write(finding)
        if findings:
            raise CommandError(f"{len(findings)} {what}.")

    def _step(self, step: Any) -> None:
        self._progress(f"{step.number}/{step.count}: {step.day} of company {step.tenant_id}")

    def _progress(self, text: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", ending="")

    def _end_progress(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")
