"""Who did how much: channels and users by name, of hours that run and hours that are filled, as one.

Their numbers alone: of neither are stages, languages or latency asked for by name.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

from metrics import hours, recent, tiers
from metrics.hours import spans
from metrics.segments import Hour
from metrics.totals import Totals

# Every user's hours are added up: of a longer stretch, those of its end.
LONGEST_OF_USERS: Final = timedelta(days=8)
MOST_NAMED: Final = 100
# An hour of which so many groups are there that to read it takes longer than this is read again only when it is some
# times as old as it took, so that those who watch keep Redis from nobody.
_LONG_SECONDS: Final = 0.1
_REST: Final = 20.0
_MOST_KEPT: Final = 64

_Counted = list[tuple[str, str, Totals]]


@dataclass(frozen=True, slots=True)
class Named:
    """What one channel or one user did."""

    name: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class Names:
    """Those with the most segments first, each since its own time, a whole hour."""

    channels: list[Named]
    users: list[Named]
    channels_since: datetime
    users_since: datetime


@dataclass(frozen=True, slots=True)
class _HourNames:
    """An hour in Redis, as read: name, pipeline and numbers of each channel and user."""

    channels: _Counted
    users: _Counted


def names(
    tenant_id: int, *, since: datetime, until: datetime | None = None, pipeline: str | None = None, limit: int = 20
) -> Names:
    """So many of each, at most MOST_NAMED. `since` is rounded down to the hour. Raises RetryableMetricsError."""
    now = datetime.now(UTC)
    until = min(until or now, now)
    since = _hour_of(since)
    users_since = max(since, _hour_of(until - LONGEST_OF_USERS))
    waiting = tiers.waiting(tenant_id, since, until, lambda starts: _read(tenant_id, starts))
    channels = spans.by_channel(tenant_id, since, until, pipeline=pipeline, without=waiting)
    users = hours.by_user(tenant_id, users_since, until, pipeline=pipeline, without=waiting)
    of_channels = _told(chain.from_iterable(hour.channels for hour in waiting.values()), pipeline)
    of_users = _told(
        chain.from_iterable(hour.users for start, hour in waiting.items() if start >= users_since), pipeline
    )
    return Names(_biggest(channels, of_channels, limit), _biggest(users, of_users, limit), since, users_since)


class _Readings:
    """Hours that took long to read, kept for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hour, tuple[float, _HourNames]] = OrderedDict()

    def read(self, hour: Hour) -> _HourNames:
        began = time.monotonic()
        with self._lock:
            kept = self._kept.get(hour)
        if kept is not None and began < kept[0]:
            return kept[1]
        found = _read_hour(hour)
        took = time.monotonic() - began
        with self._lock:
            self._kept.pop(hour, None)
            if took > _LONG_SECONDS:
                self._kept[hour] = (began + _REST * took, found)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found


_readings = _Readings()


def _read(tenant_id: int, starts: Collection[datetime]) -> dict[datetime, _HourNames]:
    return {start: _readings.read(Hour(start, tenant_id)) for start in starts}


def _read_hour(hour: Hour) -> _HourNames:
    reading = recent.read_hour(hour, at_one_moment=False)
    if reading is None:
        return _HourNames([], [])
    channels = ((channel.channel_id, channel.pipeline, totals) for channel, totals in reading.channels)
    users = ((group.user_id, group.pipeline, totals) for group, totals in reading.groups)
    return _HourNames(_summed(channels), _summed(users))


def _summed(found: Iterable[tuple[str, str, Totals]]) -> _Counted:
    """One of each name and pipeline; what has no name is left out."""
    sums: dict[tuple[str, str], Totals] = {}
    for name, kind, totals in found:
        if name:
            sums.setdefault((name, kind), Totals()).add_numbers(totals)
    return [(name, kind, totals) for (name, kind), totals in sums.items()]


def _told(found: Iterable[tuple[str, str, Totals]], pipeline: str | None) -> Iterable[tuple[str, Totals]]:
    return ((name, totals) for name, kind, totals in found if pipeline in (None, kind))


def _biggest(filled: Iterable[tuple[str, Totals]], waiting: Iterable[tuple[str, Totals]], limit: int) -> list[Named]:
    sums: dict[str, Totals] = {}
    for name, totals in chain(filled, waiting):
        sums.setdefault(name, Totals()).add_numbers(totals)
    in_order = sorted(sums.items(), key=lambda one: (-one[1].segments, one[0]))
    return [Named(name, totals) for name, totals in in_order[: min(limit, MOST_NAMED)] if totals.segments]


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
