"""Who is told of a company's alerts, and what was sent."""

import secrets
import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q

from metrics.models.alerts import Alert

LONGEST_ADDRESS = 500


class DestinationKind(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "E-mail"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"


class AlertEvent(models.TextChoices):
    OPENED = "alert.opened", "Opened"
    RESOLVED = "alert.resolved", "Resolved"
    TEST = "test", "Test"


class DeliveryError(models.TextChoices):
    """Why an attempt came to nothing; never what the other side said."""

    PRIVATE_ADDRESS = "private_address", "The address leads into a private network"
    UNKNOWN_HOST = "unknown_host", "No such host"
    UNREACHABLE = "unreachable", "Nobody answers there"
    TIMED_OUT = "timed_out", "No answer in time"
    NOT_TRUSTED = "not_trusted", "Its certificate is not trusted"
    NOT_HTTP = "not_http", "It does not speak HTTP"
    REDIRECTED = "redirected", "It redirects, which is not followed"
    REFUSED = "refused", "It was refused"
    MAIL_OFF = "mail_off", "No mail server is set up"
    CUT_OFF = "cut_off", "It was cut off on the way"


def make_salt() -> str:
    return secrets.token_hex(16)


class Destination(models.Model):
    """Where a company is told of alerts: a webhook's URL or an e-mail address.

    A webhook's secret is kept nowhere: it is worked out of `salt` and the site's own secret.
    """

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=DestinationKind)
    address = models.CharField(max_length=LONGEST_ADDRESS)
    is_on = models.BooleanField("on", default=True)
    salt = models.CharField(max_length=32, default=make_salt, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "kind", "address"], name="destination_once")]

    def __str__(self) -> str:
        return self.address


class AlertDeliveryQuerySet(models.QuerySet["AlertDelivery"]):
    def of(self, tenant_id: int) -> "AlertDeliveryQuerySet":
        """A company's."""
        return self.filter(tenant=tenant_id)

    def due(self, at: datetime) -> "AlertDeliveryQuerySet":
        """Those to be sent now that nobody sends.

        What is told of an alert is told in its order: one waits for those before it, to the same place.
        """
        before = AlertDelivery.objects.filter(
            alert=OuterRef("alert"),
            destination=OuterRef("destination"),
            state=DeliveryState.WAITING,
            pk__lt=OuterRef("pk"),
        )
        return self.filter(
            Q(claimed_until=None) | Q(claimed_until__lte=at),
            ~Exists(before),
            state=DeliveryState.WAITING,
            next_attempt_at__lte=at,
        )


class AlertDelivery(models.Model):
    """One thing told to one destination: what, how often it was tried, and what came of it.

    `message_id` is the `webhook-id`, the same at every attempt, by which a receiver knows what it has had already.
    `payload` is the body, made once.
    """

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+")
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="deliveries")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries")
    event = models.CharField(max_length=16, choices=AlertEvent)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    payload = models.JSONField()
    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=32, choices=DeliveryError, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    next_attempt_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = AlertDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "alert deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["alert", "destination", "event"], name="delivery_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="delivery_by_company"),
            models.Index(fields=["next_attempt_at"], condition=Q(state=DeliveryState.WAITING), name="delivery_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()} to {self.destination}"
