"""Segments out of Redis as they lie there, for who backs them up, while more of them come.

What has to agree is taken in one step of the server: which hours there are and which of them wait, and of each hour
what is counted. Redis answers nobody meanwhile, so hours that are over are taken before it, piece by piece; the step
looks whether they are still as they were, and takes one that is not again.

The rest, which is most of it, is taken after the step, piece by piece: the indexes by which users are found and erased,
the segments in full, and by what those are known that come again. It may have more than is counted, by what came in
that moment, and never less, unless somebody was erased in it: what is counted of them nobody would find without their
index. Then the step is taken once more, with all indexes in it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import redis

from metrics import redis_dumps
from metrics.recent import layout
from metrics.recent.reading import ALL_CHANNELS
from metrics.recent.writing import NAMED
from metrics.redis_dumps import Kept
from metrics.segments import Pipeline

_HOUR: Final = timedelta(hours=1)
_USERS: Final = f"{layout.PREFIX}user:*"
# Those of channels are named by the channels that the hour has.
_OF_HOUR: Final = (
    *("state", "groups", "sums", "channels"),
    *(f"names:{kind}" for kind in NAMED),
    *(f"minutes:{kind}:{ALL_CHANNELS}" for kind in Pipeline),
)
_IN_HOUR: Final = re.compile(rb"%s(\d{10}:\d+):" % layout.PREFIX.encode())
_IN_FULL: Final = re.compile(rb"%sof:(\d+)" % _IN_HOUR.pattern)
_TAKEN_AFTER: Final = tuple(f"{layout.PREFIX}{kind}:".encode() for kind in ("seen", "active"))

# KEYS hours, others… · ARGV message: prefix of all, the names of an hour's keys, hour → its state as it was taken
# The keys, with what is counted of those hours that are not as they were; and of every hour its name, how many numbers
# it has given, how many fields its groups have, and whether it was taken here.
_TAKE = (
    redis_dumps.TAKE
    + """
