"""Archived days, read: side by side through the archive's door, added up as columns.

Only days that are verified are read, and each object is held against its checksum.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from django.db.models import Count, Max, Min, Sum

from metrics import archive, keyring
from metrics.archived import objects, tables, verification
from metrics.archived.schema import COUNTERS, DAYS, DAYS_SCHEMA, PEOPLE, PEOPLE_SCHEMA, SCHEMAS, SUMS
from metrics.archived.writing import pseudonym_text
from metrics.errors import ArchiveDamaged, BadPersonKey
from metrics.hours.days import DayTotals
from metrics.keyring import Named
from metrics.models import ArchivedDay, ArchivedDayQuerySet
from metrics.segments import Channel, person_key_of

# Objects that are in memory at a time, some 5 KB for each ten channels.
_AT_ONCE: Final = 128
DATE: Final = pa.field("date", pa.date32(), nullable=False)
# What days are asked by and added up.
SUMMED: Final = ["channel_id", "pipeline", *SUMS, *COUNTERS]


@dataclass(frozen=True, slots=True)
class ArchiveSize:
    """`size` in bytes of all objects of the days, which are of all tenants together; `unverified` of them may not be
    read. `oldest` and `newest` are None while there is none.
    """

    size: int
    days: int
    unverified: int
    oldest: date | None
    newest: date | None


def by_day(
    tenant_id: int, since: date, until: date, *, channel_id: str = "", pipeline: str | None = None
) -> list[DayTotals]:
    """Each archived day between the two, both of them too, by pipeline, in order; a `channel_id` of "" is all channels.

    Raises ArchiveDamaged, RetryableMetricsError.
    """
    found = table(tenant_id, since, until, columns=SUMMED, channel_id=channel_id, pipeline=pipeline)
    return [
        DayTotals(day, Channel(channel_id, of_pipeline), totals)
        for day, of_pipeline, totals in tables.totals_by_day(found)
    ]


def of_user(tenant_id: int, user_id: str, since: date, until: date) -> list[DayTotals]:
    """The same of one person, as segments name them; the sums alone. Nothing once the person's key is destroyed."""
    days = list(_days(tenant_id, since, until))
    wanted = [(one.day, key) for one in days for key in _person_keys(user_id, one.platforms)]
    named = [Named(tenant_id, key, pseudonym_text(day)) for day, key in wanted]
    pseudonyms = {pseudonym for pseudonym in keyring.known_pseudonyms(named) if pseudonym}
    if not pseudonyms:
        return []
    of_person = pa.array(sorted(pseudonyms))
    parts = [
        part.filter(pc.is_in(part["pseudonym"], of_person)) for part in _read(days, PEOPLE, columns=PEOPLE_SCHEMA.names)
    ]
    found = pa.concat_tables([_empty(PEOPLE, PEOPLE_SCHEMA.names), *parts])
    return [DayTotals(day, Channel("", pipeline), totals) for day, pipeline, totals in tables.totals_by_day(found)]


def days_naming(tenant_id: int, person_keys: Collection[str], days: Collection[date]) -> set[date]:
    """Those of the days on which one of the people did something; also those of which the archive cannot tell."""
    naming: set[date] = set()
    if not person_keys:
        return naming
    for archived in ArchivedDay.objects.filter(tenant_id=tenant_id, day__in=days).iterator():
        named = [Named(tenant_id, key, pseudonym_text(archived.day)) for key in person_keys]
        pseudonyms = {pseudonym for pseudonym in keyring.known_pseudonyms(named) if pseudonym}
        _, of_people = verification.objects_of(archived)
        try:
            part = objects.opened(of_people, archive.read(of_people.name), ["pseudonym"])
        except ArchiveDamaged:
            naming.add(archived.day)
            continue
        if pseudonyms & set(part["pseudonym"].to_pylist()):
            naming.add(archived.day)
    return naming


def table(
    tenant_id: int,
    since: date,
    until: date,
    *,
    columns: Sequence[str] | None = None,
    channel_id: str = "",
    pipeline: str | None = None,
    apart_from: Collection[date] = (),
) -> pa.Table:
    """The data set of days as it is, with a column `date`; days that are not archived have no rows."""
    columns = list(columns or DAYS_SCHEMA.names)
    days = [one for one in _days(tenant_id, since, until) if one.day not in apart_from]
    parts = []
    for part in _read(days, DAYS, columns):
        wanted = part
        if channel_id:
            wanted = wanted.filter(pc.equal(wanted["channel_id"], channel_id))
        if pipeline is not None:
            wanted = wanted.filter(pc.equal(wanted["pipeline"], pipeline))
        parts.append(wanted)
    return pa.concat_tables([_empty(DAYS, columns), *parts])


def days_there(tenant_id: int, since: date, until: date) -> dict[date, bool]:
    """The tenant's days that were archived, both bounds among them, and whether each is known to be held well."""
    found = ArchivedDay.objects.filter(tenant_id=tenant_id).within(since, until).values_list("day", "verified_at")
    return {day: verified_at is not None for day, verified_at in found}


def size() -> ArchiveSize:
    told = ArchivedDay.objects.aggregate(
        size=Sum("bytes", default=0) + Sum("people_bytes", default=0),
        days=Count("pk"),
        verified=Count("verified_at"),
        oldest=Min("day"),
        newest=Max("day"),
    )
    return ArchiveSize(
        size=told["size"],
        days=told["days"],
        unverified=told["days"] - told["verified"],
        oldest=told["oldest"],
        newest=told["newest"],
    )


def _read(days: Sequence[ArchivedDay], dataset: str, columns: list[str]) -> Iterator[pa.Table]:
    """Tables of some days each, with a column `date`."""
    remaining = iter(days)
    while some := list(islice(remaining, _AT_ONCE)):
        wanted = [
            (one.day, dict(zip((DAYS, PEOPLE), verification.objects_of(one), strict=True))[dataset]) for one in some
        ]
        contents = archive.read_all(one.name for _, one in wanted)
        parts = []
        for day, one in wanted:
            part = objects.opened(one, contents.get(one.name), columns)
            dates = pa.repeat(pa.scalar(day, DATE.type), part.num_rows)
            parts.append(part.replace_schema_metadata().append_column(DATE, dates))
        yield pa.concat_tables(parts)


def _days(tenant_id: int, since: date, until: date) -> Iterator[ArchivedDay]:
    return _verified(tenant_id).within(since, until).order_by("day").iterator()


def _verified(tenant_id: int) -> ArchivedDayQuerySet:
    return ArchivedDay.objects.filter(tenant_id=tenant_id).verified()


def _person_keys(user_id: str, platforms: Collection[str]) -> set[str]:
    keys = set()
    for platform in platforms:
        try:
            keys.add(person_key_of(platform, user_id))
        except BadPersonKey:
            continue
    return keys


def _empty(dataset: str, columns: Sequence[str]) -> pa.Table:
    return pa.schema([*(SCHEMAS[dataset].field(name) for name in columns), DATE]).empty_table()
