"""Where the archive's days lie: names of objects, and reading and checking one of them.

`metrics/days/tenant=7/date=2026-01-31/{checksum}.parquet`: folders in the manner of Hive, and the SHA-256 of the object
itself, so that the same content again is the same object. A name tells of nobody.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa

from metrics import archive
from metrics.archived import tables
from metrics.archived.schema import DAYS, PEOPLE, SCHEMAS
from metrics.errors import ArchiveDamaged

ROOT: Final = "metrics"
_WHAT_NEXT: Final = "`manage.py archive_metrics --verify` looks through all days."
_NAME = re.compile(
    r"metrics/(?P<dataset>days|people)/tenant=(?P<tenant>[0-9]{1,19})/date=(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})/"
    r"(?P<checksum>[0-9a-f]{64})\.parquet"
)


@dataclass(frozen=True, slots=True, order=True)
class ArchivedObject:
    """One object: a data set's day of one tenant."""

    tenant_id: int
    day: date
    dataset: str
    checksum: str

    @property
    def name(self) -> str:
        return f"{folder_of(self.tenant_id, self.day, self.dataset)}{self.checksum}.parquet"


def folder_of(tenant_id: int, day: date, dataset: str) -> str:
    return f"{ROOT}/{dataset}/tenant={tenant_id}/date={day.isoformat()}/"


def named(name: str) -> ArchivedObject | None:
    """What an object is by its name; None for what is none of ours."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        return None
    return ArchivedObject(int(found["tenant"]), day, found["dataset"], found["checksum"])


def of_day(tenant_id: int, day: date) -> list[str]:
    """The names of all objects in the day's folders, also of those that nobody finished."""
    return [name for dataset in (DAYS, PEOPLE) for name in archive.names(folder_of(tenant_id, day, dataset))]


def days_of(tenant_id: int, before: date) -> set[date]:
    """The tenant's days before that one of which anything lies in the archive, known to the database or not."""
    found = set()
    for dataset in (DAYS, PEOPLE):
        for name in archive.names(f"{ROOT}/{dataset}/tenant={tenant_id}/"):
            one = named(name)
            # In order of day; what is none of ours is for `finding` to tell.
            if one is not None and one.day >= before:
                break
            if one is not None:
                found.add(one.day)
    return found


def opened(wanted: ArchivedObject, content: bytes | None, columns: list[str] | None = None) -> pa.Table:
    """What was read of the object, as a table; raises ArchiveDamaged."""
    what = f"{wanted.dataset} of {wanted.day} of company {wanted.tenant_id}"
    if content is None:
        raise ArchiveDamaged(f"The archive has lost the {what}. {_WHAT_NEXT}")
    if tables.checksum_of(content) != wanted.checksum:
        raise ArchiveDamaged(f"The {what} are not what was archived. {_WHAT_NEXT}")
    try:
        table = tables.from_parquet(content, columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise ArchiveDamaged(f"The {what} are no Parquet. {_WHAT_NEXT}") from error
    if not set(columns or SCHEMAS[wanted.dataset].names) <= set(table.column_names):
        raise ArchiveDamaged(f"The {what} lack columns that they should have. {_WHAT_NEXT}")
    return table
