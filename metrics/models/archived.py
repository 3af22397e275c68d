"""Which days are in the archive."""

from datetime import date
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ArchivedDayQuerySet(models.QuerySet["ArchivedDay"]):
    def verified(self) -> "ArchivedDayQuerySet":
        """Those that may be read: of which the archive is known to hold what the tier below said."""
        return self.exclude(verified_at=None)

    def within(self, since: date | None, until: date | None) -> "ArchivedDayQuerySet":
        """From the one day to the other, both of them too; no end where there is None."""
        days = self
        if since is not None:
            days = days.filter(day__gte=since)
        if until is not None:
            days = days.filter(day__lte=until)
        return days


class ArchivedDay(models.Model):
    """A day of a tenant's that is in the archive: by which checksums its two objects are named, and what is in them.

    Made anew from the objects where the database has lost it. `tenant_id` is a number and no foreign key: the archive
    may tell of a tenant that an older backup does not know.
    """

    tenant_id = models.BigIntegerField()
    day = models.DateField()
    # SHA-256 of the objects, by which they are named too; rows and bytes of each.
    checksum = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    people_checksum = models.CharField(max_length=64)
    people_rows = models.PositiveIntegerField()
    people_bytes = models.PositiveBigIntegerField()
    segments = models.PositiveBigIntegerField()
    # Of what the tier below said of the channels; when it says something else, the day is archived anew.
    digest = models.CharField(max_length=64)
    # Those of the day's segments, by which people are looked for whose ids are other systems'.
    platforms = ArrayField(models.CharField(max_length=64))
    archived_at = models.DateTimeField()
    # Empty while the archive is not known to hold it: it is not read then, and the tier below keeps the day.
    verified_at = models.DateTimeField(null=True, blank=True)

    objects = ArchivedDayQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant_id", "day"], name="archived_day_once")]
        indexes: ClassVar = [models.Index(fields=["day"], name="archived_day_by_day")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.day}"
