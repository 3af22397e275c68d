"""How many chunks a user may send within a minute. A refusal costs a recorder nothing but time."""

from typing import Any

from django.conf import settings

from audio import live_state
from audio.errors import TooManyUploads


def admit(user: Any) -> None:
    """Count one more upload. Raises TooManyUploads, which says when to send again; never while Redis is away."""
    counted = live_state.count_upload(user.pk)
    if counted is None:
        return
    count, seconds_left = counted
    most = settings.EARSHOT_UPLOADS_PER_MINUTE
    if count > most:
        raise TooManyUploads(
            f"More than {most} uploads within a minute. Nothing is lost: send it again in {seconds_left} s.",
            retry_after_seconds=seconds_left,
        )
