"""What the privacy officer works with: requests to erase, holds, exports of a person, and a company's rules."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, TypedDict

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from crm.models.people import Tenant

LONGEST_REASON = 2000


class SubjectKind(models.TextChoices):
    """How somebody is named in a request."""

    USER = "user", "Colleague"
    CONTACT = "contact", "Customer"
    EXTERNAL = "external", "Id on a platform"


class HoldKind(models.TextChoices):
    """What a legal hold is on: somebody, or one call."""

    USER = "user", "Colleague"
    CONTACT = "contact", "Customer"
    EXTERNAL = "external", "Id on a platform"
    CALL = "call", "Call"


class ErasureState(models.TextChoices):
    # Somebody else has to approve it.
    PENDING = "pending", "Needs approval"
    # Until its waiting period is over, it can be cancelled.
    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "About to run"
    RUNNING = "running", "Erasing"
    VERIFYING = "verifying", "Looking again"
    COMPLETED = "completed", "Complete"
    # Something was left, or a store stayed away; it can be run again.
    FAILED = "failed", "Not complete"
    CANCELLED = "cancelled", "Cancelled"
    # By a legal hold. Goes on by itself once that is lifted.
    BLOCKED = "blocked", "On hold"


_S = ErasureState
ERASURE_MOVES: Mapping[ErasureState, frozenset[ErasureState]] = {
    _S.PENDING: frozenset({_S.WAITING, _S.APPROVED, _S.BLOCKED, _S.CANCELLED}),
    _S.WAITING: frozenset({_S.APPROVED, _S.BLOCKED, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.RUNNING, _S.BLOCKED, _S.CANCELLED}),
    _S.BLOCKED: frozenset({_S.PENDING, _S.WAITING, _S.APPROVED, _S.CANCELLED}),
    # From the moment on that something is erased there is no way back.
    _S.RUNNING: frozenset({_S.VERIFYING, _S.FAILED}),
    _S.VERIFYING: frozenset({_S.COMPLETED, _S.FAILED}),
    _S.FAILED: frozenset({_S.RUNNING}),
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset(),
}


class StoreRow(TypedDict):
    """What one step of an erasure did. `found_again` is what the second look found; None until it has looked.

    `store` is one of the names that the product's users rely on (`postgres`, `objects`, `mongodb`, …), `step` says in
    plain words what of it.
    """

    store: str
    step: str
    found: int
    erased: int
    left: int | None
    found_again: int | None


class ErasureRequestQuerySet(models.QuerySet["ErasureRequest"]):
    def of(self, tenant_id: int) -> "ErasureRequestQuerySet":
        return self.filter(tenant_id=tenant_id)

    def open(self) -> "ErasureRequestQuerySet":
        """Neither complete nor cancelled."""
        return self.exclude(state__in=[ErasureState.COMPLETED, ErasureState.CANCELLED])

    def due_before(self, moment: datetime) -> "ErasureRequestQuerySet":
        """Those that have to be complete by then, and are not."""
        return self.open().filter(due_at__lt=moment)

    def free_since(self, moment: datetime) -> "ErasureRequestQuerySet":
        """Those that no worker holds, or whose worker was last heard of before then and must have died."""
        return self.filter(Q(claimed_at__isnull=True) | Q(claimed_at__lt=moment))


class ErasureRequest(models.Model):
    """Somebody who is to be erased, and how far that is.

    Whom it is about stands here only as long as it has to be known: `subject`, `subject_name`, `reason` and `plan` are
    emptied when it ends. What stays names nobody.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=SubjectKind)
    # Either `user_id`, or `contact_id`, or `platform` and `external_user_id`.
    subject = models.JSONField(default=dict)
    subject_name = models.CharField(max_length=400, blank=True, default="")
    reason = models.TextField(max_length=LONGEST_REASON, blank=True, default="")
    # Everything they go by and what is theirs, as it was found before anything was erased; `crm.erasure.subjects`.
    plan = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=ErasureState, default=ErasureState.PENDING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    # From then on it runs by itself.
    waits_until = models.DateTimeField(null=True, blank=True)
    # By when it has to be complete.
    due_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)
    # A StoreRow for each step.
    stores = models.JSONField(default=list)
    error = models.CharField(max_length=255, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    # When the worker that runs it was last heard of.
    claimed_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # A store that came back from a backup knew somebody again who had been erased.
    is_replay = models.BooleanField(default=False)

    objects = ErasureRequestQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-requested_at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-requested_at", "-id"], name="erasure_newest"),
            models.Index(
                fields=["state"],
                name="erasure_open",
                condition=~Q(state__in=["completed", "cancelled"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Erasure {str(self.pk)[:8]}"


class LegalHoldQuerySet(models.QuerySet["LegalHold"]):
    def of(self, tenant_id: int) -> "LegalHoldQuerySet":
        return self.filter(tenant_id=tenant_id)

    def standing(self) -> "LegalHoldQuerySet":
        """Those that were not lifted."""
        return self.filter(lifted_at=None)


class LegalHold(models.Model):
    """Somebody, or a call, of whom nothing may be removed: neither by an erasure nor by retention.

    No foreign keys: a hold may be on an id that a platform has yet to send.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=HoldKind)
    user_id = models.BigIntegerField(null=True, blank=True)
    contact_id = models.BigIntegerField(null=True, blank=True)
    platform = models.CharField(max_length=64, blank=True, default="")
    external_user_id = models.CharField(max_length=255, blank=True, default="")
    call_id = models.CharField(max_length=255, blank=True, default="")
    reason = models.TextField(max_length=LONGEST_REASON)
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    placed_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-placed_at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "kind"], name="hold_standing", condition=Q(lifted_at=None)),
            models.Index(fields=["tenant", "-placed_at", "-id"], name="hold_newest"),
        ]

    def __str__(self) -> str:
        return f"Hold {self.pk}"


class ObeyedErasure(models.Model):
    """An entry of the ledger of erasures that this database has obeyed.

    A database that was restored from a backup lacks those that came after it, and so is known to have to forget again.
    """

    # The entry's name in the archive.
    name = models.CharField(max_length=128, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class ExportState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"


_E = ExportState
EXPORT_MOVES: Mapping[ExportState, frozenset[ExportState]] = {
    _E.WAITING: frozenset({_E.RUNNING, _E.EXPIRED}),
    # Back to waiting when a store is away; expired when it is removed, or its person erased, while it is made.
    _E.RUNNING: frozenset({_E.READY, _E.FAILED, _E.WAITING, _E.EXPIRED}),
    _E.FAILED: frozenset({_E.WAITING, _E.EXPIRED}),
    _E.READY: frozenset({_E.EXPIRED}),
    _E.EXPIRED: frozenset(),
}


class PersonExportQuerySet(models.QuerySet["PersonExport"]):
    def of(self, tenant_id: int) -> "PersonExportQuerySet":
        return self.filter(tenant_id=tenant_id)


class PersonExport(models.Model):
    """All that is kept of somebody, as one archive that can be fetched until it expires.

    Once it has expired, or they are erased, the row names nobody any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=SubjectKind)
    # As in ErasureRequest.
    subject = models.JSONField(default=dict)
    subject_name = models.CharField(max_length=400, blank=True, default="")
    # Whether what others said in the same calls is in it too, where one knows who speaks.
    includes_others = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=ExportState, default=ExportState.WAITING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Calls that are in it so far, of so many.
    calls_done = models.PositiveIntegerField(default=0)
    calls_total = models.PositiveIntegerField(default=0)
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    error = models.CharField(max_length=255, blank=True, default="")

    objects = PersonExportQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-requested_at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-requested_at", "-id"], name="person_export_newest"),
            models.Index(fields=["state"], name="person_export_open", condition=~Q(state="expired")),
        ]

    def __str__(self) -> str:
        return f"Export {str(self.pk)[:8]}"


class PrivacyPolicy(models.Model):
    """A company's rules for erasures and exports. Without a row the defaults hold."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="privacy_policy")
    four_eyes = models.BooleanField(
        "somebody else has to approve",
        default=False,
        help_text="An erasure begins only once a second person who looks after privacy has approved it.",
    )
    waiting_hours = models.PositiveIntegerField(
        "hours to wait before an erasure begins",
        default=0,
        validators=[MaxValueValidator(30 * 24)],
        help_text="Until then it can be cancelled. From 0 to 720.",
    )
    deadline_days = models.PositiveIntegerField(
        "days within which it has to be complete",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text="From the request. From 1 to 90.",
    )
    remind_days = models.PositiveIntegerField(
        "days before that from which it is brought to mind",
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text="From 1 to 30.",
    )
    export_days = models.PositiveIntegerField(
        "days for which an export can be fetched",
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text="Then it is removed. From 1 to 30.",
    )

    class Meta:
        verbose_name_plural = "privacy policies"

    def __str__(self) -> str:
        return f"Privacy at {self.tenant}"

    @classmethod
    def of(cls, tenant_id: int) -> "PrivacyPolicy":
        """The company's rules; the defaults where it has set none."""
        return cls.objects.filter(pk=tenant_id).first() or cls(tenant_id=tenant_id)


class RetentionKind(models.TextChoices):
    """What is kept for a time of its own."""

    AUDIO = "audio", "Sound"
    TRANSCRIPTS = "transcripts", "Calls and transcripts"
    METRICS = "metrics", "Figures"
    LOGS = "logs", "Audit log"


# Shorter, an entry could be gone before its block has been verified.
SHORTEST_LOGS_DAYS = 30
_DAYS: Any = [MinValueValidator(1), MaxValueValidator(36_500)]


class RetentionPolicy(models.Model):
    """For how many days a company keeps what, counted from when it was recorded; empty is for good."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="retention_policy")
    audio_days = models.PositiveIntegerField(
        "days for which sound is kept",
        null=True,
        blank=True,
        validators=_DAYS,
        help_text="Then the sound goes and the transcript stays. Empty: for good.",
    )
    transcripts_days = models.PositiveIntegerField(
        "days for which calls are kept",
        null=True,
        blank=True,
        validators=_DAYS,
        help_text="Then the call goes with its transcript and its sound. Empty: for good.",
    )
    metrics_days = models.PositiveIntegerField(
        "days for which figures are kept",
        null=True,
        blank=True,
        validators=_DAYS,
        help_text="Hours, days and what the archive has of them. Empty: as the installation has it.",
    )
    logs_days = models.PositiveIntegerField(
        "days for which the audit log is kept",
        null=True,
        blank=True,
        validators=[MinValueValidator(SHORTEST_LOGS_DAYS), MaxValueValidator(36_500)],
        help_text=f"Then entries go; that there were some stays provable. At least {SHORTEST_LOGS_DAYS}. "
        "Empty: for good.",
    )

    class Meta:
        verbose_name_plural = "retention policies"

    def __str__(self) -> str:
        return f"Retention at {self.tenant}"

    @classmethod
    def of(cls, tenant_id: int) -> "RetentionPolicy":
        """The company's rules; the defaults where it has set none."""
        return cls.objects.filter(pk=tenant_id).first() or cls(tenant_id=tenant_id)

    def days_of(self, kind: RetentionKind) -> int | None:
        days: int | None = getattr(self, f"{kind.value}_days")
        return days


class RetentionRun(models.Model):
    """What retention removed of one kind at a company: of what is older than `before`, and what holds kept."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12, choices=RetentionKind)
    before = models.DateTimeField()
    removed = models.PositiveIntegerField()
    held = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [models.Index(fields=["tenant", "kind", "-at"], name="retention_run_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} before {self.before:%Y-%m-%d}"
