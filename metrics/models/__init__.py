"""What the ground floor keeps in PostgreSQL: the forgotten, archived days, alerts and who is told of them."""

from metrics.models.alerts import (
    ALERT_MOVES,
    Alert,
    AlertKind,
    AlertQuerySet,
    AlertRule,
    AlertState,
    Resolution,
)
from metrics.models.archived import ArchivedDay, ArchivedDayQuerySet
from metrics.models.deliveries import (
    AlertDelivery,
    AlertDeliveryQuerySet,
    AlertEvent,
    DeliveryError,
    DeliveryState,
    Destination,
    DestinationKind,
)
from metrics.models.forgetting import Forgotten, RootFingerprint

__all__ = [
    "ALERT_MOVES",
    "Alert",
    "AlertDelivery",
    "AlertDeliveryQuerySet",
    "AlertEvent",
    "AlertKind",
    "AlertQuerySet",
    "AlertRule",
    "AlertState",
    "ArchivedDay",
    "ArchivedDayQuerySet",
    "DeliveryError",
    "DeliveryState",
    "Destination",
    "DestinationKind",
    "Forgotten",
    "Resolution",
    "RootFingerprint",
]
