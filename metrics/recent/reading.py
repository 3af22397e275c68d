"""Segments and sums read: hours to be filled, minutes, the newest, those of one user."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, cast

from django.conf import settings

from metrics.recent import clients, layout, scripts
from metrics.recent.writing import DETAIL_LIFE, NAMED
from metrics.segments import Channel, Group, Hour, Pipeline, Segment
from metrics.totals import Totals

ALL_CHANNELS: Final = ""
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
# Redis does nothing else while it answers: of each so many take it some milliseconds at most.
GROUPS_AT_ONCE: Final = 500
CHANNELS_AT_ONCE: Final = 20
DROPPED_AT_ONCE: Final = 100
# Some twenty kilobytes each.
MINUTES_REMEMBERED: Final = 256
# How often an hour that is written to while it is read is read anew.
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class HourReading:
    """An hour at one moment, unless `read_hour` says otherwise.

    `token` is that of the last write: a Redis that goes on from an older copy of itself comes to the same revision by
    another one. The totals of `channels` have latency, those of `groups` do not.
    """

    epoch: str
    revision: int
    groups: Sequence[tuple[Group, Totals]]
    channels: Sequence[tuple[Channel, Totals]]
    token: str = ""


@dataclass(frozen=True, slots=True)
class MinuteTotals:
    """`minute` is when it began."""

    minute: datetime
    pipeline: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class RecentSize:
    """What there is in full. `bytes` is reckoned, within a third; the times are of receipt, None for nothing."""

    bytes: int
    segments: int
    oldest: datetime | None
    newest: datetime | None


def ping() -> None:
    with clients.answered():
        clients.patient().ping()


def waiting() -> list[Hour]:
    """The hours that have something which no filling has taken yet, in order of start; the running one is among them.

    Raises SegmentsAway, as all reading does.
    """
    with clients.answered():
        names = cast("list[bytes]", clients.patient().zrange(layout.WAITING_KEY, 0, -1))
    return sorted(layout.hour_named(name.decode()) for name in names)


def there() -> list[Hour]:
    """The hours of which sums are kept, those that wait and those that are filled, in order of start."""
    with clients.answered():
        names = cast("list[bytes]", clients.patient().zrange(layout.HOURS_KEY, 0, -1))
    return sorted(layout.hour_named(name.decode()) for name in names)


def waiting_of(tenant_id: int, *, since: datetime, until: datetime) -> set[datetime]:
    """When those of one tenant's hours began that wait, between the two; looked for as far back as sums are kept."""
    kept = timedelta(days=settings.EARSHOT_METRICS_CATCH_UP_DAYS) + _HOUR
    start = max(since, datetime.now(UTC) - kept).replace(minute=0, second=0, microsecond=0)
    starts = [start + number * _HOUR for number in range(max(-(-(until - start) // _HOUR), 0))]
    if not starts:
        return set()
    names = [layout.name_of(Hour(start, tenant_id)) for start in starts]
    with clients.answered():
        scores = clients.patient().zmscore(layout.WAITING_KEY, names)
    return {start for start, score in zip(starts, scores, strict=True) if score is not None}


def read_hour(hour: Hour, *, at_one_moment: bool = True) -> HourReading | None:
    """All of an hour, None when nothing is left of it.

    It is read in pieces, and anew when it was written to meanwhile. One that still is after some tries is given with
    pieces of several moments and the revision before the first of them, which then no longer stands; so is, without
    another try, one that need not be `at_one_moment`.
    """
    with clients.answered():
        for _ in range(_TRIES if at_one_moment else 1):
            began = _standing(hour)
            if began is None:
                return None
            epoch, revision, token, numbers = began
            groups = _groups_in(hour, numbers)
            channels = _channels_in(hour)
            if not at_one_moment or _standing(hour) == began:
                break
    return HourReading(
        epoch=epoch,
        revision=revision,
        token=token,
        groups=sorted(groups.items(), key=lambda one: one[0]),
        channels=sorted(channels, key=lambda one: one[0]),
    )


def _standing(hour: Hour) -> tuple[str, int, str, int] | None:
    """Epoch, revision, token and how many groups were numbered; None for an hour that is gone, or about to be."""
    fields = ("epoch", "revision", "token", "numbers", "dropping")
    epoch, revision, token, numbers, dropping = cast(
        "list[bytes | None]", clients.patient().hmget(f"{layout.prefix_of(hour)}state", fields)
    )
    if epoch is None or dropping:
        return None
    return epoch.decode(), int(revision or 0), (token or b"").decode(), int(numbers or 0)


def _groups_in(hour: Hour, numbers: int) -> dict[Group, Totals]:
    prefix = layout.prefix_of(hour)
    by_group: dict[Group, Totals] = {}
    for first in range(1, numbers + 1, GROUPS_AT_ONCE):
        last = min(first + GROUPS_AT_ONCE - 1, numbers)
        found = clients.run(scripts.READ_GROUPS, [f"{prefix}groups", f"{prefix}sums"], [first, last])
        for packed, sums in zip(*layout.unpack_message(found), strict=True):
            # Erased between two moments, or before.
            if not packed or not sums:
                continue
            group = layout.unpack_group(packed)
            if group in by_group:
                by_group[group].add(_totals(sums))
            else:
                by_group[group] = _totals(sums)
    return by_group


def _channels_in(hour: Hour) -> list[tuple[Channel, Totals]]:
    prefix = layout.prefix_of(hour)
    names = [name.decode() for name in cast("set[bytes]", clients.patient().smembers(f"{prefix}channels"))]
    names += sorted({f"{name.partition(':')[0]}:{ALL_CHANNELS}" for name in names})
    channels = []
    for first in range(0, len(names), CHANNELS_AT_ONCE):
        some = names[first : first + CHANNELS_AT_ONCE]
        found = layout.unpack_message(
            clients.run(scripts.READ_CHANNELS, [f"{prefix}minutes:{name}" for name in some], [])
        )
        for name, counts in zip(some, found, strict=True):
            pipeline, _, channel_id = name.partition(":")
            if counts:
                totals = Totals.from_several_counts(map(layout.unpack_counts, counts))
                channels.append((Channel(channel_id, pipeline), totals))
    return channels


def mark_filled(hour: Hour, *, epoch: str, revision: int, token: str) -> bool:
    """Have the hour wait no longer; False when something has come since that write, or all was lost."""
    with clients.answered():
        keys = [f"{layout.prefix_of(hour)}state", layout.WAITING_KEY]
        return bool(clients.run(scripts.MARK_FILLED, keys, [layout.name_of(hour), epoch, revision, token]))


def drop_filled(hour: Hour) -> bool:
    """Drop what is left of an hour that is filled and closed for late segments; not of one that waits.

    It goes piece by piece, and its state last: what was killed in between is gone on with by the next call.
    """
    prefix, name = layout.prefix_of(hour), layout.name_of(hour)
    state, groups, sums, channels = (f"{prefix}{key}" for key in ("state", "groups", "sums", "channels"))
    with clients.answered():
        numbers = clients.run(scripts.BEGIN_DROPPING, [state, layout.WAITING_KEY], [name])
        if numbers is None:
            return False
        indexes = [layout.active_prefix(hour.tenant_id), layout.user_prefix(hour.tenant_id)]
        fixed = [prefix, *indexes, layout.name_of_start(hour.start)]
        for first in range(1, numbers + 1, DROPPED_AT_ONCE):
            last = min(first + DROPPED_AT_ONCE - 1, numbers)
            clients.run(scripts.DROP_GROUPS, [groups, sums], [*fixed, first, last])
        while clients.run(scripts.DROP_CHANNELS, [channels], [prefix, DROPPED_AT_ONCE]):
            pass
        kinds = [*(f"minutes:{kind}:{ALL_CHANNELS}" for kind in Pipeline), *(f"names:{kind}" for kind in NAMED)]
        rest = [state, groups, sums, *(f"{prefix}{key}" for key in kinds)]
        clients.run(scripts.END_DROPPING, [layout.HOURS_KEY, *rest], [name])
    return True


def minutes(
    tenant_id: int, *, since: datetime, until: datetime, channel_id: str = ALL_CHANNELS, pipeline: str | None = None
) -> list[MinuteTotals]:
    """With latency, from the minute in which `since` lies to that before `until`; not those without segments."""
    asked: list[tuple[datetime, str, list[int]]] = []
    minute = since.replace(second=0, microsecond=0)
    while minute < until:
        start = minute.replace(minute=0)
        end = min(start + _HOUR, until)
        wanted = list(range(minute.minute, -(-(end - start) // _MINUTE)))
        asked += [(start, kind, wanted) for kind in _kinds(pipeline)]
        minute = start + _HOUR
    if not asked:
        return []
    with clients.answered():
        reading = clients.patient().pipeline(transaction=False)
        for start, kind, wanted in asked:
            reading.hmget(layout.minutes_key(Hour(start, tenant_id), kind, channel_id), [str(one) for one in wanted])
        answers = reading.execute()
    return sorted(
        (
            MinuteTotals(start + timedelta(minutes=one), kind, Totals.from_counts(_counts_of_minute(packed)))
            for (start, kind, wanted), found in zip(asked, answers, strict=True)
            for one, packed in zip(wanted, found, strict=True)
            if packed is not None
        ),
        key=lambda one: (one.minute, one.pipeline),
    )


def hours(
    tenant_id: int, starts: Collection[datetime], *, channel_id: str = ALL_CHANNELS, pipeline: str | None = None
) -> dict[datetime, Totals]:
    """Each of those hours in sum, with latency; as `minutes`, whose sums it is, in a fraction of the time."""
    asked = [(start, kind) for start in starts for kind in _kinds(pipeline)]
    if not asked:
        return {}
    with clients.answered():
        reading = clients.patient().pipeline(transaction=False)
        for start, kind in asked:
            reading.hvals(layout.minutes_key(Hour(start, tenant_id), kind, channel_id))
        answers = reading.execute()
    packed: dict[datetime, list[bytes]] = {start: [] for start in starts}
    for (start, _), found in zip(asked, answers, strict=True):
        packed[start] += found
    return {start: Totals.from_several_counts(map(_counts_of_minute, found)) for start, found in packed.items()}


@lru_cache(maxsize=MINUTES_REMEMBERED)
def _counts_of_minute(packed: bytes) -> Mapping[str, int]:
    """A minute that is over is packed the same for ever, and unpacking sixty is most of what an hour costs."""
    return layout.unpack_counts(packed)


def newest(
    tenant_id: int, *, since: datetime, channel_id: str | None = None, pipeline: str | None = None, limit: int = 100
) -> list[Segment]:
    """Segments received from `since`, the newest first, of one channel or all."""
    prefix = layout.active_prefix(tenant_id)
    keys = [f"{prefix}{kind}:{channel_id or ALL_CHANNELS}" for kind in _kinds(pipeline)]
    arguments = [layout.microseconds_of(since), limit, layout.PREFIX, tenant_id]
    with clients.answered():
        found = layout.unpack_message(clients.run(scripts.NEWEST, keys, arguments))
    segments = []
    for name, packed, entries in found:
        start, group = layout.start_named(name.decode()), layout.unpack_group(packed)
        segments += [layout.unpack(entry, group, start) for entry in entries]
    return sorted(segments, key=lambda segment: segment.received_at, reverse=True)


def of_user(tenant_id: int, user_id: str, *, hours: Collection[datetime]) -> list[tuple[datetime, Group, Totals]]:
    """The user's totals in those hours, by start and group."""
    wanted = {layout.name_of_start(start): start for start in hours}
    found = [
        (wanted[name], group, _totals(sums))
        for name, group, sums in _groups_of(tenant_id, user_id)
        if name in wanted and sums is not None
    ]
    merged: dict[tuple[datetime, Group], Totals] = {}
    for start, group, totals in found:
        merged.setdefault((start, group), Totals()).add(totals)
    return [(start, group, totals) for (start, group), totals in sorted(merged.items(), key=lambda one: one[0])]


def segments_of_user(tenant_id: int, user_id: str, *, platform: str | None = None) -> Iterator[Segment]:
    """What there is of the user in full, in order of the hours; of one `platform`, or of all."""
    for name, number, group in _places_of(tenant_id, user_id):
        if platform not in {None, group.platform}:
            continue
        start = layout.start_named(name)
        with clients.answered():
            key = f"{layout.PREFIX}{name}:{tenant_id}:of:{number}"
            entries = cast("list[bytes]", clients.patient().lrange(key, 0, -1))
        yield from (layout.unpack(entry, group, start) for entry in entries)


def count_user(tenant_id: int, user_id: str, *, platform: str | None = None) -> int:
    """How many segments there are of the user, in full or in sums; of one `platform`, or of all."""
    return sum(
        layout.unpack_counts(sums)["n"]
        for _, group, sums in _groups_of(tenant_id, user_id)
        if sums is not None and platform in {None, group.platform}
    )


def erase_user(tenant_id: int, user_id: str, *, platform: str | None = None) -> int:
    """Drop what there is of the user, in full and in sums, of one `platform` or of all; how many segments that were.

    What is written after it began may stay: have the user forgotten first.
    """
    keys = [f"{layout.user_prefix(tenant_id)}{user_id}"]
    fixed = [layout.PREFIX, tenant_id, user_id, layout.active_prefix(tenant_id), platform or ""]
    erased = place = 0
    with clients.answered():
        while True:
            arguments = [*fixed, place, DROPPED_AT_ONCE]
            segments, looked_at, kept = cast("list[int]", clients.run(scripts.ERASE_USER, keys, arguments))
            erased += segments
            place += kept
            if looked_at < DROPPED_AT_ONCE:
                return erased


def size() -> RecentSize:
    """How much there is in full, of all tenants."""
    earliest = (datetime.now(UTC) - DETAIL_LIFE - _HOUR).timestamp()
    with clients.answered():
        names = cast("list[bytes]", clients.patient().zrangebyscore(layout.HOURS_KEY, earliest, "+inf"))
        pipeline = clients.patient().pipeline(transaction=False)
        for name in names:
            state = f"{layout.prefix_of(layout.hour_named(name.decode()))}state"
            pipeline.hmget(state, "segments", "bytes", "oldest", "newest")
        states = [state for state in pipeline.execute() if state[0] is not None and int(state[0])]
    return RecentSize(
        bytes=sum(int(state[1]) for state in states),
        segments=sum(int(state[0]) for state in states),
        oldest=min((layout.moment_of(int(state[2])) for state in states), default=None),
        newest=max((layout.moment_of(int(state[3])) for state in states), default=None),
    )


def _groups_of(tenant_id: int, user_id: str) -> list[tuple[str, Group, bytes | None]]:
    """Name of the hour, group and packed sums, of every group that is the user's."""
    with clients.answered():
        members = cast("list[bytes]", clients.patient().zrange(f"{layout.user_prefix(tenant_id)}{user_id}", 0, -1))
        places = [member.decode().split(":") for member in members]
        pipeline = clients.patient().pipeline(transaction=False)
        for name, number in places:
            prefix = f"{layout.PREFIX}{name}:{tenant_id}:"
            pipeline.hget(f"{prefix}groups", number)
            pipeline.hget(f"{prefix}sums", number)
        answers = iter(pipeline.execute())
    found = []
    for (name, _), packed, sums in zip(places, answers, answers, strict=True):
        # The number may be another's by now, of an hour that was dropped and began anew.
        if packed is not None and (group := layout.unpack_group(packed)).user_id == user_id:
            found.append((name, group, sums))
    return found


def _places_of(tenant_id: int, user_id: str) -> list[tuple[str, str, Group]]:
    """Name of the hour, number and group, of every group that is the user's, in order of the hours."""
    with clients.answered():
        members = cast("list[bytes]", clients.patient().zrange(f"{layout.user_prefix(tenant_id)}{user_id}", 0, -1))
        places = [member.decode().split(":") for member in members]
        pipeline = clients.patient().pipeline(transaction=False)
        for name, number in places:
            pipeline.hget(f"{layout.PREFIX}{name}:{tenant_id}:groups", number)
        answers = pipeline.execute()
    found = []
    for (name, number), packed in zip(places, answers, strict=True):
        # As in `_groups_of`.
        if packed is not None and (group := layout.unpack_group(packed)).user_id == user_id:
            found.append((name, number, group))
    return found


def _kinds(pipeline: str | None) -> Iterable[str]:
    return list(Pipeline) if pipeline is None else [pipeline]


def _totals(packed: bytes) -> Totals:
    return Totals.from_counts(layout.unpack_counts(packed))
