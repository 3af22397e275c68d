"""How much waits to be found by a search, and how much MongoDB holds, told to whoever watches the server's figures."""

from typing import Final

from calls import indexing, store
from calls.embedding import embedders
from calls.models import IndexedCall
from metrics import gauges

# Of more it makes no difference how many there are, and counting takes its time.
MOST_COUNTED: Final = 100_000


def tell_gauges() -> None:
    """Say what waits now. Raises what PostgreSQL's driver raises."""
    gauges.set("search.calls_waiting", IndexedCall.objects.stale().order_by()[:MOST_COUNTED].count())
    embedder = embedders.chosen()
    waiting = indexing.waiting_for(embedder)[:MOST_COUNTED].count() if embedder else 0
    gauges.set("search.segments_waiting", waiting)


def tell_sizes() -> None:
    """Say how much MongoDB holds. Raises RetryableCallError."""
    size = store.size()
    gauges.set("calls.stored", size.calls)
    gauges.set("store.bytes", size.bytes, store="mongodb")
    if size.share is not None:
        gauges.set("store.share", size.share, store="mongodb")
