"""What watchers of the board are told of calls that have changed, read once for all who see the same.

Twenty people look at one board without filters: what has changed is read and written down once for all of them.
"""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from channels.db import database_sync_to_async

from calls import conversations
from crm import board, board_news
from crm.board import Filters
from crm.models import User

# For those who come a little later to the same; whoever hears of something newer asks for something else.
KEPT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """`text` is the frame, with `totals` in it; None when it had nothing that the watcher may see, or too much."""

    text: str | None = None
    totals: Sequence[board.Total] = ()
    is_much: bool = False


_begun: dict[Hashable, asyncio.Task[Reading]] = {}


async def of_calls(user: User, filters: Filters, call_ids: Sequence[str], *, heard: int) -> Reading:
    """The frame of calls that have changed, as this person sees them through their filters.

    `heard` is the highest number of an announcement that the watcher has heard: what is shared was begun after it.
    Raises OperationalError, RetryableCallError.
    """
    loop = asyncio.get_running_loop()
    sees = tuple(sorted(conversations.all_readable_by(user).items()))
    key = (loop, sees, filters, tuple(call_ids), heard)
    task = _begun.get(key)
    if task is None:
        task = _begun[key] = loop.create_task(database_sync_to_async(_read)(user, filters, call_ids))
        task.add_done_callback(lambda _: loop.call_later(KEPT_SECONDS, _begun.pop, key, None))
    # Whoever began it may leave before it is done.
    return await asyncio.shield(task)


def _read(user: User, filters: Filters, call_ids: Sequence[str]) -> Reading:
    if not user.may("calls.read_all"):
        # Of others' calls, not even the ids are told.
        theirs = conversations.last_changes(user, call_ids)
        call_ids = [call_id for call_id in call_ids if call_id in theirs]
    if len(call_ids) > board_news.MOST_CARDS:
        return Reading(is_much=True)
    if not call_ids:
        return Reading()
    cards, totals = board.cards(user, filters, call_ids), board.totals(user, filters)
    return Reading(board_news.cards_frame(call_ids, cards, totals), totals)


def of_one_call(user: User, call_id: str) -> tuple[str, dict[str, datetime]]:
    """The frame of one call, and when it last changed. Raises as `of_calls` does."""
    changed = conversations.last_changes(user, [call_id])
    return board_news.cards_frame([call_id], board.cards(user, Filters(), [call_id]), []), changed
