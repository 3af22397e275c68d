"""One question over all tiers: what runs, what is in hours and days, and what is archived, as one view for DuckDB.

DuckDB runs in this process, on Arrow tables that the tiers' own doors have filled with one tenant's figures. It can
reach no file, no network and no extension, and is stopped when a question takes too long or too much.

The view `segments_by_day` has a row for each tier, date, channel and pipeline, with the columns of the archive's data
set of days, apart from `platforms`. A segment is in one tier at a time: in `running` while its hour is not filled, in
`archived` once its day has left the hours, and in `hot` in between.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any, Final

import duckdb
import pyarrow as pa
from django.utils import timezone

from metrics import hours, recent
from metrics.archived import reading
from metrics.archived.schema import COUNTERS, DAYS_SCHEMA, SUMS
from metrics.archived.tables import of_single_channels, totals_of_row
from metrics.errors import BadQuestion
from metrics.hours import days
from metrics.segments import Channel, Hour, Pipeline
from metrics.tiers import archived_days, waiting
from metrics.totals import Totals

RUNNING: Final = "running"
HOT: Final = "hot"
ARCHIVED: Final = "archived"
VIEW: Final = "segments_by_day"
GROUPS: Final = ("date", "tier", "channel_id", "pipeline")
MOST_ROWS: Final = 10_000
# The archive's years, with room.
LONGEST_DAYS: Final = 11 * 366
MEMORY: Final = "512MB"
_DAY: Final = timedelta(days=1)
_SCHEMA: Final = pa.schema([*(DAYS_SCHEMA.field(name) for name in reading.SUMMED), reading.DATE])
# What is asked is one tenant's figures and nothing of the machine.
_CONFINED: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "max_temp_directory_size": "0B",
    "memory_limit": MEMORY,
    "threads": "2",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the segments of one group come to; `group` has a value for each column that was grouped by."""

    group: Mapping[str, Any]
    totals: Totals


@dataclass(frozen=True, slots=True)
class Found:
    """What a statement found; `is_cut` when there is more than MOST_ROWS."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    is_cut: bool


def ask(
    tenant_id: int,
    since: date,
    until: date,
    *,
    group_by: Sequence[str] = ("date",),
    channel_id: str = "",
    pipeline: str | None = None,
    now: datetime | None = None,
    seconds: float = 10.0,
) -> list[Answer]:
    """What the tenant's segments of the days between come to, both of them too, in order of `group_by` (of GROUPS).

    A `channel_id` of "" is all channels. Raises BadQuestion, ArchiveDamaged, RetryableMetricsError.
    """
    if unknown := set(group_by) - set(GROUPS):
        raise BadQuestion(f"Segments cannot be grouped by {', '.join(sorted(unknown))}, but by {', '.join(GROUPS)}.")
    wanted = "($1 = '' OR channel_id = $1) AND ($2 IS NULL OR pipeline = $2)"
    group = "".join(f"{name}, " for name in group_by)
    sums = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
    grouped = f"GROUP BY {', '.join(group_by)}" if group_by else ""
    answers: dict[tuple[Any, ...], Totals] = {}
    with _confined(tenant_id, since, until, now=now, seconds=seconds) as asked:
        # Nothing in these statements is from outside: names are those of GROUPS and of the schema.
        statement = f"SELECT {group}{sums} FROM {VIEW} WHERE {wanted} {grouped}"  # noqa: S608
        for row in _rows(asked, statement, [channel_id, pipeline]):
            answers[tuple(row[name] for name in group_by)] = totals_of_row(row)
        for counter in COUNTERS:
            entries = f"SELECT {group}unnest(map_entries({counter})) AS entry FROM {VIEW} WHERE {wanted}"  # noqa: S608
            statement = f"SELECT {group}entry.key, sum(entry.value) AS count FROM ({entries}) GROUP BY ALL"  # noqa: S608
            for row in _rows(asked, statement, [channel_id, pipeline]):
                counts = getattr(answers[tuple(row[name] for name in group_by)], counter)
                counts[row["key"]] += int(row["count"])
    return [
        Answer(dict(zip(group_by, values, strict=True)), totals)
        for values, totals in sorted(answers.items())
        if totals.segments
    ]


def query(tenant_id: int, statement: str, since: date, until: date, *, seconds: float = 10.0) -> Found:
    """Put one SELECT of DuckDB's SQL over the view; for engineers, never for what comes over the wire.

    Raises BadQuestion for what is none, fails, or takes longer or more than it may; else as `ask`.
    """
    with _confined(tenant_id, since, until, now=None, seconds=seconds) as asked:
        statements = asked.extract_statements(statement)
        if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
            raise BadQuestion("Ask by one SELECT.")
        asked.execute(statements[0])
        columns = [str(one[0]) for one in asked.description or ()]
        rows = asked.fetchmany(MOST_ROWS + 1)
        return Found(columns, rows[:MOST_ROWS], is_cut=len(rows) > MOST_ROWS)


def tiers(tenant_id: int, since: date, until: date, *, now: datetime | None = None) -> dict[str, pa.Table]:
    """Tier → its table of the days between, with the columns of the view; each segment is in one of them."""
    if not since <= until or (until - since).days > LONGEST_DAYS:
        raise BadQuestion(f"Ask for days in order, and for {LONGEST_DAYS} of them at most.")
    running = _running(tenant_id, since, until)
    hot = list(_hot(tenant_id, since, until, running=running))
    standing = archived_days(tenant_id, since, until, now or timezone.now())
    held = sorted(day for day, is_held in standing.items() if is_held)
    first, last = (held[0], held[-1]) if held else (until + _DAY, until)
    # A day that was verified only now counts from MongoDB, as it was read.
    elsewhere = {first + number * _DAY for number in range((last - first).days)}.difference(held)
    return {
        RUNNING: _as_table(
            (start.date(), channel, totals) for start, found in running.items() for channel, totals in found
        ),
        HOT: _as_table(one for one in hot if not standing.get(one[0])),
        ARCHIVED: reading.table(tenant_id, first, last, columns=reading.SUMMED, apart_from=elsewhere),
    }


@contextmanager
def _confined(
    tenant_id: int, since: date, until: date, *, now: datetime | None, seconds: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that knows the tiers' tables and the view, and nothing else."""
    filled = tiers(tenant_id, since, until, now=now)
    database = duckdb.connect(":memory:", config=_CONFINED)
    stop = threading.Timer(seconds, database.interrupt)
    try:
        for tier, table in filled.items():
            database.register(tier, table)
        columns = ", ".join(["date", *reading.SUMMED])
        united = " UNION ALL ".join(f"SELECT '{tier}' AS tier, {columns} FROM {tier}" for tier in filled)  # noqa: S608
        database.execute(f"CREATE VIEW {VIEW} AS {united}")
        database.execute("SET lock_configuration = true")
        stop.start()
        yield database
    except duckdb.InterruptException as interrupted:
        raise BadQuestion(f"That took longer than {seconds:g} seconds. Ask for fewer days.") from interrupted
    except duckdb.Error as error:
        raise BadQuestion(str(error)) from error
    finally:
        stop.cancel()
        database.close()


