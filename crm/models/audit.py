"""The audit log: what was done, by whom, to what; sealed in blocks that hang together by their hashes."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q


class ChainQuerySet(models.QuerySet[Any]):
    def of_chain(self, tenant_id: Any) -> Self:
        """Of the tenant's chain; of the site's for None."""
        return self.filter(tenant_id=tenant_id)


class AuditBlockQuerySet(ChainQuerySet):
    def unanchored(self) -> Self:
        return self.filter(anchored_at=None)


class AuditBlock(models.Model):
    """A run of sealed entries. One chain per tenant, and one for the site's superusers (no tenant).

    `hash` is the SHA-256 of the previous block's hash, the block's own facts and its entries, in hexadecimal;
    `crm/audit/chain.py` says of exactly which bytes.
    """

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.PROTECT, null=True, related_name="audit_blocks")
    number = models.PositiveIntegerField()
    entry_count = models.PositiveIntegerField()
    sealed_at = models.DateTimeField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    # When the hash was written to the archive store as well, where no database's administrator can change it.
    anchored_at = models.DateTimeField(null=True)
    # When its entries went because they were older than the company keeps them; its hash and its anchor stay.
    emptied_at = models.DateTimeField(null=True)

    objects = AuditBlockQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "number"], name="audit_block_once"),
            models.UniqueConstraint(fields=["number"], condition=Q(tenant=None), name="audit_site_block_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="audit_block_unanchored", condition=Q(anchored_at=None)),
        ]

    def __str__(self) -> str:
        return f"Block {self.number}"


class AuditEntryQuerySet(ChainQuerySet):
    def unsealed(self) -> Self:
        return self.filter(block=None)


class AuditEntry(models.Model):
    """One act. Until it is sealed it names people and things by our ids, from then on by keyed pseudonyms.

    `actor` is a person key such as `user:7`, empty when a command or the machine acted by itself; `subject` is
    `{kind}:{id}`, as in `recording:6f0e…`, empty when the act was about nothing in particular.
    """

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.PROTECT, null=True, related_name="audit_entries")
    at = models.DateTimeField()
    act = models.CharField(max_length=64)
    via = models.CharField(max_length=16)
    actor = models.CharField(max_length=400, blank=True)
    subject = models.CharField(max_length=400, blank=True)
    block = models.ForeignKey(AuditBlock, on_delete=models.PROTECT, null=True, related_name="entries")
    position = models.PositiveIntegerField(null=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["block", "position"], name="audit_entry_place"),
            models.CheckConstraint(
                condition=Q(block=None, position=None) | Q(block__isnull=False, position__isnull=False),
                name="audit_entry_sealed_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "id"], name="audit_entry_unsealed", condition=Q(block=None)),
            models.Index(fields=["tenant", "-at"], name="audit_entry_at"),
            models.Index(fields=["tenant", "subject", "-at"], name="audit_entry_subject"),
            models.Index(fields=["tenant", "actor", "-at"], name="audit_entry_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.act} at {self.at:%Y-%m-%d %H:%M}"
