"""Announces that somebody's rights have changed, so that open sockets look at once instead of at the next round.

Best effort: who misses it finds out within EARSHOT_RIGHTS_SECONDS. The one door to the channel layer for people;
it owns the groups `rights.{user_id}`.
"""

from channels.layers import get_channel_layer
from django.db import transaction

from metrics import lanes
from metrics.lanes import Lane

_announcements = Lane("rights")


def group_of(user_id: int) -> str:
    return f"rights.{user_id}"


def rights_changed(user_id: int) -> None:
    """Tell whoever watches on this person's rights to look again, once the running transaction is through.

    Never raises, never hangs.
    """

    def send() -> None:
        lanes.run(get_channel_layer().group_send(group_of(user_id), {"type": "rights.changed"}))

    transaction.on_commit(lambda: _announcements.do(send, what="rights_changed"))
