import uuid
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audio import blobs, objects
from audio.errors import StoreUnavailable
from audio.models import AudioChunk, AudioChunkQuerySet, AudioSession
from audio.objects import Finding, Verified
from crm.audit import acts


class Command(BaseCommand):
    help = (
        "Reads the object of every stored chunk and compares its digest with its row's. With --fix, what is missing "
        "or damaged is given back from the cache where that has it still, and is owed again where not, so that its "
        "recorder sends it once more. Exit status 1 when something is wrong and was not mended. It may be stopped at "
        "any time and run again. Example: manage.py verify_blobs --orphans"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--session", type=uuid.UUID, help="the chunks of this recording alone")
        parser.add_argument("--tenant-id", type=int, help="the chunks of this company alone")
        parser.add_argument("--fix", action="store_true", help="mend what is wrong; without it nothing is changed")
        parser.add_argument(
            "--orphans",
            action="store_true",
            help="also look for objects that no row knows and that are older than EARSHOT_ORPHAN_SECONDS; "
            "with --fix they are removed",
        )
        parser.add_argument("--after", type=uuid.UUID, metavar="CHUNK", help="go on after the chunk with this id")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["orphans"] and options["tenant_id"] is not None:
            raise CommandError("Nobody can tell whose an object is that no row knows: --orphans without --tenant-id.")
        looking = _Looking(Console(highlight=False), fix=options["fix"])
        try:
            looking.at_chunks(self._chunks(options), after=options["after"])
            if options["orphans"]:
                looking.for_orphans(options["session"])
        except (StoreUnavailable, KeyboardInterrupt) as stopped:
            why = stopped.message if isinstance(stopped, StoreUnavailable) else "Stopped."
            going_on = f" To go on from here: --after {looking.latest}" if looking.latest else ""
            raise CommandError(f"{why}{going_on}") from None
        looking.conclude()

    def _chunks(self, options: dict[str, Any]) -> AudioChunkQuerySet:
        chunks = AudioChunk.objects.all()
        if options["session"] is not None:
            if not AudioSession.objects.filter(pk=options["session"]).exists():
                raise CommandError(f"There is no recording {options['session']}.")
            chunks = chunks.filter(session=options["session"])
        if options["tenant_id"] is not None:
            chunks = chunks.filter(session__tenant=options["tenant_id"])
        return chunks


class _Looking:
    """What has been looked at so far, and what was found."""

    def __init__(self, console: Console, *, fix: bool) -> None:
        self.console = console
        self.fix = fix
        self.latest: uuid.UUID | None = None
        self.found: Counter[Finding] = Counter()
        self.given_back = self.owed_again = self.left = 0
        self.orphans: int | None = None
        self.orphaned_bytes = 0

    def at_chunks(self, chunks: AudioChunkQuerySet, *, after: uuid.UUID | None) -> None:
        total = (chunks.filter(pk__gt=after) if after else chunks).stored().count()
        with self._progress() as progress:
            looked_at = progress.add_task("Chunks", total=total)
            for verified in objects.verify(chunks, fix=self.fix, after=after):
                self._take(verified)
                progress.advance(looked_at)

    def for_orphans(self, session_id: uuid.UUID | None) -> None:
        # One that is left from a session that is gone entirely has none to be asked for by.
        prefix = AudioSession.objects.get(pk=session_id).s3_base_key if session_id else blobs.ROOT
        self.orphans = 0
        for orphan in objects.orphans(prefix):
            if self.fix:
                objects.remove(orphan)
            self.orphans += 1
            self.orphaned_bytes += orphan.size
        if self.fix and self.orphans:
            acts.write("recording.orphans_removed", actor=None, via="command")

    def conclude(self) -> None:
        """Say what was found. Raises CommandError when something is wrong and was not mended."""
        told = [f"{self.found[Finding.RIGHT]} right"]
        told += [f"{self.found[finding]} {finding}" for finding in (Finding.MISSING, Finding.DAMAGED)]
        if self.fix:
            told += [f"{self.given_back} given back from the cache", f"{self.owed_again} owed again"]
        self.console.print(f"Chunks: {', '.join(told)}.", soft_wrap=True)
        if self.orphans is not None:
            done = " Removed." if self.fix and self.orphans else ""
            size = filesizeformat(self.orphaned_bytes).replace("\xa0", " ")
            self.console.print(f"Orphaned objects: {self.orphans}, {size}.{done}", soft_wrap=True)
        if self.owed_again:
            self.console.print(
                f"The sound of {self.owed_again} is not here until their recorders send them again; their recordings "
                "say so.",
                soft_wrap=True,
            )
        orphans_left = self.orphans or 0 if not self.fix else 0
        if self.left or orphans_left:
            mends = "Some could not be mended." if self.fix else "Nothing was changed. With --fix it is mended."
            raise CommandError(
                f"{self.left} chunks are not as their rows say, {orphans_left} objects have none. {mends}"
            )

    def _take(self, verified: Verified) -> None:
        chunk = verified.chunk
        self.latest = chunk.pk
        self.found[verified.finding] += 1
        self.given_back += verified.given_back
        self.owed_again += verified.owed_again
        self.left += not verified.is_settled
        if verified.finding is Finding.RIGHT:
            return
        if verified.given_back or verified.owed_again:
            done = "object_given_back" if verified.given_back else "owed_again"
            acts.write(
                f"recording.{done}",
                actor=None,
                subject=f"recording:{chunk.session_id}",
                via="command",
                tenant_id=chunk.session.tenant_id,
            )
        self.console.print(
            escape(
                f"Recording {chunk.session_id}, chunk {chunk.chunk_index}: {verified.finding}; {self._done(verified)}."
            ),
            soft_wrap=True,
        )

    def _done(self, verified: Verified) -> str:
        if verified.given_back:
            return "given back from the cache"
        if verified.owed_again:
            return "owed again"
        if self.fix:
            return "it changed meanwhile and was left alone"
        return "--fix would give it back from the cache" if verified.is_cached else "--fix would have it owed again"

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )
