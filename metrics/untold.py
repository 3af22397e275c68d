"""News that a process could not tell, told as soon as the server that spreads it answers again."""

import threading
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import structlog

from metrics.lanes import Lane

log = structlog.get_logger("earshot.lanes")

Subject = TypeVar("Subject", bound=Hashable)


class Untold(Generic[Subject]):
    """What this process has news of that it could not announce.

    A thread tries every second while there is anything. Only so much is remembered; who watches something beyond that,
    or what a process that died had not told, finds out by looking.

    `tell(subject)` says that something has happened to it, not what; it may raise whatever it likes.
    """

    MOST: Final = 1000
    EVERY_SECONDS: Final = 1.0

    def __init__(self, lane: Lane, tell: Callable[[Subject], object]) -> None:
        self._lane = lane
        self._tell = tell
        self._subjects: dict[Subject, None] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, subject: Subject) -> None:
        with self._lock:
            if len(self._subjects) < self.MOST:
                self._subjects[subject] = None
            else:
                log.warning("untold_not_remembered", lane=self._lane.name, subject=str(subject))
            # A thread does not live on in a forked process.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._try_again, name="untold", daemon=True)
                self._thread.start()

    def take(self, subject: Subject) -> bool:
        """Whether the subject is one of them; it is no more, so add it again when telling has failed."""
        with self._lock:
            return self._subjects.pop(subject, self) is None

    def waiting(self) -> list[Subject]:
        """What has not been told yet."""
        with self._lock:
            # Of none is told under the lock, so that whoever adds the next one starts a thread.
            if not self._subjects:
                self._thread = None
            return list(self._subjects)

    def _try_again(self) -> None:
        pause = threading.Event()
        while self.waiting():
            pause.wait(self.EVERY_SECONDS)
            for subject in self.waiting():
                if not self._lane.do(lambda one=subject: self._tell_of(one), what="untold"):  # type: ignore[misc]
                    break

    def _tell_of(self, subject: Subject) -> None:
        if not self.take(subject):
            return
        try:
            self._tell(subject)
        except Exception:
            self.add(subject)
            raise
