"""Announces what happens in a session. Best effort: whoever misses it finds it in the snapshot.

The one door to the channel layer for sessions; it owns the groups `audio.session.{session_id}`.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.utils import timezone

from audio import live_state, protocol
from audio.lanes import Lane
from metrics import timings

_announcements = Lane("announcements")


def group_of(session_id: str) -> str:
    return f"audio.session.{session_id}"


def announce(kind: str, session_id: str, **content: Any) -> None:
    """Append the event to the session's stream and send it to whoever is watching; never raises, never hangs."""
    frame = protocol.frame(kind, session_id, timezone.now(), **content)
    encoded = orjson.dumps(frame, option=orjson.OPT_UTC_Z)

    def send() -> None:
        seq = live_state.append_event(session_id, encoded)
        message = {"type": "session.event", "seq": seq, "text": protocol.with_seq(encoded, seq)}
        async_to_sync(get_channel_layer().group_send)(group_of(session_id), message)

    with timings.measured("live.announce"):
        _announcements.do(send, what=kind)


def note_session(session_id: str, standing: Mapping[str, str | int | float]) -> None:
    """Keep at hand how a recording stands; best effort, never raises, never hangs."""
    _announcements.do(lambda: live_state.note_session(session_id, standing), what="session")