def _running(tenant_id: int, since: date, until: date) -> dict[datetime, list[tuple[Channel, Totals]]]:
    """The hours that wait and are not filled, by channel."""

    def read(starts: Collection[datetime]) -> dict[datetime, list[tuple[Channel, Totals]]]:
        readings = {start: recent.read_hour(Hour(start, tenant_id)) for start in starts}
        return {
            start: list(of_single_channels(reading.channels if reading else ()).items())
            for start, reading in readings.items()
        }

    start, end = _bounds(since, until)
    return waiting(tenant_id, start, min(end, datetime.now(UTC)), read)


def _hot(
    tenant_id: int, since: date, until: date, *, running: Collection[datetime]
) -> Iterator[tuple[date, Channel, Totals]]:
    """Days as they were rolled up, and by their hours those of which an hour is not, or might be in a moment."""
    start, end = _bounds(since, until)
    by_hours = {hour.date() for hour in chain(running, hours.unrolled(tenant_id, start, end))}
    rolled = {one.day for one in days.by_day(tenant_id, since, end.date())}
    for day in sorted(rolled | by_hours):
        if day not in by_hours:
            found = of_single_channels(days.totals_of(tenant_id, day)).items()
            yield from ((day, channel, totals) for channel, totals in found)
            continue
        for pipeline in Pipeline:
            named = hours.by_channel(tenant_id, *_bounds(day, day), pipeline=pipeline, without=running)
            yield from ((day, Channel(channel_id, pipeline), totals) for channel_id, totals in named)


def _bounds(since: date, until: date) -> tuple[datetime, datetime]:
    """When the first of the days begins, and when the last one has ended, in UTC."""
    return datetime.combine(since, time(), UTC), datetime.combine(until, time(), UTC) + timedelta(days=1)


def _rows(asked: duckdb.DuckDBPyConnection, statement: str, values: list[Any]) -> list[dict[str, Any]]:
    asked.execute(statement, values)
    columns = [str(one[0]) for one in asked.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in asked.fetchall()]


def _as_table(found: Iterable[tuple[date, Channel, Totals]]) -> pa.Table:
    rows = [
        {
            "date": day,
            "channel_id": channel.channel_id,
            "pipeline": channel.pipeline,
            **{name: getattr(totals, name) for name in SUMS},
            **{name: list(getattr(totals, name).items()) for name in COUNTERS},
        }
        for day, channel, totals in found
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)
