"""Announces what happens in a session. Best effort, and never silently so: whoever misses it gets a fresh snapshot.

The one door to the channel layer for sessions; it owns the groups `audio.session.{session_id}`.
"""

import threading
from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.utils import timezone

from audio import live_state, protocol
from audio.lanes import Lane
from metrics import timings

log = structlog.get_logger("earshot.live")

_announcements = Lane("announcements")


def group_of(session_id: str) -> str:
    return f"audio.session.{session_id}"


def announce(kind: str, session_id: str, **content: Any) -> None:
    """Append the event to the session's stream and send it to whoever is watching; never raises, never hangs."""
    frame = protocol.frame(kind, session_id, timezone.now(), **content)
    encoded = orjson.dumps(frame, option=orjson.OPT_UTC_Z)

    def send() -> None:
        seq = live_state.append_event(session_id, encoded, anew=_untold.take(session_id))
        _send(session_id, seq, protocol.with_seq(encoded, seq))

    with timings.measured("live.announce"):
        _announcements.do(send, what=kind, otherwise=lambda: _untold.add(session_id))


def note_session(session_id: str, standing: Mapping[str, str | int | float]) -> None:
    """Keep at hand how a recording stands; best effort, never raises, never hangs."""
    _announcements.do(lambda: live_state.note_session(session_id, standing), what="session")


def _send(session_id: str, seq: str, text: str) -> None:
    message = {"type": "session.event", "seq": seq, "text": text}
    async_to_sync(get_channel_layer().group_send)(group_of(session_id), message)


class Untold:
    """Sessions of which an event could not be announced by this process.

    Their watchers would show an old state for ever, so a new epoch is begun for each as soon as Redis answers: by the
    session's next announcement, or by a thread that tries every second while there are any. Only so many are
    remembered; who watches one beyond that finds out by looking (`told.py`), as when this process dies.
    """

    MOST: Final = 1000
    EVERY_SECONDS: Final = 1.0

    def __init__(self) -> None:
        self._sessions: dict[str, None] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, session_id: str) -> None:
        with self._lock:
            if len(self._sessions) < self.MOST:
                self._sessions[session_id] = None
            else:
                log.warning("untold_not_remembered", session_id=session_id)
            # A thread does not live on in a forked process.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._tell, name="untold", daemon=True)
                self._thread.start()

    def take(self, session_id: str) -> bool:
        """Whether the session is one of them; it is no more, so add it again when telling has failed."""
        with self._lock:
            return self._sessions.pop(session_id, self) is None

    def _tell(self) -> None:
        pause = threading.Event()
        while self._waiting():
            pause.wait(self.EVERY_SECONDS)
            for session_id in self._waiting():
                if not _announcements.do(lambda one=session_id: self._begin_anew(one), what="anew"):  # type: ignore[misc]
                    break

    def _waiting(self) -> list[str]:
        """Of none is told under the lock, so that whoever adds the next one starts a thread."""
        with self._lock:
            if not self._sessions:
                self._thread = None
            return list(self._sessions)

    def _begin_anew(self, session_id: str) -> None:
        if not self.take(session_id):
            return
        try:
            # Nothing has happened in the new epoch: who gets this does not know the epoch, and reads a snapshot.
            _send(session_id, live_state.begin_anew(session_id), "")
        except Exception:
            self.add(session_id)
            raise


_untold = Untold()
