"""A stream that is made by blocking work, for a server that must not block.

Each listener's next piece is made in a thread, only once the one before has been taken; between two pieces a listener
holds no thread and no connection to the database, however long a paused player stays.
"""

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from asgiref.sync import sync_to_async
from django.db import connections

# Decoding keeps a core busy: with more at once each listener would wait as long.
_AT_ONCE: Final = 4
_threads = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="listening")


async def in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces; the work on them is given up when the listener goes."""
    work = _Work(pieces)
    take = sync_to_async(work.take, thread_sensitive=False, executor=_threads)
    try:
        while (piece := await take()) is not None:
            yield piece
    finally:
        # Not waited for: a thread may be in the middle of a piece.
        _threads.submit(work.end)


class _Work:
    """An iterator that one thread after another goes on with, and that ends between two pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces: Iterator[bytes] | None = pieces
        self._lock = threading.Lock()

    def take(self) -> bytes | None:
        with self._lock:
            try:
                return next(self._pieces, None) if self._pieces is not None else None
            finally:
                connections.close_all()

    def end(self) -> None:
        """Whatever the iterator has open is closed with it."""
        with self._lock:
            self._pieces = None
