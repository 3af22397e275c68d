"""Whether the archive holds what it should: by checksum, by count, and by every sum."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import structlog
from django.conf import settings
from django.utils import timezone

from metrics import archive
from metrics.archived import objects, tables
from metrics.archived.objects import ArchivedObject
from metrics.archived.schema import DAYS, PEOPLE, SUMS
from metrics.errors import ArchiveDamaged
from metrics.hours import days
from metrics.models import ArchivedDay
from metrics.segments import Channel
from metrics.totals import Totals

log = structlog.get_logger("earshot.archived")


@dataclass(frozen=True, slots=True)
class DayRead:
    """Both objects of a day as the archive gave them, which agree with each other."""

    day: date
    days_table: pa.Table
    people_table: pa.Table
    days_bytes: int
    people_bytes: int

    def segments(self) -> int:
        return sum(self.days_table["segments"].to_pylist())

    def channels(self) -> dict[Channel, Totals]:
        return tables.channel_totals(self.days_table)

    def platforms(self) -> list[str]:
        found = {name for row in self.days_table["platforms"].to_pylist() for name, _ in row}
        return sorted(found - {tables.NO_PLATFORM})

    def check_rows(self, rows: int, people_rows: int) -> None:
        """Raises ArchiveDamaged when there are not so many rows."""
        for table, expected in ((self.days_table, rows), (self.people_table, people_rows)):
            if table.num_rows != expected:
                raise ArchiveDamaged(f"The archive has {table.num_rows} rows of {self.day}, not {expected}.")

    def check_totals(self, channels: Iterable[tuple[Channel, Totals]]) -> None:
        """Raises ArchiveDamaged when the channels' totals are not these, in any column."""
        if self.channels() != tables.of_single_channels(channels):
            raise ArchiveDamaged(f"What the archive says of {self.day} is not what the hours and days say.")


def read_day(days_object: ArchivedObject, people_object: ArchivedObject) -> DayRead:
    """Read both whole; raises ArchiveDamaged also when they disagree with each other."""
    days_content, people_content = archive.read(days_object.name), archive.read(people_object.name)
    read = DayRead(
        day=days_object.day,
        days_table=objects.opened(days_object, days_content),
        people_table=objects.opened(people_object, people_content),
        days_bytes=len(days_content or b""),
        people_bytes=len(people_content or b""),
    )
    by_pipeline: dict[str, Counter[str]] = defaultdict(Counter)
    for row in read.days_table.to_pylist():
        sums = {name: row[name] for name in SUMS}
        if _summed(sums_of_platform for _, sums_of_platform in row["platforms"]) != Counter(sums):
            raise ArchiveDamaged(f"The platforms of {read.day} do not come to the sums of their channels.")
        by_pipeline[row["pipeline"]].update(sums)
    by_person: dict[str, Counter[str]] = defaultdict(Counter)
    for row in read.people_table.to_pylist():
        by_person[row["pipeline"]].update({name: row[name] for name in SUMS})
    if by_person != by_pipeline:
        raise ArchiveDamaged(f"The people of {read.day} do not come to the sums of the channels.")
    return read


def verify_days(
    since: date | None = None, until: date | None = None, *, progress: Callable[[ArchivedDay], None] = lambda _: None
) -> list[str]:
    """Read every archived day of the range again, and hold it against its row and against the tier below while that
    has it. A day that is found wrong is not read any more, and archived anew where that tier allows. Returns what is
    wrong, in words; raises RetryableMetricsError.
    """
    findings = []
    for archived in ArchivedDay.objects.within(since, until).order_by("day", "tenant_id").iterator():
        progress(archived)
        try:
            _verify(archived)
        except ArchiveDamaged as damaged:
            day = {"tenant_id": archived.tenant_id, "day": str(archived.day)}
            log.error("archived_day_damaged", **day)  # noqa: TRY400
            findings.append(damaged.message)
            ArchivedDay.objects.filter(pk=archived.pk).update(verified_at=None)
        else:
            # Only as it was read: it may have been archived anew meanwhile.
            same = ArchivedDay.objects.filter(pk=archived.pk, archived_at=archived.archived_at)
            same.update(verified_at=timezone.now())
    return findings


def objects_of(archived: ArchivedDay) -> tuple[ArchivedObject, ArchivedObject]:
    return (
        ArchivedObject(archived.tenant_id, archived.day, DAYS, archived.checksum),
        ArchivedObject(archived.tenant_id, archived.day, PEOPLE, archived.people_checksum),
    )


def _verify(archived: ArchivedDay) -> None:
    read = read_day(*objects_of(archived))
    read.check_rows(archived.rows, archived.people_rows)
    # An older day may be going from that tier at this moment.
    kept_from = timezone.now().date() - timedelta(days=settings.EARSHOT_METRICS_HOURS_DAYS - 1)
    if archived.day >= kept_from and (below := days.totals_of(archived.tenant_id, archived.day)):
        read.check_totals(below)


def _summed(several: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in several:
        total.update(one)
    return total
