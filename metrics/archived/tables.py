"""Totals to tables of the archive and back, and tables to the bytes of a Parquet file and back. Pure.

The same totals make the same bytes, in whatever order they came: rows and the keys of maps are sorted.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from metrics.archived.schema import COUNTERS, DAYS_SCHEMA, PEOPLE_SCHEMA, SUMS
from metrics.errors import TiersDisagree
from metrics.segments import Channel, Group
from metrics.totals import Totals

# The eight sums, in the order of the schema.
Sums = list[int]
# A person as segments name them.
Person = tuple[str, str]
NO_PLATFORM: Final = ""


class Folded:
    """What a day's rows by session and person come to: sums by channel and platform, and by person and pipeline."""

    def __init__(self) -> None:
        self.platforms: dict[tuple[Channel, str], Sums] = defaultdict(_no_sums)
        self.people: dict[tuple[Person, str], Sums] = defaultdict(_no_sums)

    def add(self, group: Group, totals: Totals) -> None:
        sums = sums_of(totals)
        _add(self.platforms[Channel(group.channel_id, group.pipeline), group.platform], sums)
        if group.user_id:
            _add(self.people[(group.platform, group.user_id), group.pipeline], sums)


def days_table(channels: Iterable[tuple[Channel, Totals]], folded: Folded) -> pa.Table:
    """One row for each channel; raises TiersDisagree when its platforms come to more than it."""
    platforms: dict[Channel, dict[str, Sums]] = defaultdict(dict)
    for (channel, platform), sums in folded.platforms.items():
        platforms[channel][platform] = list(sums)
    rows = []
    for channel, totals in sorted(of_single_channels(channels).items()):
        by_platform = platforms.pop(channel, {})
        _add(by_platform.setdefault(NO_PLATFORM, _no_sums()), _remainder(totals, by_platform.values()))
        rows.append(
            {
                "channel_id": channel.channel_id,
                "pipeline": channel.pipeline,
                **_named(sums_of(totals)),
                **{name: sorted(getattr(totals, name).items()) for name in COUNTERS},
                "platforms": [(name, _named(sums)) for name, sums in sorted(by_platform.items()) if any(sums)],
            }
        )
    if platforms:
        raise TiersDisagree("There are segments by person of channels that have no totals.")
    return pa.Table.from_pylist(rows, schema=DAYS_SCHEMA)


def people_table(
    channels: Iterable[tuple[Channel, Totals]], folded: Folded, pseudonyms: Mapping[Person, str | None]
) -> pa.Table:
    """One row for each pseudonym and pipeline; who has none is counted with the segments of nobody.

    Raises TiersDisagree when people come to more than their pipeline.
    """
    totals: dict[str, Totals] = defaultdict(Totals)
    for channel, one in of_single_channels(channels).items():
        totals[channel.pipeline].add(one)
    people: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(_no_sums))
    for (person, pipeline), sums in folded.people.items():
        if pseudonym := pseudonyms[person]:
            _add(people[pipeline][pseudonym], sums)
    rows = []
    for pipeline in sorted(totals.keys() | people.keys()):
        of_nobody = _remainder(totals[pipeline], people[pipeline].values())
        found: list[tuple[str | None, Sums]] = [*sorted(people[pipeline].items()), (None, of_nobody)]
        rows += [
            {"pseudonym": pseudonym, "pipeline": pipeline, **_named(sums)} for pseudonym, sums in found if any(sums)
        ]
    return pa.Table.from_pylist(rows, schema=PEOPLE_SCHEMA)


def channel_totals(table: pa.Table) -> dict[Channel, Totals]:
    """What a day's table says of each channel."""
    found: dict[Channel, Totals] = defaultdict(Totals)
    for row in table.select(["channel_id", "pipeline", *SUMS, *COUNTERS]).to_pylist():
        found[Channel(row["channel_id"], row["pipeline"])].add(totals_of_row(row))
    return dict(found)


def totals_of_row(row: Mapping[str, Any]) -> Totals:
    """Of a row as pyarrow and DuckDB give it; columns that are not there count nothing."""
    totals = Totals()
    for name in SUMS:
        setattr(totals, name, int(row.get(name) or 0))
    for name in COUNTERS:
        getattr(totals, name).update(dict(row.get(name) or ()))
    return totals


def totals_by_day(table: pa.Table) -> Iterator[tuple[date, str, Totals]]:
    """(day, pipeline, totals of all rows of them) in order, of a table with a column `date`.

    Counters are added as columns, not row by row: a year of many channels has millions of buckets.
    """
    keys = ["date", "pipeline"]
    found: dict[tuple[date, str], Totals] = defaultdict(Totals)
    names = [name for name in SUMS if name in table.column_names]
    for row in table.group_by(keys).aggregate([(name, "sum") for name in names]).to_pylist():
        sums = {name: row[f"{name}_sum"] for name in names}
        found[row["date"], row["pipeline"]].add(totals_of_row(sums))
    for counter in COUNTERS:
        if counter not in table.column_names:
            continue
        for row in _unnested(table, keys, counter).group_by([*keys, "key"]).aggregate([("value", "sum")]).to_pylist():
            getattr(found[row["date"], row["pipeline"]], counter)[row["key"]] += row["value_sum"]
    for (day, pipeline), totals in sorted(found.items()):
        yield day, pipeline, totals


def to_parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def from_parquet(content: bytes, columns: list[str] | None = None) -> pa.Table:
    """Raises pyarrow's ArrowInvalid for what is no Parquet."""
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        return file.read(columns=columns, use_threads=False)


def checksum_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_of(channels: Iterable[tuple[Channel, Totals]]) -> str:
    """By which a day is seen to have changed: of all that is said of its channels, in whatever order."""
    said = sorted(
        [channel.channel_id, channel.pipeline, sorted(totals.to_counts().items())]
        for channel, totals in of_single_channels(channels).items()
    )
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def of_single_channels(channels: Iterable[tuple[Channel, Totals]]) -> dict[Channel, Totals]:
    """Without those of all channels together, and without what counts nothing."""
    return {channel: totals for channel, totals in channels if channel.channel_id and totals.segments}


def sums_of(totals: Totals) -> Sums:
    return [getattr(totals, name) for name in SUMS]


def _unnested(table: pa.Table, keys: list[str], counter: str) -> pa.Table:
    """The keys of each row, repeated for each entry of its map, beside the entries."""
    maps = table[counter].combine_chunks()
    offsets = maps.offsets.to_numpy()
    parents = pa.array(np.repeat(np.arange(len(maps)), np.diff(offsets)))
    entries = {
        "key": maps.keys.slice(offsets[0], offsets[-1] - offsets[0]),
        "value": maps.items.slice(offsets[0], offsets[-1] - offsets[0]),
    }
    return pa.table({**{key: table[key].take(parents) for key in keys}, **entries})


def _remainder(totals: Totals, parts: Iterable[Sums]) -> Sums:
    remainder = sums_of(totals)
    for part in parts:
        _add(remainder, [-number for number in part])
    if min(remainder) < 0:
        raise TiersDisagree("Segments by person come to more than those by channel.")
    return remainder


def _add(sums: Sums, others: Sums) -> None:
    for place, number in enumerate(others):
        sums[place] += number


def _named(sums: Sums) -> dict[str, int]:
    return dict(zip(SUMS, sums, strict=True))


def _no_sums() -> Sums:
    return [0] * len(SUMS)
