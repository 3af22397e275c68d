from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models


class CallStatusQuerySet(models.QuerySet["CallStatus"]):
    def of(self, tenant_id: int) -> "CallStatusQuerySet":
        """A company's own, without those that it has deleted, in its order."""
        return self.filter(tenant_id=tenant_id, deleted=False).order_by("position", "pk")


class CallStatus(models.Model):
    """How far a company has come with a call: a column of its board. Calls name it by its number, as a string."""

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="call_statuses")
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=400, blank=True, default="")
    color = models.CharField(
        max_length=7,
        default="#7c8595",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z", "A colour is written #rrggbb.")],
    )
    position = models.PositiveIntegerField(default=0)
    deleted = models.BooleanField(default=False)

    objects = CallStatusQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["tenant", "position", "id"]
        verbose_name_plural = "call statuses"
        indexes: ClassVar = [models.Index(fields=["tenant", "deleted", "position"], name="call_status_of_tenant")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=models.Q(deleted=False), name="call_status_once_by_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
