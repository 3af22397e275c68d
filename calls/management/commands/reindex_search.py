import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from calls import indexing, reconciling, vector_indexes
from calls.embedding import embedders
from calls.errors import CallError
from calls.models import IndexedCall, IndexedSegment

# How long to look away while another process makes vectors.
_LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Brings search in step after another embedder or model has been set: makes the vectors that are missing or of "
        "another model, and removes the index of a model that is not used any more. With --words it makes all rows "
        "anew from the calls first. It may be stopped and run again at any time, beside the workers. "
        "Examples: manage.py reindex_search; manage.py reindex_search --words --tenant-id 3"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant-id", type=int, help="the calls of this company alone")
        parser.add_argument("--words", action="store_true", help="make all rows anew, not vectors alone")
        parser.add_argument("--dry-run", action="store_true", help="say how many it would be, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant_id: int | None = options["tenant_id"]
        console = Console(highlight=False)
        try:
            if options["dry_run"]:
                self._tell(console, tenant_id, words=options["words"])
                return
            bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=console,
            )
            with bars:
                if options["words"]:
                    _index(bars, tenant_id)
                made = _embed(bars, tenant_id)
            removed = vector_indexes.drop_unused()
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run it again to go on; the workers go on by themselves.") from None
        except CallError as error:
            raise CommandError(error.message) from error
        console.print(f"{made} vectors made, {removed} indexes of unused models removed.")

    def _tell(self, console: Console, tenant_id: int | None, *, words: bool) -> None:
        if words:
            console.print(f"{reconciling.count_calls(tenant_id)} calls would be indexed anew.")
        embedder = embedders.chosen()
        if embedder is None:
            console.print("EARSHOT_EMBEDDER is none: no vectors would be made.")
        else:
            waiting = indexing.waiting_for(embedder, tenant_id).count()
            console.print(f"{waiting} segments have no vector of {embedder.model}.")
        console.print("Nothing was changed.")


def _index(bars: Progress, tenant_id: int | None) -> None:
    """Mark all calls, and index what is marked together with the workers."""
    finding = bars.add_task("Calls found", total=None)
    count = 0
    for found in reconciling.mark_all(tenant_id):
        count += found
        bars.update(finding, total=count, completed=count)
    stale = IndexedCall.objects.stale() if tenant_id is None else IndexedCall.objects.stale().of(tenant_id)
    _follow(bars, "Calls indexed", stale.count, lambda: indexing.index_stale(tenant_id=tenant_id))


def _embed(bars: Progress, tenant_id: int | None) -> int:
    """Make all missing vectors, or see another process make them. Raises EmbedderAway."""
    embedder = embedders.chosen()
    if embedder is None:
        return 0
    # At once, and not when somebody searches first: it may take minutes.
    vector_indexes.ensure(embedder, also_large=True)
    before = IndexedSegment.objects.filter(model=embedder.model).count()
    waiting = indexing.waiting_for(embedder, tenant_id)

    def work() -> int:
        made = indexing.embed_waiting(tenant_id=tenant_id)
        if not made:
            # Tells why, if that is why: the verb only leaves it for later.
            embedders.embed(embedder, ["Is anybody there?"], seconds=10)
        return made

    _follow(bars, "Vectors made", waiting.count, work)
    return IndexedSegment.objects.filter(model=embedder.model).count() - before


def _follow(bars: Progress, description: str, left: Callable[[], int], work: Callable[[], int]) -> None:
    """Work until nothing is left, whoever does it. Raises CommandError when it comes to a stop."""
    remaining = total = left()
    task = bars.add_task(description, total=total)
    moved = time.monotonic()
    while remaining:
        if not work():
            time.sleep(_LOOK_SECONDS)
        before, remaining = remaining, left()
        bars.update(task, completed=max(total - remaining, 0))
        if remaining != before:
            moved = time.monotonic()
        elif time.monotonic() > moved + 2 * settings.EARSHOT_INDEX_CLAIM_SECONDS:
            raise CommandError(f"{remaining} are left and nothing moves any more. The log says why.")
