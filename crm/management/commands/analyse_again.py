import time
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive, make_aware
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audio import progress
from audio.errors import ChunkBusy, SoundRemoved, UnknownSession
from audio.models import AudioChunk, AudioChunkQuerySet, AudioSession
from audio.states import KIND_OF_STAGE, ProcessingStatus
from crm.audit import acts

_LOOK_SECONDS = 0.5
ENDED = [ProcessingStatus.COMPLETED, ProcessingStatus.FAILED]


class Command(BaseCommand):
    help = (
        "Has chunks analysed again by the workers: from the start, or from a stage on with all that hangs on it. "
        "Reviewers' verdicts are kept. Shows how far the workers have come; stopping this command does not stop them. "
        "Example: manage.py analyse_again --from 2026-11-01 --to 2026-11-08 --stage suspicion"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--session", type=uuid.UUID, help="the chunks of this recording alone")
        parser.add_argument("--chunk", type=int, metavar="INDEX", help="with --session: this chunk alone")
        parser.add_argument("--tenant-id", type=int, help="the recordings of this company alone")
        parser.add_argument("--from", dest="since", metavar="DATE", help="recordings begun then or later (UTC)")
        parser.add_argument("--to", dest="until", metavar="DATE", help="recordings begun before then (UTC)")
        parser.add_argument("--failed", action="store_true", help="only chunks whose analysis has failed")
        parser.add_argument("--stage", choices=sorted(KIND_OF_STAGE), help="from this stage on, not from the start")
        parser.add_argument("--dry-run", action="store_true", help="say how many it would be, and change nothing")
        parser.add_argument("--no-wait", action="store_true", help="do not wait for the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        chunks = _meant(options)
        console = Console(highlight=False)
        meant = chunks.filter(processing_status__in=ENDED)
        count, busy = meant.count(), chunks.unfinished().count()
        told = f"{count} chunks of {meant.values('session').distinct().count()} recordings"
        if busy:
            told += f"; {busy} more are being worked on and are left alone"
        if options["dry_run"] or not count:
            console.print(f"{told}. Nothing was changed.")
            return
        console.print(f"{told}.")
        try:
            with Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console,
            ) as bars:
                again = _send(meant, bars, count, stage=options["stage"])
                if not options["no_wait"]:
                    _follow(again, bars)
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was sent to the workers they still do.") from None
        failed = AudioChunk.objects.filter(pk__in=again, processing_status=ProcessingStatus.FAILED).count()
        if failed and not options["no_wait"]:
            raise CommandError(f"{failed} of {len(again)} have failed. --failed tries these once more.")


def _meant(options: dict[str, Any]) -> AudioChunkQuerySet:
    chunks = AudioChunk.objects.stored()
    if options["chunk"] is not None and options["session"] is None:
        raise CommandError("A chunk is one of a recording: --chunk needs --session.")
    if (
        not any(options[name] is not None for name in ("session", "tenant_id", "since", "until"))
        and not options["failed"]
    ):
        raise CommandError("Say which: --session, --tenant-id, --from, --to or --failed.")
    if options["session"] is not None:
        if not AudioSession.objects.filter(pk=options["session"]).exists():
            raise CommandError(f"There is no recording {options['session']}.")
        chunks = chunks.filter(session=options["session"])
    if options["chunk"] is not None:
        chunks = chunks.filter(chunk_index=options["chunk"])
    if options["tenant_id"] is not None:
        chunks = chunks.filter(session__tenant=options["tenant_id"])
    if options["since"] is not None:
        chunks = chunks.filter(session__start_time__gte=_moment(options["since"]))
    if options["until"] is not None:
        chunks = chunks.filter(session__start_time__lt=_moment(options["until"]))
    return chunks.filter(processing_status=ProcessingStatus.FAILED) if options["failed"] else chunks


def _moment(text: str) -> Any:
    try:
        found = parse_datetime(text) or parse_datetime(f"{parse_date(text) or ''}T00:00:00")
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{text} is no date: write 2026-11-25 or 2026-11-25T14:00:00Z.")
    return make_aware(found) if is_naive(found) else found


def _send(meant: AudioChunkQuerySet, bars: Progress, count: int, *, stage: str | None) -> list[uuid.UUID]:
    """Hand the chunks to the workers. Their ids."""
    sent = []
    sending = bars.add_task("Sent to the workers", total=count)
    seen: set[uuid.UUID] = set()
    for chunk in meant.select_related("session").order_by("session", "chunk_index").iterator(chunk_size=500):
        try:
            progress.try_again(chunk, stage=stage)
            sent.append(chunk.pk)
            if chunk.session_id not in seen:
                seen.add(chunk.session_id)
                acts.write(
                    "recording.analysed_again",
                    actor=None,
                    subject=f"recording:{chunk.session_id}",
                    via="command",
                    tenant_id=chunk.session.tenant_id,
                )
        except (ChunkBusy, SoundRemoved, UnknownSession):
            # Somebody else was quicker, or it has been erased meanwhile, or is too old to be heard again.
            pass
        bars.advance(sending)
    return sent


def _follow(sent: list[uuid.UUID], bars: Progress) -> None:
    """Show how many the workers have ended, until it is all of them."""
    doing = bars.add_task("Analysed", total=len(sent))
    ended = 0
    while ended < len(sent):
        ended = len(sent) - AudioChunk.objects.filter(pk__in=sent).exclude(processing_status__in=ENDED).count()
        bars.update(doing, completed=ended)
        if ended < len(sent):
            time.sleep(_LOOK_SECONDS)
