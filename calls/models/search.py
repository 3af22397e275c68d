"""What search finds calls by: an index over what lies in MongoDB, which can be dropped and made anew.

PostgreSQL does not see to it that the companies named here exist: rows of one that is gone do no harm, and marking a
call must not fail for it.
"""

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q
from pgvector.django import VectorField

# Longer texts are found by what they begin with. PostgreSQL keeps the places of the first 16,383 words.
LONGEST_TEXT = 20_000
# The model of a text that says too little to have a meaning of its own, and gets no vector.
NO_MODEL = ""


class IndexedCallQuerySet(models.QuerySet["IndexedCall"]):
    def of(self, tenant_id: int) -> "IndexedCallQuerySet":
        return self.filter(tenant_id=tenant_id)

    def stale(self) -> "IndexedCallQuerySet":
        """Those that have changed since they were indexed, longest first."""
        return self.filter(stale_since__isnull=False).order_by("stale_since")

    def free_since(self, moment: datetime) -> "IndexedCallQuerySet":
        """Those that nobody is indexing, or whose indexing began before then and must have died."""
        return self.filter(Q(claimed_at__isnull=True) | Q(claimed_at__lt=moment))


class IndexedCall(models.Model):
    """A call as search filters by it. One that has never been indexed yet has nothing but its id."""

    tenant = models.ForeignKey(
        "crm.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    call_id = models.CharField(max_length=255)
    number = models.BigIntegerField(null=True)
    subject = models.TextField(db_default="")
    start_time = models.DateTimeField(null=True)
    status_id = models.TextField(null=True)  # noqa: DJ001 - a call without a status has none, as in MongoDB
    user_id = models.BigIntegerField(null=True)
    platform = models.TextField(db_default="")
    language = models.TextField(db_default="")
    # By what PostgreSQL finds the stems of its words, see `calls.languages`.
    configuration = models.CharField(max_length=63, db_default="simple")
    suspicion = models.FloatField(null=True)
    duration = models.FloatField(db_default=0.0)
    # When the call that was indexed had last been changed, by the call itself.
    changed_at = models.DateTimeField(null=True)
    # How often it has been marked as changed: whoever indexes sees by it whether it changed meanwhile.
    marks = models.BigIntegerField(db_default=0)
    stale_since = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    indexed_at = models.DateTimeField(null=True)

    objects = IndexedCallQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "call_id"], name="indexed_call_once_per_tenant")
        ]
        indexes: ClassVar = [
            models.Index(fields=["stale_since"], condition=Q(stale_since__isnull=False), name="indexed_call_stale"),
            models.Index(fields=["tenant", "configuration"], name="indexed_call_configuration"),
            GinIndex(SearchVector("subject", config="simple"), name="indexed_call_subject"),
        ]

    def __str__(self) -> str:
        return f"call {self.call_id} in the index"


class IndexedSegmentQuerySet(models.QuerySet["IndexedSegment"]):
    def waiting_for(self, model: str) -> "IndexedSegmentQuerySet":
        """Those that have no vector of this model and are to have one."""
        others = Q(model__gt=NO_MODEL) & (Q(model__lt=model) | Q(model__gt=model))
        return self.filter(Q(model__isnull=True) | others)


class IndexedSegment(models.Model):
    """Something that was said, as it is shown to everybody: masked. Times in seconds on the recording's own line."""

    call = models.ForeignKey(IndexedCall, on_delete=models.CASCADE, related_name="segments", db_index=False)
    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+", db_constraint=False)
    segment_id = models.TextField()
    speaker = models.TextField()
    text = models.TextField()
    start_time = models.FloatField()
    end_time = models.FloatField()
    emotion = models.TextField(db_default="")
    # Each word as it is, and by its stem in the language of the call.
    words = SearchVectorField()
    text_digest = models.CharField(max_length=64)
    # None while it waits for a vector, NO_MODEL when it is to have none.
    model = models.CharField(max_length=255, null=True, db_collation="C")  # noqa: DJ001
    dimension = models.PositiveIntegerField(null=True)
    # Of any dimension; each model's are in an index of their own, which `calls.vector_indexes` makes.
    vector = VectorField(null=True)

    objects = IndexedSegmentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "segment_id"], name="indexed_segment_once_per_call")
        ]
        indexes: ClassVar = [
            GinIndex(fields=["words"], name="indexed_segment_words"),
            models.Index(fields=["model", "id"], name="indexed_segment_model"),
        ]

    def __str__(self) -> str:
        return f"segment {self.segment_id} in the index"
