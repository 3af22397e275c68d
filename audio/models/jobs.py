"""The work on chunks that is to be done, is being done, or has ended."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from audio.models.recordings import AudioChunk
from audio.states import JobKind, JobState


class AnalysisJobQuerySet(models.QuerySet["AnalysisJob"]):
    def unfinished(self) -> "AnalysisJobQuerySet":
        return self.filter(state__in=[JobState.WAITING, JobState.RUNNING])

    def claimable(self, *, by: str, at: datetime) -> "AnalysisJobQuerySet":
        """Waiting, or running on a lease that ran out, or running under this very task, delivered again."""
        return self.unfinished().filter(Q(state=JobState.WAITING) | Q(lease_until__lt=at) | Q(claimed_by=by))

    def overdue(self, *, dispatched_before: datetime, at: datetime) -> "AnalysisJobQuerySet":
        """Nobody works on these and nobody was told lately: a message was lost or a worker died."""
        return self.unfinished().filter(
            Q(state=JobState.WAITING, dispatched_at__lt=dispatched_before)
            | Q(state=JobState.RUNNING, lease_until__lt=at)
        )


class AnalysisJob(models.Model):
    """One kind of work on one chunk: who has it, until when, and how often it was tried."""

    chunk = models.ForeignKey(AudioChunk, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=16, choices=JobKind.choices)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # The Celery task id that holds the lease.
    claimed_by = models.CharField(max_length=64, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    dispatched_at = models.DateTimeField()
    error = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = AnalysisJobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["chunk", "kind"], name="job_once_per_chunk_and_kind")]
        indexes: ClassVar = [
            # What the sweep reads every few seconds stays as small as what is unfinished.
            models.Index(
                fields=["dispatched_at"],
                name="job_unfinished",
                condition=Q(state__in=["waiting", "running"]),
            ),
            models.Index(fields=["ended_at"], name="job_failed", condition=Q(state="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.kind.capitalize()} of {self.chunk}"
