import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audio import peaks
from audio.errors import StoreUnavailable
from audio.models import AudioSession
from metrics.errors import RetryableMetricsError


class Command(BaseCommand):
    help = (
        "Measures the waveforms of recordings that were heard before there were any. What this command does not, a "
        "worker does when somebody first looks at a recording. It may be stopped at any time and run again, beside "
        "the workers. Example: manage.py make_peaks --tenant-id 3"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--session", type=uuid.UUID, help="this recording alone")
        parser.add_argument("--tenant-id", type=int, help="the recordings of this company alone")
        parser.add_argument("--dry-run", action="store_true", help="say how many it would be, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(highlight=False)
        chunks = peaks.unmeasured()
        if options["session"] is not None:
            if not AudioSession.objects.filter(pk=options["session"]).exists():
                raise CommandError(f"There is no recording {options['session']}.")
            chunks = chunks.filter(session=options["session"])
        if options["tenant_id"] is not None:
            chunks = chunks.filter(session__tenant=options["tenant_id"])
        total = chunks.count()
        if options["dry_run"]:
            console.print(f"{total} chunks would be measured. Nothing was changed.")
            return
        made = 0
        try:
            with Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=console,
            ) as bars:
                measuring = bars.add_task("Chunks measured", total=total)
                for _ in peaks.make(chunks):
                    made += 1
                    bars.advance(measuring)
        except (StoreUnavailable, RetryableMetricsError) as error:
            raise CommandError(f"{error.message} {made} chunks were measured; run it again for the others.") from error
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {made} chunks were measured; run it again for the others.") from None
        console.print(f"{made} chunks measured.")
