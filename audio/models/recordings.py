"""A recording: its session, its chunks, its gaps, and who agreed to it."""

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from audio.states import (
    SESSION_MOVES,
    ErasedSide,
    GapCause,
    ProcessingStatus,
    SessionStatus,
    UploadStatus,
    VerdictState,
    sources,
)
from metrics import person_keys


class AudioSessionQuerySet(models.QuerySet["AudioSession"]):
    def visible_to(self, user: Any) -> "AudioSessionQuerySet":
        """The tenant's sessions; only one's own for who may not see colleagues'."""
        theirs = self.of_company(user.tenant_id)
        return theirs if user.may("recordings.read_all") else theirs.of_user(user.pk)

    def of_company(self, tenant_id: int) -> "AudioSessionQuerySet":
        return self.filter(tenant_id=tenant_id)

    def of_user(self, user_id: int) -> "AudioSessionQuerySet":
        return self.filter(user_id=user_id)

    def with_chunk_counts(self) -> "AudioSessionQuerySet":
        """Each session with `stored_chunks`, `heard_chunks` and `failed_chunks`.

        By subqueries, which are worked out for the rows of a page alone; a join would count every session's.
        """

        def counted(**which: str) -> Coalesce:
            chunks = AudioChunk.objects.filter(session=OuterRef("pk"), upload_status=UploadStatus.UPLOADED, **which)
            return Coalesce(Subquery(chunks.order_by().values("session").values(number=Count("pk"))), 0)

        return self.annotate(
            stored_chunks=counted(),
            heard_chunks=counted(processing_status=ProcessingStatus.COMPLETED),
            failed_chunks=counted(processing_status=ProcessingStatus.FAILED),
        )

    def due_to_end(self) -> "AudioSessionQuerySet":
        """Not ended, though all that the recorder counted, or left, is stored and each has been heard or failed."""
        open_still = self.filter(status__in=sources(SESSION_MOVES, SessionStatus.COMPLETED), total_chunks__isnull=False)
        has_all = Q(stored_chunks__gte=F("total_chunks")) | Q(abandoned_at__isnull=False)
        all_have_ended = Q(stored_chunks=F("heard_chunks") + F("failed_chunks"))
        return open_still.with_chunk_counts().filter(has_all & all_have_ended)

    def without_life_since(self, moment: datetime, *, while_paused: datetime) -> "AudioSessionQuerySet":
        """Open still, as their recorders left them, and nothing came since; of paused ones since `while_paused`.

        Those that are being recorded, as far as anybody said, and those that wait for chunks that were counted.
        """
        open_still = self.filter(status__in=[SessionStatus.RECORDING, SessionStatus.PROCESSING], abandoned_at=None)
        silent = open_still.filter(last_activity_at__lt=moment).with_chunk_counts()
        waiting = Q(status=SessionStatus.PROCESSING, stored_chunks__lt=F("total_chunks"))
        paused = RecordingGap.objects.filter(session=OuterRef("pk"), cause=GapCause.PAUSE, end_seconds=None)
        return silent.filter(Q(status=SessionStatus.RECORDING) | waiting).filter(
            Q(last_activity_at__lt=while_paused) | ~Exists(paused)
        )