local prefix, names, states = unpack(cmsgpack.unpack(ARGV[1]))
for _, key in ipairs(KEYS) do take(key) end
local hours = {}
for _, hour in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local of_hour = prefix .. hour .. ':'
  local state = redis.call('DUMP', of_hour .. 'state')
  if state then
    local is_other = state ~= states[hour]
    hours[#hours + 1] = hour
    hours[#hours + 1] = redis.call('HGET', of_hour .. 'state', 'numbers') or '0'
    hours[#hours + 1] = redis.call('HLEN', of_hour .. 'groups')
    hours[#hours + 1] = is_other and 1 or 0
    if is_other then
      for _, name in ipairs(names) do take(of_hour .. name) end
      for _, channel in ipairs(redis.call('SMEMBERS', of_hour .. 'channels')) do
        take(of_hour .. 'minutes:' .. channel)
      end
    end
  end
end
return {taken, hours}
"""
)


@dataclass(frozen=True, slots=True)
class _Hour:
    """At the step. `fields`: a group has two, and takes them with it when it is erased."""

    numbers: int
    fields: int
    is_as_before: bool


class _Copying:
    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        # Hour → its state when it was taken before the step.
        self._states: dict[bytes, bytes] = {}
        # The names of what was taken, of each hour and of the indexes of users.
        self._of_hours: dict[bytes, set[bytes]] = {}
        self._users: set[bytes] = set()

    def before(self, now: datetime) -> Iterator[Kept]:
        """What is counted of the hours that are over."""
        for hour in cast("list[bytes]", self._client.zrange(layout.HOURS_KEY, 0, -1)):
            if layout.hour_named(hour.decode()).start + _HOUR > now:
                continue
            of_hour = f"{layout.PREFIX}{hour.decode()}:".encode()
            # Whatever is done to an hour changes it. It is read first, so that nothing after it goes unnoticed.
            state = self._client.dump(of_hour + b"state")
            if state is None:
                continue
            self._states[hour] = state
            channels = sorted(cast("set[bytes]", self._client.smembers(of_hour + b"channels")))
            names = [*(name.encode() for name in _OF_HOUR), *(b"minutes:" + channel for channel in channels)]
            for kept in redis_dumps.kept_of(self._client, [of_hour + name for name in names]):
                self._of_hours.setdefault(hour, set()).add(kept.key)
                yield kept

    def step(self, hours: dict[bytes, _Hour], *, users: Collection[bytes] = ()) -> Iterator[Kept]:
        """What has to agree, with these indexes of users; `hours` is told how they stand."""
        keys = [layout.HOURS_KEY.encode(), layout.WAITING_KEY.encode(), *users]
        message = layout.pack_message((layout.PREFIX, _OF_HOUR, self._states))
        found, told = cast("tuple[list[bytes], list[Any]]", self._client.eval(_TAKE, len(keys), *keys, message))
        hours.clear()
        for at in range(0, len(told), 4):
            hour, numbers, fields, was_taken = told[at : at + 4]
            hours[hour] = _Hour(int(numbers), fields, is_as_before=not was_taken)
        yield from redis_dumps.kept_in(found)
        there = set(found[::3])
        for hour, names in self._of_hours.items():
            if hour not in hours or not hours[hour].is_as_before:
                yield from _gone(names - there)
        for key in there:
            if in_hour := _IN_HOUR.match(key):
                self._of_hours.setdefault(in_hour[1], set()).add(key)

    def users(self) -> Iterator[Kept]:
        for kept in redis_dumps.kept_of(self._client, redis_dumps.names_like(self._client, _USERS)):
            self._users.add(kept.key)
            yield kept

    def was_anybody_erased(self, hours: Mapping[bytes, _Hour]) -> bool:
        """Since the step; an hour that was dropped is told in the same way."""
        pipeline = self._client.pipeline(transaction=False)
        for hour in hours:
            # In this order: a group that begins between the two looks like one that was erased, and hides none.
            pipeline.hlen(f"{layout.PREFIX}{hour.decode()}:groups")
            pipeline.hget(f"{layout.PREFIX}{hour.decode()}:state", "numbers")
        answers = iter(pipeline.execute())
        return any(
            fields - one.fields < 2 * (int(numbers or 0) - one.numbers)
            for one, fields, numbers in zip(hours.values(), answers, answers, strict=True)
        )

    def again(self, hours: dict[bytes, _Hour]) -> Iterator[Kept]:
        """The step with the indexes of users in it."""
        users = self._users | set(redis_dumps.names_like(self._client, _USERS))
        there = set()
        for kept in self.step(hours, users=users):
            there.add(kept.key)
            yield kept
        yield from _gone(self._users - there)

    def after(self, hours: Mapping[bytes, _Hour]) -> Iterator[Kept]:
        """What else there is. A number that was given later than the step will be given again after a restore."""

        def names() -> Iterator[bytes]:
            for key in redis_dumps.names_like(self._client, f"{layout.PREFIX}*"):
                if in_full := _IN_FULL.fullmatch(key):
                    if in_full[1] in hours and int(in_full[2]) <= hours[in_full[1]].numbers:
                        yield key
                elif key.startswith(_TAKEN_AFTER):
                    yield key

        return redis_dumps.kept_of(self._client, names())


def copied(now: datetime | None = None) -> Iterator[Kept]:
    """All of it; of a key that comes twice the later counts. Raises RetryableMetricsError."""
    with redis_dumps.server() as client:
        copying = _Copying(client)
        hours: dict[bytes, _Hour] = {}
        yield from copying.before(now or datetime.now(UTC))
        yield from copying.step(hours)
        yield from copying.users()
        if copying.was_anybody_erased(hours):
            yield from copying.again(hours)
        yield from copying.after(hours)


def _gone(names: Iterable[bytes]) -> Iterator[Kept]:
    return (Kept(key, 0, b"") for key in sorted(names))
