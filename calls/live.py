"""Announces that calls or a company's statuses have changed: which, never what. Whoever watches reads them again.

The one door to the channel layer for calls; it owns the groups `calls.board.{tenant_id}`, and in Redis
`calls:announced:{tenant_id}`, the number of the last announcement. Best effort, and never silently so: by the numbers
a watcher can tell that it has missed something (`Heard`), and what could not be announced is as soon as Redis answers.
"""

import time
from collections.abc import Collection
from functools import cache
from typing import Any, Final, Literal, cast

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

from metrics import lanes
from metrics.lanes import Lane
from metrics.redis_clients import connected
from metrics.untold import Untold

KEY = "calls:announced:{tenant_id}"
PATIENCE_SECONDS: Final = 1.0
# Of more at once nobody is told which.
MOST_NAMED: Final = 1000

CHANGED: Final = "calls.changed"
MANY: Final = "calls.many"
STATUSES: Final = "calls.statuses"

_announcements = Lane("calls")


def group_of(tenant_id: int) -> str:
    return f"calls.board.{tenant_id}"


def changed(tenant_id: int, call_ids: Collection[str]) -> None:
    """Say that calls have come, changed or gone, once the running transaction is through. Never raises, never hangs."""
    named = sorted(set(call_ids))
    if len(named) > MOST_NAMED:
        much_changed(tenant_id)
    elif named:
        transaction.on_commit(lambda: _announce(tenant_id, CHANGED, call_ids=named))


def much_changed(tenant_id: int) -> None:
    """Say that there is nothing of a company's calls that may not have changed; as `changed`."""
    transaction.on_commit(lambda: _announce(tenant_id, MANY))


def statuses_changed(tenant_id: int) -> None:
    """Say that the statuses themselves have changed, or their order; as `changed`."""
    transaction.on_commit(lambda: _announce(tenant_id, STATUSES))


def latest(tenant_id: int) -> int | None:
    """The number of the last announcement, or that before the first; None when nobody can tell."""
    try:
        return _number_by("get", tenant_id)
    except redis.RedisError:
        return None


class Heard:
    """Which announcements a watcher has heard. Numbers may come out of order, and some of them not at all.

    To be told `latest` now and then: what had been announced at one look and is still missing at the next is lost.
    """

    MOST_BEYOND: Final = 1000

    def __init__(self) -> None:
        self._until: int | None = None
        self._beyond: set[int] = set()
        self._announced = 0
        # The highest number that was heard: all up to it had happened by then.
        self.newest = 0

    @property
    def is_deaf(self) -> bool:
        """Whether nobody can tell what is missing."""
        return self._until is None

    def begin(self, latest: int | None) -> None:
        """All that has been announced so far is known otherwise."""
        self._until, self._announced = latest, latest or 0
        self.newest = latest or 0
        self._beyond.clear()

    def hear(self, number: int) -> None:
        self.newest = max(self.newest, number)
        if self._until is None or number <= self._until or len(self._beyond) >= self.MOST_BEYOND:
            return
        self._beyond.add(number)
        while self._until + 1 in self._beyond:
            self._until += 1
            self._beyond.remove(self._until)

    def has_missed(self, latest: int | None) -> bool:
        """Whether something is lost by now; all is to be read anew then, and what is heard counts from here."""
        was_deaf = self._until is None
        if latest is None:
            self.begin(None)
            return False
        # A number that went back was given by a Redis which has forgotten some.
        lost = was_deaf or latest < self._announced or cast("int", self._until) < self._announced
        if lost:
            self.begin(latest)
        self._announced = latest
        return lost


def _announce(tenant_id: int, kind: str, **content: Any) -> None:
    _announcements.do(
        lambda: _send(tenant_id, kind, **content),
        what=kind,
        otherwise=lambda: _untold.add((tenant_id, STATUSES if kind == STATUSES else MANY)),
    )


def _send(tenant_id: int, kind: str, **content: Any) -> None:
    message = {"type": kind, "number": _number_by("incr", tenant_id), **content}
    lanes.run(get_channel_layer().group_send(group_of(tenant_id), message))


def _number_by(command: Literal["get", "incr"], tenant_id: int) -> int:
    """Where Redis has lost the last one, they go on far beyond it, from the clock: none is given twice."""
    key = KEY.format(tenant_id=tenant_id)
    pipeline = _client().pipeline(transaction=True)
    pipeline.set(key, time.time_ns() // 1_000_000, nx=True)
    getattr(pipeline, command)(key)
    return int(pipeline.execute()[-1])


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=PATIENCE_SECONDS)


_untold: Untold[tuple[int, str]] = Untold(_announcements, lambda news: _send(*news))