class AudioSession(models.Model):
    """One recording of one call."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tenant = models.ForeignKey("crm.Tenant", on_delete=models.PROTECT, related_name="+")
    # Nobody once whoever recorded it has been erased, and what the other side said stays.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    test_session_id = models.CharField(max_length=255, blank=True, default="")
    call_id = models.CharField(max_length=255)
    start_time = models.DateTimeField(default=timezone.now)
    end_time = models.DateTimeField(null=True, blank=True)
    # Seconds of sound that the stored chunks hold together.
    total_duration_seconds = models.FloatField(default=0)
    # How many chunks are stored: who looks at very many recordings at once cannot count them.
    chunk_count = models.PositiveIntegerField(default=0, editable=False)
    # How many chunks the recorder says there are; unknown until it says so.
    total_chunks = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(
        max_length=12, choices=SessionStatus.choices, default=SessionStatus.RECORDING, db_index=True
    )
    # As the manifest last told it (`sessions.settle`), for lists; while the total is unknown nobody knows.
    verdict_state = models.CharField(max_length=12, choices=VerdictState.choices, default=VerdictState.RECORDING)
    s3_base_key = models.CharField(max_length=255, editable=False)
    channels = models.PositiveSmallIntegerField(default=1)
    metadata = models.JSONField(default=dict, blank=True)
    # When the recorder was last heard of, by a chunk or anything else it sends.
    last_activity_at = models.DateTimeField(default=timezone.now)
    # When it was ended for want of life; empty again once the recorder says itself that it is done.
    abandoned_at = models.DateTimeField(null=True, blank=True)
    # Whose channel is silence now, because they have been erased. Nothing more is taken in then.
    erased_side = models.CharField(max_length=8, choices=ErasedSide, blank=True, default="", editable=False)
    # When its sound was removed because it was older than the company keeps any; the transcript stays.
    sound_removed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AudioSessionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["user", "test_session_id"], name="session_user_reference"),
            models.Index(fields=["tenant", "-created_at"], name="session_tenant_newest"),
            models.Index(fields=["tenant", "status", "-created_at"], name="session_tenant_status_newest"),
            models.Index(fields=["user", "-created_at"], name="session_user_newest"),
            models.Index(fields=["call_id"], name="session_call"),
            models.Index(fields=["test_session_id"], name="session_reference", condition=~Q(test_session_id="")),
            # As small as what is going on: the search for recordings that were left looks here.
            models.Index(
                fields=["last_activity_at"],
                name="session_open",
                condition=Q(status__in=["recording", "processing"], abandoned_at=None),
            ),
            models.Index(fields=["-created_at"], name="session_incomplete", condition=Q(verdict_state="incomplete")),
            models.Index(fields=["-created_at"], name="session_abandoned", condition=Q(abandoned_at__isnull=False)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(channels__in=[1, 2]), name="session_has_one_or_two_channels"),
            # A call has one recording: its segments are told apart by chunk.
            models.UniqueConstraint(fields=["tenant", "call_id"], name="session_once_per_call"),
        ]

    def __str__(self) -> str:
        return f"Recording {str(self.pk)[:8]}"

    @property
    def person_key(self) -> str:
        """Whose recording it is, to the keyring and the registers of the forgotten; no user of ours has the id 0."""
        return person_keys.of_user(self.user_id or 0)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is taken in, because it, or a side of it, is being erased or has been."""
        return bool(self.erased_side)


class AudioChunkQuerySet(models.QuerySet["AudioChunk"]):
    def stored(self) -> "AudioChunkQuerySet":
        return self.filter(upload_status=UploadStatus.UPLOADED)

    def looked_after(self, *, also_lost: str | None) -> "AudioChunkQuerySet":
        """The stored ones; with the error of those whose objects were lost, these too. None whose sound was removed."""
        stored = Q(upload_status=UploadStatus.UPLOADED)
        kept = self.filter(session__sound_removed_at=None)
        if also_lost is None:
            return kept.filter(stored)
        return kept.filter(stored | Q(upload_status=UploadStatus.FAILED, error=also_lost))

    def unfinished(self) -> "AudioChunkQuerySet":
        return self.stored().filter(processing_status__in=[ProcessingStatus.PENDING, ProcessingStatus.PROCESSING])


