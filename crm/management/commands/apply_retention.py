from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from audio.errors import RetryableAudioError
from calls.errors import RetryableCallError
from crm import retention
from crm.models import RetentionKind, Tenant
from crm.printing import console, table
from metrics.errors import RetryableMetricsError
from metrics.management.steps import quiet


class Command(BaseCommand):
    help = (
        "Removes what companies have kept for longer than their rules say, but for what a legal hold is on; beat does "
        "so every night. Example: manage.py apply_retention --company 'Demo company' --dry-run"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--company", metavar="NAME", help="of this company alone")
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = Tenant.objects.all()
        if options["company"]:
            companies = companies.filter(name=options["company"])
            if not companies:
                raise CommandError(f"There is no company called {options['company']!r}.")
        try:
            with quiet():
                if options["dry_run"]:
                    self._tell(list(companies))
                else:
                    self._apply(list(companies))
        except (RetryableAudioError, RetryableCallError, RetryableMetricsError) as away:
            raise CommandError(f"{away} What has gone by then is gone; run it again for the rest.") from away

    def _tell(self, companies: list[Tenant]) -> None:
        rows = table("company", "what", "kept for", "would go", "held back", "oldest", numbers_from=3)
        for company in companies:
            for row in retention.report(company.pk):
                kept = "for good" if row.days is None else f"{row.days} days"
                oldest = f"{row.oldest:%Y-%m-%d}" if row.oldest else "none"
                counts = [
                    f"{number} {row.unit.one if number == 1 else row.unit.many}" for number in (row.going, row.held)
                ]
                rows.add_row(company.name, row.kind.label, kept, *counts, oldest)
        console().print(rows)
        self.stdout.write("Nothing was removed.")

    def _apply(self, companies: list[Tenant]) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} gone"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console(), transient=True, disable=not self.stderr.isatty()) as bars:
            for company in companies:
                bar = bars.add_task(company.name, total=None)
                removed = dict.fromkeys(RetentionKind, 0)

                def step(
                    kind: RetentionKind, gone: int, bar: Any = bar, removed: dict[RetentionKind, int] = removed
                ) -> None:
                    removed[kind] += gone
                    bars.update(bar, advance=gone)

                retention.apply(company.pk, progress=step, via="command")
                bars.remove_task(bar)
                self.stdout.write(f"{company.name}: {self._counted(removed)}.")

    def _counted(self, removed: dict[RetentionKind, int]) -> str:
        told = []
        for kind, number in removed.items():
            unit = retention.KINDS[kind]
            if number:
                told.append(f"{number} {unit.one if number == 1 else unit.many}")
        return f"{', '.join(told)} removed" if told else "nothing was old enough"
