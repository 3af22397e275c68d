"""How hours and days lie in MongoDB: types for us, validators for the server, and totals there and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from metrics.segments import DUBBING_STAGES, Channel, Group
from metrics.totals import Totals


@dataclass(frozen=True, slots=True)
class HourTotals:
    """What a channel did in the hour that began at `start`; a `channel_id` of "" is all of the tenant's together."""

    start: datetime
    channel: Channel
    totals: Totals


@dataclass(frozen=True, slots=True)
class HourRow:
    """What a group did in the hour that began at `start`. Without latency: percentiles are kept by channel."""

    start: datetime
    group: Group
    totals: Totals


class Counted(TypedDict):
    """A fill that counts: what Redis knew of the hour under `epoch` when it had changed `revision` times.

    `token` is that of the last write to it, `filling` the name by which Redis knows that it was filled. `base` are the
    fills that were taken away from it, as Redis had begun again from what they had.
    """

    fill: int
    epoch: str
    revision: int
    token: str
    filling: str
    base: list[int]
    groups: int
    segments: int


class FillDocument(TypedDict):
    """The fill mark of one tenant's hour, in `dubbing_metrics_fills`.

    `attempts` is the number of the last fill that somebody has begun; each writes its rows under a number of its own,
    so what a killed one left is told from what counts. `counted` has one fill for each epoch of Redis: a new one of the
    same epoch takes the place of the older, and what Redis knew before it lost its data stays. `earlier` are the last
    ones whose place was taken, oldest first, until the hour is closed. An hour `is_plain` when it was begun once and
    that fill counts, as most are: then there is nothing that does not count. `is_rolled` is whether the roll-up of its
    day has it. `tries` is how many were begun since the last one that counted, at `tried_at` the last of them.
    """

    tenant_id: int
    hour: datetime
    attempts: int
    counted: list[Counted]
    earlier: list[Counted]
    is_plain: bool
    is_rolled: bool
    filled_at: NotRequired[datetime]
    tries: NotRequired[int]
    tried_at: NotRequired[datetime]


class RollDocument(TypedDict):
    """The mark of one tenant's day, in `dubbing_metrics_rolls`, as the one of an hour; `current` of 0 is none yet.

    `is_closed`: it was rolled when no segment could come any more and no hour of it waited.
    """

    tenant_id: int
    day: datetime
    attempts: int
    current: int
    is_closed: bool
    segments: int
    rolled_at: NotRequired[datetime]


class RemovedDocument(TypedDict):
    """Which of a tenant's days were removed on purpose, in `dubbing_metrics_removed`: all before that one but some."""

    tenant_id: int
    before: datetime
    kept: list[datetime]


def nested(totals: Totals, *, with_latency: bool) -> dict[str, Any]:
    """`Totals.to_counts()` for MongoDB, where a name with a dot is a path: {"n": 3, "s": {"dubbing": 1200}}."""
    counts: dict[str, Any] = {}
    for name, count in totals.to_counts().items():
        short, dot, key = name.partition(".")
        if not dot:
            counts[name] = count
        elif short != "l" or with_latency:
            counts.setdefault(short, {})[key] = count
    return counts


def flat(counts: Mapping[str, Any]) -> Totals:
    """The totals again that `nested` made such counts of."""
    return summed([counts])


def summed(several: Iterable[Mapping[str, Any]]) -> Totals:
    """What `nested` made such counts of, all together."""
    added = RunningSum()
    for counts in several:
        added.add(counts)
    return added.totals()


class RunningSum:
    """What `nested` makes, added up by name as it comes, which is the most of what it costs, and totals at the end."""

    __slots__ = ("_maps", "_numbers")

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._maps: dict[str, dict[str, int]] = {}

    def add(self, counts: Mapping[str, Any]) -> None:
        for short, count in counts.items():
            if not isinstance(count, dict):
                self._numbers[short] = self._numbers.get(short, 0) + count
            elif short not in self._maps:
                self._maps[short] = dict(count)
            else:
                there = self._maps[short]
                for key, one in count.items():
                    there[key] = there.get(key, 0) + one

    def totals(self) -> Totals:
        added = dict(self._numbers)
        for short, there in self._maps.items():
            if short != "l":
                added |= {f"{short}.{key}": one for key, one in there.items()}
        totals = Totals.from_counts(added)
        totals.latency.update({int(bucket): count for bucket, count in self._maps.get("l", {}).items()})
        return totals


