"""Segments written: deduplicated, packed, added to the sums of their group and to the minutes of their channel."""

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypedDict, cast

from django.conf import settings

from metrics import timings
from metrics.recent import clients, layout, room, scripts
from metrics.segments import DUBBING_STAGES, Group, Hour, Segment
from metrics.totals import LATENCY, counts_of

# What a segment is kept for in full, counted from the end of its hour.
DETAIL_LIFE: Final = timedelta(hours=24)
# A segment that comes again is looked for among those of today and yesterday, by clocks that differ a little.
SEEN_LIFE: Final = timedelta(hours=49)
# Around midnight a process whose clock is ahead writes of tomorrow.
CLOCKS_DIFFER: Final = timedelta(minutes=10)
# So many segments of at most `intake.LARGEST` each add up to a number that Redis holds exactly, which is below 2⁵³. A
# group that has more in one hour goes on under another number.
MOST_IN_NUMBER: Final = 2_000_000
# What one company may have in an hour; the groups are a setting.
MOST_SEGMENTS: Final = 2_000_000
MOST_CHANNELS: Final = 2000
# Of each of these that are told apart in an hour, beside the usual ones; all others are counted under one name.
MOST_STAGES: Final = 64
MOST_LANGUAGES: Final = 128
OTHER: Final = "other"
# Redis does nothing else while it writes: so many segments, each of a new group, take it a few milliseconds.
AT_ONCE: Final = 100
# By what names of each kind begin in the counts.
NAMED: Final = {"c.": MOST_STAGES, "f.": MOST_LANGUAGES, "i.": MOST_LANGUAGES}
_USUAL: Final = frozenset({*(f"c.{stage}" for stage in DUBBING_STAGES), "f.he", "i.en"})
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Message(TypedDict):
    """What `scripts.WRITE` is told about a batch of one hour.

    `hour`: the name of its start, the tenant, the start and the earliest hour that is kept, both in seconds since 1970.
    `now`: in seconds since 1970.
    `prefixes`: of the keys of the hour, and of those named seen, user and active.
    `lives`, in seconds: of the detail, of sums and minutes, of indexes, of what was seen.
    `room`: for so many segments, groups and channels in the hour. `segments`: how many there are in the batch.
    `names`: prefix in the counts, how many are told apart, and those of the batch that are not usual.
    `receipts`: the first and last of the batch, in microseconds since 1970.
    `days`: of today, and of those looked at beside it.
    `sessions`: digest, digests of segments, their positions in the batch from 1.
    `groups`: packed group, user, channel, pipeline, counts, entries in order of receipt, the last receipt.
    `minutes`: pipeline, channel, minute, counts.
    `token`: by chance, and of no other batch; of the first one in an hour it is the hour's epoch.
    """

    hour: tuple[str, str, str, str]
    now: str
    prefixes: tuple[str, str, str, str]
    lives: tuple[int, int, int, int]
    room: tuple[int, int, int]
    segments: int
    names: Sequence[tuple[str, int, Sequence[str]]]
    other: str
    receipts: tuple[str, str]
    days: Sequence[str]
    sessions: Sequence[tuple[str, Sequence[str], Sequence[int]]]
    groups: Sequence[tuple[bytes, str, str, str, Mapping[str, int], Sequence[bytes], str]]
    minutes: Sequence[tuple[str, str, str, Mapping[str, int]]]
    token: str
    most: int


@timings.measured("metrics.write_segments")
def write(tenant_id: int, segments: Sequence[Segment], *, now: datetime | None = None) -> list[bool | None]:
    """Count each segment, in the hour of its receipt; for each whether it was, False for one that had been before.

    None is for one that the hour has no room for: there is as much of this company's as is taken, or it is long over.
    What was written when an answer got lost is known when it is sent again.
    Raises SegmentsAway; of a batch of several hours, or of many segments, some may have been counted then.
    """
    now = now or datetime.now(UTC)
    counted: list[bool | None] = [False] * len(segments)
    first: dict[tuple[str, str, str], int] = {}
    for position, segment in enumerate(segments):
        first.setdefault((segment.group.channel_id, segment.group.session_id, segment.segment_id), position)
    by_hour: dict[datetime, list[int]] = {}
    for position in first.values():
        start = segments[position].received_at.replace(minute=0, second=0, microsecond=0)
        by_hour.setdefault(start, []).append(position)
    with clients.answered():
        room.check()
        for start, positions in by_hour.items():
            for begin in range(0, len(positions), AT_ONCE):
                some = positions[begin : begin + AT_ONCE]
                for position, is_new in _write_hour(Hour(start, tenant_id), segments, some, now=now):
                    counted[position] = is_new
    return counted


def _write_hour(
    hour: Hour, segments: Sequence[Segment], positions: list[int], *, now: datetime
) -> Iterable[tuple[int, bool | None]]:
    """The positions of those that were counted, True, and of those that found no room, None."""
    prefix = layout.prefix_of(hour)
    own = [f"{prefix}{name}" for name in ("state", "groups", "sums")]
    keys = [*own, layout.WAITING_KEY, layout.HOURS_KEY, f"{prefix}channels"]
    became: list[tuple[int, bool | None]] = []
    while positions:
        batch = [segments[position] for position in positions]
        message = _message(hour, batch, now)
        answer = clients.run(scripts.WRITE, keys, [layout.pack_message(message)])
        known, refused = (set(numbers) for numbers in cast("Sequence[Sequence[int]]", answer))
        if not known and not refused:
            return [*became, *((position, True) for position in positions)]
        without_room = {message["groups"][number - 1][0] for number in refused}
        left = []
        for number, position in enumerate(positions, 1):
            if without_room and layout.pack_group(segments[position].group) in without_room:
                became.append((position, None))
            elif number not in known:
                left.append(position)
        positions = left
    return became


