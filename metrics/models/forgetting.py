"""Whose data is not written any more, and by which secret that is told."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class RootFingerprint(models.Model):
    """By which root secret this database's digests were made: its fingerprint, which is no secret. One row at most.

    Without it an emptied or mistaken archive would quietly be given a new root, and nobody be forgotten any more.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    fingerprint = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="root_fingerprint_once")]

    def __str__(self) -> str:
        return self.fingerprint[:8]


class Forgotten(models.Model):
    """Somebody whose data one app may not write any more, by digest.

    `tenant_id` is a number and no foreign key: replayed into an older backup, an entry may be of a tenant that the
    backup does not know. It is empty for the site's superusers.
    """

    scope = models.CharField(max_length=16)
    tenant_id = models.BigIntegerField(null=True, blank=True)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "forgotten"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "tenant_id", "digest"], name="forgotten_once"),
            # To PostgreSQL no two nulls are the same.
            models.UniqueConstraint(
                fields=["scope", "digest"], condition=Q(tenant_id=None), name="forgotten_once_without_tenant"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.digest[:8]}"
