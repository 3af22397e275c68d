"""Segments of our own processes, told without holding up the work that they are about.

A thread of the process sends them, so that nobody waits for Redis, nor for the database that knows who is forgotten. A
segment counts once, so that one whose answer got lost may be sent again. Only so many wait. What finds no room here or
in its hour, or waits still when the process ends, is dropped and counted as such; what a process that is killed had
waiting is neither.
"""

import atexit
import os
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, connection

from metrics import counters, intake
from metrics.errors import RetryableMetricsError
from metrics.segments import Segment

log = structlog.get_logger("earshot.telling")

# A minute of 160 chunks a second, in some 10 MB.
MOST_WAITING: Final = 10_000
EVERY_SECONDS: Final = 1.0
# A thread that has nothing to send waits so long for more, with its connection to the database.
LINGERS_SECONDS: Final = 1.0
SENT_AT_ONCE: Final = 100
# A moment later it may work.
_PASSING = (RetryableMetricsError, OperationalError, InterfaceError)


def tell(tenant_id: int, segment: Segment) -> None:
    """Have the segment counted. Never raises, and waits for nothing."""
    _waiting.tell(tenant_id, segment)


def flush() -> None:
    """Send what waits in this process now, once; for a process that goes on."""
    _waiting.send()


def end() -> None:
    """Send what waits in this process, once, and drop what cannot be sent; for a process that ends."""
    _waiting.end()


def dropped() -> int | None:
    """How many segments have been dropped since ever, as far as it has been told; None when nobody can tell."""
    return counters.value(counters.SEGMENTS_DROPPED)


class _Waiting:
    """What is still to be written, and the thread that takes it to Redis."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Also for a forked worker: what waits in its parent is told by the parent."""
        self._lock = threading.Lock()
        self._told = threading.Condition(self._lock)
        self._sending = threading.Lock()
        self._segments: deque[tuple[int, Segment]] = deque()
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def tell(self, tenant_id: int, segment: Segment) -> None:
        with self._lock:
            if len(self._segments) < MOST_WAITING:
                self._segments.append((tenant_id, segment))
            else:
                self._dropped += 1
            self._told.notify()
            # A thread ends when nothing has waited for a while, and does not live on in a forked process.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_while_any, name="telling", daemon=True)
                self._thread.start()

    def send(self) -> bool:
        """Send all that waits, and count what was dropped; whether nothing is left of either."""
        with self._sending:
            alone = 0
            while some := self._next(1 if alone else SENT_AT_ONCE):
                tenant_id, segments = some
                alone = max(alone - 1, 0)
                try:
                    counted = intake.keep(tenant_id, segments)
                    if no_room := counted.count(None):
                        log.error("segments_refused", tenant_id=tenant_id, segments=no_room)
                        self._drop(no_room)
                except _PASSING as error:
                    log.warning("segments_wait", error=type(error).__name__, waiting=len(self._segments))
                    return False
                except Exception:
                    if len(segments) > 1:
                        # Whichever it is takes none of the others along.
                        alone = len(segments)
                        continue
                    # It would be in the way of all that come after it.
                    log.exception("segment_not_told")
                    self._drop(1)
                with self._lock:
                    for _ in segments:
                        self._segments.popleft()
            return self._count_dropped()

    def end(self) -> None:
        self.send()
        with self._lock:
            left = len(self._segments)
            self._segments.clear()
            self._dropped += left
        if left:
            log.error("segments_dropped", segments=left)
        self._count_dropped()

    def _next(self, most: int) -> tuple[int, Sequence[Segment]] | None:
        """The first so many of what waits, of one company. What has become too old meanwhile is dropped."""
        with self._lock:
            while self._segments and self._segments[0][1].received_at < datetime.now(UTC) - intake.OLDEST:
                self._segments.popleft()
                self._dropped += 1
            first = list(islice(self._segments, most))
        for tenant_id, several in groupby(first, key=lambda one: one[0]):
            return tenant_id, [segment for _, segment in several]
        return None

    def _drop(self, segments: int) -> None:
        with self._lock:
            self._dropped += segments
        self._count_dropped()

    def _count_dropped(self) -> bool:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if not dropped or counters.add(counters.SEGMENTS_DROPPED, dropped):
            return True
        with self._lock:
            self._dropped += dropped
        return False

    def _send_while_any(self) -> None:
        pause = threading.Event()
        try:
            while True:
                if not self.send():
                    # What the next attempt needs may have been a connection that broke.
                    connection.close()
                    pause.wait(EVERY_SECONDS)
                    continue
                with self._told:
                    if not self._told.wait_for(lambda: bool(self._segments), LINGERS_SECONDS):
                        self._thread = None
                        return
        finally:
            connection.close()


_waiting = _Waiting()
os.register_at_fork(after_in_child=_waiting.start_over)
atexit.register(end)
