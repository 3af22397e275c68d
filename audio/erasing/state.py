"""What the two Redis hold of recordings: events, how they stood, cached chunks and figures, open sockets.

None of it outlives a few hours by itself. Of a recording that stays in part its events and figures go too, since they
tell of both sides; it gets no new ones, for it is closed.
"""

from collections.abc import Iterable, Iterator

from audio import cache, chunk_bytes, live_state, peaks, rollups
from audio.erasing import shares
from audio.models import AudioChunk, AudioSession
from metrics.erasing import Progress, Subject, untold


def count(subject: Subject, /) -> int:
    found = shares.of(subject)
    counted = len(live_state.sockets_of(found.whole))
    for some in shares.batches(found.every):
        counted += live_state.count_kept(some) + cache.count_all(_cached(some))
    return counted


def erase(subject: Subject, /, *, progress: Progress = untold) -> int:
    found = shares.of(subject)
    erased = live_state.drop_sockets(live_state.sockets_of(found.whole))
    for some in shares.batches(found.every):
        gone = live_state.erase_kept(some) + cache.drop_all(_cached(some))
        progress(gone)
        erased += gone
    return erased


def search(subject: Subject, /) -> int:
    """The same by looking at every key there is."""
    found = shares.of(subject)
    ids = frozenset(found.every)
    kept = sum(session_id in ids for session_id in live_state.sessions_kept())
    cached = sum(_is_of(ids, key) for pattern in _PATTERNS for key in cache.scan(pattern))
    return kept + cached + len(live_state.sockets_of(found.whole))


_PATTERNS = (
    chunk_bytes.KEY.format(session_id="*", chunk_index="*"),
    rollups.KEY.format(session_id="*"),
    peaks.KEY.format(session_id="*"),
)


def _cached(ids: Iterable[str]) -> list[str]:
    """Every key under which the cache may hold something of these recordings."""
    return list(_keys(list(ids)))


def _keys(ids: list[str]) -> Iterator[str]:
    for session_id in ids:
        yield rollups.KEY.format(session_id=session_id)
        yield peaks.KEY.format(session_id=session_id)
    chunks = AudioChunk.objects.filter(session__pk__in=ids).order_by()
    for pk, index in chunks.values_list("session_id", "chunk_index"):
        yield chunk_bytes.KEY.format(session_id=pk, chunk_index=index)
    rowless = set(ids) - {str(pk) for pk in AudioSession.objects.filter(pk__in=ids).values_list("pk", flat=True)}
    if rowless:
        # Which chunks they had nobody knows any more.
        yield from (key for key in cache.scan(_PATTERNS[0]) if _is_of(rowless, key))


def _is_of(ids: Iterable[str], key: str) -> bool:
    return any(part in ids for part in key.split(":"))
