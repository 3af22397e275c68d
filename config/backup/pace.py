"""How fast a backup may read, so that recording goes on beside it."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

MEGABYTE = 10**6
# Behind everybody who serves; the highest there is would wait for them for good.
_NICE = 10


class Pace:
    """At most so many bytes a second over all threads together; 0 is as fast as it goes."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def keep(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces, no faster than that."""
        for piece in pieces:
            self.wait(len(piece))
            yield piece

    def wait(self, size: int) -> None:
        """Wait until so many bytes more may be read."""
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            begins = max(self._next, now)
            self._next = begins + size / self._rate
        if begins > now:
            time.sleep(begins - now)


def stand_back() -> None:
    """Let every other process go first, for the rest of this one's life and for what it starts."""
    with suppress(OSError):
        os.nice(_NICE - os.nice(0))
