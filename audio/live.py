"""Announces what happens in a session. Best effort: whoever misses it finds it in the snapshot.

The one door to the channel layer for sessions; it owns the groups `audio.session.{session_id}`.
"""

from typing import Any

import orjson
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.utils import timezone

from audio import live_state, protocol
from metrics import timings

log = structlog.get_logger("earshot.live")


def group_of(session_id: str) -> str:
    return f"audio.session.{session_id}"


def announce(kind: str, session_id: str, **content: Any) -> None:
    """Append the event to the session's stream and send it to whoever is watching; never raises."""
    encoded = orjson.dumps(protocol.frame(kind, session_id, timezone.now(), **content), option=orjson.OPT_UTC_Z)
    try:
        with timings.measured("live.announce"):
            seq = live_state.append_event(session_id, encoded)
            message = {"type": "session.event", "seq": seq, "text": protocol.with_seq(encoded, seq)}
            async_to_sync(get_channel_layer().group_send)(group_of(session_id), message)
    except Exception as error:
        # Whatever the reason, the work that is announced has been done and must not be undone by this.
        log.warning("announcement_lost", kind=kind, error=type(error).__name__)