class AudioChunk(models.Model):
    """Some thirty seconds of a session, stored as one object that decodes alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(AudioSession, on_delete=models.CASCADE, related_name="chunks")
    chunk_index = models.PositiveIntegerField()
    start_time_seconds = models.FloatField()
    end_time_seconds = models.FloatField()
    duration_seconds = models.FloatField()
    # How long it was said to be when it came: by its sample range, else by its packets.
    declared_seconds = models.FloatField()
    # How much of it decodes; unknown until a worker has tried, 0 when nothing does.
    decoded_seconds = models.FloatField(null=True, blank=True)
    # Whether the sender said where it begins; where not, it begins where its predecessor ends.
    starts_declared = models.BooleanField(default=True)
    # Whether what is said across the boundary with its predecessor has been written down in one go.
    is_joined = models.BooleanField(default=False)
    # Whether it came after the recording had been declared or taken to be over.
    is_late = models.BooleanField(default=False)
    # The recorder's own count of samples, first and last included; absent when it did not say.
    first_sample = models.BigIntegerField(null=True, blank=True)
    last_sample = models.BigIntegerField(null=True, blank=True)
    sample_rate = models.PositiveIntegerField(null=True, blank=True)
    s3_key = models.CharField(max_length=255)
    content_type = models.CharField(max_length=64)
    codec = models.CharField(max_length=16, blank=True, default="")
    file_size_bytes = models.PositiveIntegerField()
    compressed_size_bytes = models.PositiveIntegerField(null=True, blank=True)
    compression_ratio = models.FloatField(null=True, blank=True)
    checksum = models.CharField(max_length=64)
    stored_checksum = models.CharField(max_length=64, blank=True, default="")
    upload_status = models.CharField(max_length=12, choices=UploadStatus.choices, default=UploadStatus.UPLOADING)
    # When the request that is storing the object took the row.
    claimed_at = models.DateTimeField(default=timezone.now)
    processing_status = models.CharField(
        max_length=12, choices=ProcessingStatus.choices, default=ProcessingStatus.PENDING
    )
    error = models.CharField(max_length=255, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    transcription = models.TextField(blank=True, default="")
    speaker_count = models.PositiveSmallIntegerField(null=True, blank=True)
    voice_activity_ratio = models.FloatField(null=True, blank=True)
    suspicious_activity_score = models.FloatField(null=True, blank=True)
    # {stage: {"state", "engine", "model", "version", "ms", …what it found}}
    analysis_results = models.JSONField(default=dict, blank=True)
    captured_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    stored_at = models.DateTimeField(null=True, blank=True)
    analysed_at = models.DateTimeField(null=True, blank=True)
    transcribed_at = models.DateTimeField(null=True, blank=True)
    announced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects = AudioChunkQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["session", "chunk_index"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "chunk_index"], name="chunk_index_once_per_session")
        ]
        # As small as what is not well: those that somebody looks for.
        indexes: ClassVar = [
            models.Index(
                fields=["processing_status"],
                name="chunk_not_heard",
                condition=Q(processing_status__in=["pending", "processing", "failed"]),
            ),
            models.Index(
                fields=["upload_status"],
                name="chunk_not_stored",
                condition=Q(upload_status__in=["uploading", "failed"]),
            ),
            models.Index(
                fields=["session", "chunk_index"],
                name="chunk_failed",
                condition=Q(processing_status="failed") | Q(upload_status="failed"),
            ),
            models.Index(fields=["session"], name="chunk_late", condition=Q(is_late=True)),
            # Those of other codecs are few: they are made into Opus.
            models.Index(fields=["codec"], name="chunk_not_opus", condition=~Q(codec="opus")),
        ]

    def __str__(self) -> str:
        return f"Chunk {self.chunk_index}"

    @property
    def ends_at(self) -> float:
        """Where on the recording the next chunk begins, unless its sender says otherwise, in seconds."""
        return self.start_time_seconds + self.declared_seconds


class RecordingGap(models.Model):
    """A stretch of the recording that its recorder says has no sound, and why. Without an end it goes on."""

    session = models.ForeignKey(AudioSession, on_delete=models.CASCADE, related_name="gaps")
    # On the recording's own line.
    start_seconds = models.FloatField()
    end_seconds = models.FloatField(null=True, blank=True)
    cause = models.CharField(max_length=16, choices=GapCause.choices)
    reason = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["session", "start_seconds"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "start_seconds", "cause"], name="gap_declared_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["session"], name="gap_open", condition=Q(end_seconds=None)),
        ]

    def __str__(self) -> str:
        return f"{self.get_cause_display()} at {self.start_seconds:.1f} s"


class RecordingConsent(models.Model):
    """What somebody said to being recorded: never changed, the latest holds."""

    session = models.ForeignKey(AudioSession, on_delete=models.CASCADE, related_name="consents")
    given = models.BooleanField()
    by = models.CharField(max_length=150)
    wording = models.TextField()
    at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["session", "at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "at", "given"], name="consent_once_a_moment")
        ]

    def __str__(self) -> str:
        return f"{'Given' if self.given else 'Refused'} by {self.by}"
