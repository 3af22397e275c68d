"""Redis that went back: it was restored from an older copy of itself, and counts on from less than was filled.

What was filled stays, and what Redis has beyond the copy is counted beside it. The copy had at least what was in the
last filling that it knows of; from then on an hour takes late segments alone, so that this is mostly all it had. Where
it knows of none that we know of too, what it has beyond everything that was filled is counted: segments that cannot be
told apart from others count once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from metrics.hours.collections import HOURS, ROWS
from metrics.hours.documents import FillDocument, flat, hour_row_of
from metrics.mongo_clients import collection
from metrics.recent import HourReading
from metrics.segments import Channel, Group, Hour
from metrics.totals import Totals

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sums:
    """What is to be filled: `channels` with latency, `groups` without."""

    groups: Sequence[tuple[Group, Totals]]
    channels: Sequence[tuple[Channel, Totals]]

    @property
    def segments(self) -> int:
        return sum(totals.segments for channel, totals in self.channels if not channel.channel_id)


def base_of(mark: FillDocument, epoch: str, fillings: Sequence[str]) -> list[int]:
    """The fills that have what Redis went on from, as far as can be told from the fillings it knows of."""
    ours = {one["filling"]: one for one in [*mark["earlier"], *mark["counted"]] if one["epoch"] == epoch}
    for name in reversed(fillings):
        if name in ours:
            return [*ours[name]["base"], ours[name]["fill"]]
    return [one["fill"] for one in mark["counted"] if one["epoch"] == epoch]


def beyond(hour: Hour, reading: HourReading, base: Collection[int]) -> Sums:
    """What Redis says without what those fills have."""
    if not base:
        return Sums(reading.groups, reading.channels)
    fills = {"$in": sorted(base)}
    groups: dict[Group, Totals] = {}
    rows = {"metadata.tenant_id": hour.tenant_id, "timestamp": hour.start, "fill": fills}
    for row in map(hour_row_of, collection(ROWS).find(rows)):
        groups.setdefault(row.group, Totals()).add(row.totals)
    channels: dict[Channel, Totals] = {}
    for one in collection(HOURS).find({"tenant_id": hour.tenant_id, "hour": hour.start, "fill": fills}):
        channels.setdefault(Channel(one["channel_id"], one["pipeline"]), Totals()).add(flat(one["sums"]))
    left = list(_left([one for one in reading.channels if one[0].channel_id], channels))
    together: dict[Channel, Totals] = {}
    for channel, totals in left:
        together.setdefault(Channel("", channel.pipeline), Totals()).add(totals)
    return Sums(list(_left(reading.groups, groups)), [*together.items(), *left])


def _left(sums: Sequence[tuple[T, Totals]], base: Mapping[T, Totals]) -> Iterator[tuple[T, Totals]]:
    for of, totals in sums:
        left = totals.beyond(base[of]) if of in base else totals
        if left.segments:
            yield of, left
