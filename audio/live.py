"""Announces what happens in a session. Best effort, and never silently so: whoever misses it gets a fresh snapshot.

The one door to the channel layer for sessions; it owns the groups `audio.session.{session_id}`, of those who watch one,
and `audio.live.{tenant_id}`, of those who watch all that a company records now.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from channels.layers import get_channel_layer
from django.utils import timezone

from audio import live_state, protocol
from metrics import lanes, timings
from metrics.lanes import Lane
from metrics.untold import Untold

_announcements = Lane("announcements")


def group_of(session_id: str) -> str:
    return f"audio.session.{session_id}"


def group_of_company(tenant_id: int) -> str:
    return f"audio.live.{tenant_id}"


def announce(kind: str, session_id: str, *, company: int | None = None, **content: Any) -> None:
    """Append the event to the session's stream and send it to whoever is watching; never raises, never hangs.

    `company` is the id of the one whose watchers of all recordings are to look at this one, too.
    """
    frame = protocol.frame(kind, session_id, timezone.now(), **content)
    encoded = orjson.dumps(frame, option=orjson.OPT_UTC_Z)

    def send() -> None:
        seq = live_state.append_event(session_id, encoded, anew=_untold.take(session_id))
        told = [(group_of(session_id), _event(seq, protocol.with_seq(encoded, seq)))]
        if company is not None:
            told.append((group_of_company(company), _changed(session_id)))
        lanes.run(_send(told))

    with timings.measured("live.announce"):
        _announcements.do(send, what=kind, otherwise=lambda: _untold.add(session_id))


def recording_changed(tenant_id: int, session_id: str) -> None:
    """Tell those who watch all recordings of the company to look at this one; never raises, never hangs.

    Who misses it finds out at the next look (`overview_consumer.py`).
    """
    told = [(group_of_company(tenant_id), _changed(session_id))]
    _announcements.do(lambda: lanes.run(_send(told)), what="recording_changed")


def session_closed(tenant_id: int, session_id: str, *, is_gone: bool) -> None:
    """Tell who watches a recording that it, or a side of it, is erased; never raises, never hangs.

    Sockets on one that is gone are closed. Nothing is appended to its stream.
    """

    told = [(group_of(session_id), {"type": "session.closed", "is_gone": is_gone})]
    _announcements.do(lambda: lanes.run(_send(told)), what="session_closed")
    recording_changed(tenant_id, session_id)


def note_session(session_id: str, standing: Mapping[str, str | int | float]) -> None:
    """Keep at hand how a recording stands; best effort, never raises, never hangs."""
    _announcements.do(lambda: live_state.note_session(session_id, standing), what="session")


def _event(seq: str, text: str) -> dict[str, Any]:
    return {"type": "session.event", "seq": seq, "text": text}


def _changed(session_id: str) -> dict[str, Any]:
    return {"type": "recording.changed", "session_id": session_id}


async def _send(told: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """To each group its message, one after another."""
    layer = get_channel_layer()
    for group, message in told:
        await layer.group_send(group, message)


def _begin_anew(session_id: str) -> None:
    """Nothing has happened in the new epoch: who gets this does not know the epoch, and reads a snapshot."""
    lanes.run(_send([(group_of(session_id), _event(live_state.begin_anew(session_id), ""))]))


# Their watchers would show an old state for ever, so a new epoch is begun for each as soon as Redis answers: by the
# session's next announcement, or of itself. Who watches one that is not remembered finds out by looking (`told.py`).
_untold = Untold(_announcements, _begin_anew)
