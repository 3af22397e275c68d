"""Who watches which recording: `ws:sessions`, written by the sockets themselves and healed here."""

import structlog
from django.conf import settings

from audio import live_state
from audio.models import AudioSession

log = structlog.get_logger("earshot.sockets")

# An open socket is seen at each reading of rights; one whose server died is not.
UNSEEN_SECONDS = 90
ROUNDS_MISSED = 3


def forget_dead() -> int:
    """Forget the sockets whose server died; how many there were."""
    unseen = max(UNSEEN_SECONDS, ROUNDS_MISSED * settings.EARSHOT_RIGHTS_SECONDS)
    forgotten = live_state.forget_sockets(unseen_seconds=unseen)
    if forgotten:
        log.info("sockets_forgotten", sockets=forgotten)
    return forgotten


def watchers(session: AudioSession) -> int | None:
    """How many watch the recording now, give or take those whose server died lately; None when nobody can tell."""
    return live_state.watchers(str(session.pk))