def row_of(tenant_id: int, start: datetime, group: Group, totals: Totals, fill: int) -> dict[str, Any]:
    """A row of the time series: the averages for who reads it there, and `sums` by which everything is counted."""
    return {
        "timestamp": start,
        "metadata": {
            "tenant_id": tenant_id,
            "channel_id": group.channel_id,
            "session_id": group.session_id,
            "user_id": group.user_id,
            "platform": group.platform,
            "pipeline": group.pipeline,
        },
        "fill": fill,
        "segments_processed": totals.segments,
        **{f"avg_{stage}_ms": totals.average_stage_ms(stage) for stage in DUBBING_STAGES},
        "avg_stage_ms": {stage: totals.average_stage_ms(stage) for stage in sorted(totals.stage_us)},
        "avg_total_ms": totals.average_total_ms(),
        "total_duration_s": totals.duration_us / 1_000_000,
        "total_original_bytes": totals.original_bytes,
        "total_dubbed_bytes": totals.dubbed_bytes,
        "error_count": totals.errors,
        "retry_count": totals.retries,
        "source_languages": sorted(totals.source_languages),
        "target_languages": sorted(totals.target_languages),
        "sums": nested(totals, with_latency=False),
    }


def hour_row_of(row: Mapping[str, Any]) -> HourRow:
    metadata = row["metadata"]
    group = Group(
        channel_id=metadata["channel_id"],
        session_id=metadata["session_id"],
        user_id=metadata["user_id"],
        platform=metadata["platform"],
        pipeline=metadata["pipeline"],
    )
    return HourRow(row["timestamp"], group, flat(row["sums"]))


def _object(fields: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"bsonType": "object", "required": list(fields), "properties": {**fields, **(optional or {})}}


_WHOLE = {"bsonType": ["int", "long"]}
_TEXT = {"bsonType": "string"}
_MOMENT = {"bsonType": "date"}
_YES_OR_NO = {"bsonType": "bool"}
_COUNTED = _object(
    {
        "fill": _WHOLE,
        "epoch": _TEXT,
        "revision": _WHOLE,
        "token": _TEXT,
        "filling": _TEXT,
        "base": {"bsonType": "array", "items": _WHOLE},
        "groups": _WHOLE,
        "segments": _WHOLE,
    }
)
_OF_CHANNEL = {
    "tenant_id": _WHOLE,
    "channel_id": _TEXT,
    "pipeline": _TEXT,
    "fill": _WHOLE,
    "sums": {"bsonType": "object"},
}

FILL_VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": _object(
        {
            "tenant_id": _WHOLE,
            "hour": _MOMENT,
            "attempts": _WHOLE,
            "counted": {"bsonType": "array", "items": _COUNTED},
            "earlier": {"bsonType": "array", "items": _COUNTED},
            "is_plain": _YES_OR_NO,
            "is_rolled": _YES_OR_NO,
        },
        {"filled_at": _MOMENT, "tries": _WHOLE, "tried_at": _MOMENT},
    )
}
ROLL_VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": _object(
        {
            "tenant_id": _WHOLE,
            "day": _MOMENT,
            "attempts": _WHOLE,
            "current": _WHOLE,
            "is_closed": _YES_OR_NO,
            "segments": _WHOLE,
        },
        {"rolled_at": _MOMENT},
    )
}
AWAITED_VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": _object({"tenant_id": _WHOLE, "hour": _MOMENT, "epoch": _TEXT, "revision": _WHOLE})
}
REMOVED_VALIDATOR: Mapping[str, Any] = {
    "$jsonSchema": _object({"tenant_id": _WHOLE, "before": _MOMENT, "kept": {"bsonType": "array", "items": _MOMENT}})
}
HOUR_VALIDATOR: Mapping[str, Any] = {"$jsonSchema": _object({"hour": _MOMENT, **_OF_CHANNEL})}
DAY_VALIDATOR: Mapping[str, Any] = {"$jsonSchema": _object({"day": _MOMENT, **_OF_CHANNEL})}
