"""What goes on at a company, and what went on."""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from metrics.alerts import deliveries
from metrics.models import Alert, AlertQuerySet

# What a page shows at a time; the rest is to be had over REST.
MOST_SHOWN: Final = 100
# How long alerts that are over are kept, and the log of what was sent.
ALERTS_KEPT: Final = timedelta(days=365)
DELIVERIES_KEPT: Final = timedelta(days=90)


def of(tenant_id: int) -> AlertQuerySet:
    """A company's alerts, over or not, newest first."""
    return Alert.objects.of(tenant_id).select_related("rule", "acknowledged_by").order_by("-opened_at", "-pk")


def open_of(tenant_id: int) -> list[Alert]:
    """Those of a company that are not over, acknowledged or not; newest first, and at most MOST_SHOWN."""
    return list(of(tenant_id).ongoing()[:MOST_SHOWN])


def history(tenant_id: int, *, before: datetime | None = None, limit: int = MOST_SHOWN) -> list[Alert]:
    """Those of a company that are over, newest first; with `before`, those that opened earlier."""
    over = of(tenant_id).filter(resolved_at__isnull=False)
    if before is not None:
        over = over.filter(opened_at__lt=before)
    return list(over[: min(limit, MOST_SHOWN)])


def forget_old() -> None:
    """Take away what has been over for longer than it is kept."""
    now = timezone.now()
    Alert.objects.filter(resolved_at__lt=now - ALERTS_KEPT).delete()
    deliveries.forget(now - DELIVERIES_KEPT)
