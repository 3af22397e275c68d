"""Putting a day into the archive: objects, then their verification, then the row that says so.

It may be killed anywhere and be done again: an object is named by its content, a row is verified last, and what an
earlier attempt left in the day's folders goes before that.
"""

from collections.abc import Collection
from datetime import date

import structlog
from django.conf import settings
from django.utils import timezone

from metrics import archive, forgotten, hours, keyring, timings
from metrics.archived import objects, tables, verification
from metrics.archived.objects import ArchivedObject
from metrics.archived.schema import DAYS, PEOPLE
from metrics.archived.tables import Folded, Person
from metrics.errors import BadPersonKey, TiersDisagree
from metrics.hours import days
from metrics.keyring import Named
from metrics.models import ArchivedDay
from metrics.segments import person_key_of

log = structlog.get_logger("earshot.archived")

# People whose pseudonyms are made at a time, which is what the keyring remembers.
_PEOPLE_AT_ONCE = 5000


@timings.measured("metrics.archive_day")
def archive_day(tenant_id: int, day: date) -> ArchivedDay:
    """Archive what the tier below says of the day, in the place of what was archived of it.

    Raises TiersDisagree when that tier does not agree with itself, or changes meanwhile; ArchiveDamaged when the
    archive does not give back what was put there; RetryableMetricsError.
    """
    channels = days.totals_of(tenant_id, day)
    folded = Folded()
    for row in hours.rows_of_day(tenant_id, day):
        folded.add(row.group, row.totals)
    days_table = tables.days_table(channels, folded)
    people_table = tables.people_table(channels, folded, pseudonyms_of(tenant_id, day, folded))
    contents = {DAYS: tables.to_parquet(days_table), PEOPLE: tables.to_parquet(people_table)}
    written = {
        dataset: ArchivedObject(tenant_id, day, dataset, tables.checksum_of(content))
        for dataset, content in contents.items()
    }
    for dataset, content in contents.items():
        archive.write(written[dataset].name, content, storage_class=settings.EARSHOT_ARCHIVE_STORAGE_CLASS)
    read = verification.read_day(written[DAYS], written[PEOPLE])
    read.check_rows(days_table.num_rows, people_table.num_rows)
    read.check_totals(channels)
    if tables.digest_of(days.totals_of(tenant_id, day)) != tables.digest_of(channels):
        raise TiersDisagree(f"{day} of company {tenant_id} changed while it was archived.")
    now = timezone.now()
    values = {
        "checksum": written[DAYS].checksum,
        "rows": days_table.num_rows,
        "bytes": len(contents[DAYS]),
        "people_checksum": written[PEOPLE].checksum,
        "people_rows": people_table.num_rows,
        "people_bytes": len(contents[PEOPLE]),
        "segments": sum(totals.segments for totals in tables.of_single_channels(channels).values()),
        "digest": tables.digest_of(channels),
        "platforms": sorted({platform for _, platform in folded.platforms if platform}),
        "archived_at": now,
        "verified_at": None,
    }
    archived, _ = ArchivedDay.objects.update_or_create(tenant_id=tenant_id, day=day, defaults=values)
    erase_others(tenant_id, day, keep=[one.name for one in written.values()])
    archived.verified_at = now
    archived.save(update_fields=["verified_at"])
    log.info("day_archived", tenant_id=tenant_id, day=str(day), segments=archived.segments, bytes=archived.bytes)
    return archived


def pseudonyms_of(tenant_id: int, day: date, folded: Folded) -> dict[Person, str | None]:
    """A pseudonym for this day of each person; None for the forgotten, and for who cannot be named."""
    people = {person for person, _ in folded.people}
    keys: dict[Person, str] = {}
    for platform, user_id in people:
        try:
            keys[platform, user_id] = person_key_of(platform, user_id)
        except BadPersonKey:
            log.warning("person_without_key", tenant_id=tenant_id)
    found: dict[str, str | None] = {}
    wanted = sorted(set(keys.values()))
    for start in range(0, len(wanted), _PEOPLE_AT_ONCE):
        found |= _pseudonyms_of_keys(tenant_id, day, wanted[start : start + _PEOPLE_AT_ONCE])
    return {person: found[keys[person]] if person in keys else None for person in people}


def pseudonym_text(day: date) -> str:
    """Under which text of the keyring a person is named on a day, so that no two days can be joined."""
    return f"metrics:{day.isoformat()}"


def erase_others(tenant_id: int, day: date, *, keep: Collection[str]) -> None:
    """Erase what lies in the day's folders beside the objects to keep."""
    for name in objects.of_day(tenant_id, day):
        if name not in keep:
            archive.erase(name)


def _pseudonyms_of_keys(tenant_id: int, day: date, keys: list[str]) -> dict[str, str | None]:
    """Keys that are missing are made; a destroyed one gives none, since none of it could ever be found again."""
    forgotten_keys = forgotten.among(tenant_id, keys)
    named = [Named(tenant_id, key, pseudonym_text(day)) for key in keys if key not in forgotten_keys]
    keyring.pseudonyms(named)
    lasting = dict(zip([one.person_key for one in named], keyring.known_pseudonyms(named), strict=True))
    return {key: lasting.get(key) for key in keys}