def _message(hour: Hour, segments: Sequence[Segment], now: datetime) -> Message:
    sessions: dict[tuple[str, str], tuple[str, list[str], list[int]]] = {}
    groups: dict[Group, tuple[list[bytes], dict[str, int]]] = {}
    minutes: dict[tuple[str, str, int], dict[str, int]] = {}
    for number, segment in enumerate(segments, 1):
        group = segment.group
        session = (group.channel_id, group.session_id)
        if session not in sessions:
            sessions[session] = (layout.session_digest(*session), [], [])
        _, digests, numbers = sessions[session]
        digests.append(str(layout.segment_digest(segment.segment_id)))
        numbers.append(number)
        if group not in groups:
            groups[group] = ([], {})
        entries, sums = groups[group]
        entries.append(layout.pack(segment, hour.start))
        minute = (group.pipeline, group.channel_id, segment.received_at.minute)
        if minute not in minutes:
            minutes[minute] = {}
        of_minute = minutes[minute]
        for name, count in counts_of(segment).items():
            of_minute[name] = of_minute.get(name, 0) + count
            if not name.startswith(LATENCY):
                sums[name] = sums.get(name, 0) + count
    names, others = _names(minutes.values())
    if others:
        minutes = {minute: _told_apart(counts, others) for minute, counts in minutes.items()}
        groups = {group: (entries, _told_apart(sums, others)) for group, (entries, sums) in groups.items()}
    for entries, _ in groups.values():
        entries.sort()
    seconds = int(hour.start.timestamp())
    end = hour.start + _HOUR
    kept = timedelta(days=settings.EARSHOT_METRICS_CATCH_UP_DAYS)
    receipts = [segment.received_at for segment in segments]
    tenant_id = hour.tenant_id
    return {
        "hour": (
            layout.name_of_start(hour.start),
            str(tenant_id),
            str(seconds),
            str(int((now - kept - _DAY).timestamp())),
        ),
        "now": str(now.timestamp()),
        "prefixes": (
            layout.prefix_of(hour),
            layout.seen_prefix(tenant_id),
            layout.user_prefix(tenant_id),
            layout.active_prefix(tenant_id),
        ),
        "lives": (
            _seconds(end + DETAIL_LIFE - now),
            _seconds(end + kept - now),
            _seconds(kept + _DAY + _HOUR),
            _seconds(SEEN_LIFE),
        ),
        "room": (MOST_SEGMENTS, settings.EARSHOT_METRICS_MOST_GROUPS, MOST_CHANNELS),
        "segments": len(segments),
        "names": names,
        "other": OTHER,
        "receipts": (str(layout.microseconds_of(min(receipts))), str(layout.microseconds_of(max(receipts)))),
        "days": [layout.name_of_start(day)[:8] for day in _days(now)],
        "sessions": list(sessions.values()),
        "groups": [
            (
                layout.pack_group(group),
                group.user_id,
                group.channel_id,
                group.pipeline,
                sums,
                entries,
                str(seconds * 1_000_000 + layout.offset_of(entries[-1])),
            )
            for group, (entries, sums) in groups.items()
        ],
        "minutes": [
            (pipeline, channel_id, str(minute), counts) for (pipeline, channel_id, minute), counts in minutes.items()
        ],
        "token": secrets.token_hex(8),
        "most": MOST_IN_NUMBER,
    }


def _names(several: Collection[Mapping[str, int]]) -> tuple[list[tuple[str, int, list[str]]], Mapping[str, str]]:
    """What is named in the counts beside what is usual, by kind, without its prefix; and what goes by another's name.

    A batch that names more than are told apart in an hour has the commonest of them told.
    """
    unusual = set().union(*several) - _USUAL
    by_kind = {kind: [name for name in unusual if name.startswith(kind)] for kind in NAMED}
    others: dict[str, str] = {}
    for kind, found in by_kind.items():
        if len(found) > NAMED[kind]:
            times = Counter({name: sum(counts.get(name, 0) for counts in several) for name in found})
            by_kind[kind] = [name for name, _ in times.most_common(NAMED[kind])]
            for name in set(found).difference(by_kind[kind]):
                for prefix in ("c.", "s.") if kind == "c." else (kind,):
                    others[prefix + name[len(kind) :]] = prefix + OTHER
    return [(kind, NAMED[kind], [name[len(kind) :] for name in told]) for kind, told in by_kind.items() if told], others


def _told_apart(counts: Mapping[str, int], others: Mapping[str, str]) -> dict[str, int]:
    kept: dict[str, int] = {}
    for name, count in counts.items():
        told = others.get(name, name)
        kept[told] = kept.get(told, 0) + count
    return kept


def _days(now: datetime) -> list[datetime]:
    """Today, in which segments are noted as seen, and the days beside it in which they may have been."""
    days = [now, now - _DAY]
    if (now + CLOCKS_DIFFER).date() != now.date():
        days.append(now + _DAY)
    return days


def _seconds(life: timedelta) -> int:
    return max(int(life.total_seconds()), 1)
