"""Learning from the objects which days are archived: the archive outlives the database that says so."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import structlog
from django.utils import timezone

from metrics import archive
from metrics.archived import objects, tables, verification, writing
from metrics.archived.archiving import ARCHIVED_AFTER_DAYS
from metrics.archived.objects import ArchivedObject
from metrics.archived.schema import DAYS, PEOPLE
from metrics.archived.verification import DayRead
from metrics.errors import ArchiveDamaged
from metrics.hours import removing
from metrics.models import ArchivedDay

log = structlog.get_logger("earshot.archived")


@dataclass(slots=True)
class Finds:
    """`days` that the database did not know and knows now, and what could not be made sense of, in words."""

    days: int = 0
    findings: list[str] = field(default_factory=list)


def find(*, dry_run: bool = False, progress: Callable[[int, date], None] = lambda *_: None) -> Finds:
    """Write a row for each day that has its objects in the archive and none in the database; a `dry_run` only counts.

    Where several attempts left objects, the fullest is taken, since a day only grows, and the others are erased.
    Raises RetryableMetricsError.
    """
    found = Finds()
    there: dict[tuple[int, date], list[ArchivedObject]] = defaultdict(list)
    for name in archive.names(f"{objects.ROOT}/"):
        one = objects.named(name)
        if one is None:
            found.findings.append(f"{name} is nothing that Earshot archives.")
        else:
            there[one.tenant_id, one.day].append(one)
    known = set(ArchivedDay.objects.values_list("tenant_id", "day"))
    for (tenant_id, day), ours in sorted(there.items()):
        if (tenant_id, day) in known or removing.is_removed(tenant_id, day):
            # What was removed on purpose is not taken up again; whoever removes comes again for what is left of it.
            continue
        progress(tenant_id, day)
        whole = sorted(_whole_days(ours), key=lambda one: one[2].segments())
        if not whole:
            found.findings.append(f"{day} of company {tenant_id} is not there as a whole.")
            continue
        found.days += 1
        if not dry_run:
            _keep(*whole[-1])
    return found


def _whole_days(ours: Iterable[ArchivedObject]) -> list[tuple[ArchivedObject, ArchivedObject, DayRead]]:
    """The pairs of objects that are undamaged and agree."""
    by_dataset = {dataset: [one for one in ours if one.dataset == dataset] for dataset in (DAYS, PEOPLE)}
    whole = []
    for days_object in by_dataset[DAYS]:
        for people_object in by_dataset[PEOPLE]:
            try:
                whole.append((days_object, people_object, verification.read_day(days_object, people_object)))
            except ArchiveDamaged as damaged:
                log.warning("archived_objects_do_not_agree", error=damaged.message)
    return whole


def _keep(days_object: ArchivedObject, people_object: ArchivedObject, read: DayRead) -> None:
    tenant_id, day = days_object.tenant_id, days_object.day
    channels = read.channels()
    archived = ArchivedDay(
        tenant_id=tenant_id,
        day=day,
        checksum=days_object.checksum,
        rows=read.days_table.num_rows,
        bytes=read.days_bytes,
        people_checksum=people_object.checksum,
        people_rows=read.people_table.num_rows,
        people_bytes=read.people_bytes,
        segments=read.segments(),
        digest=tables.digest_of(channels.items()),
        platforms=read.platforms(),
        # When it was due, so that what the tier below has of it is held against it once more.
        archived_at=datetime.combine(day, time(), UTC) + timedelta(days=ARCHIVED_AFTER_DAYS),
        verified_at=None,
    )
    archived.save()
    writing.erase_others(tenant_id, day, keep=[days_object.name, people_object.name])
    archived.verified_at = timezone.now()
    archived.save(update_fields=["verified_at"])
    log.info("archived_day_found", tenant_id=tenant_id, day=str(day))
