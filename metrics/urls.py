from django.urls import path

from metrics import pages
from metrics.api import alerts, dubbing, operations, reading, segments

_DUBBING = "api/metrics/dubbing-sessions"
_ALERT = "api/metrics/alerts/<int:alert_id>"
_DESTINATION = "api/metrics/alerts/destinations/<int:destination_id>"

urlpatterns = [
    path("api/metrics/alerts", alerts.AlertList.as_view(), name="alert-list"),
    path(_ALERT, alerts.AlertDetail.as_view(), name="alert-detail"),
    path(f"{_ALERT}/acknowledge", alerts.AcknowledgeAlert.as_view(), name="acknowledge-alert"),
    path(f"{_ALERT}/close", alerts.CloseAlert.as_view(), name="close-alert"),
    path("api/metrics/alerts/rules", alerts.AlertRuleList.as_view(), name="alert-rule-list"),
    path("api/metrics/alerts/rules/<str:kind>", alerts.AlertRuleDetail.as_view(), name="alert-rule-detail"),
    path("api/metrics/alerts/destinations", alerts.DestinationList.as_view(), name="destination-list"),
    path(_DESTINATION, alerts.DestinationDetail.as_view(), name="destination-detail"),
    path(f"{_DESTINATION}/secret", alerts.DestinationSecret.as_view(), name="destination-secret"),
    path(f"{_DESTINATION}/test", alerts.DestinationTest.as_view(), name="destination-test"),
    path("api/metrics/alerts/deliveries", alerts.DeliveryList.as_view(), name="delivery-list"),
    path(
        "api/metrics/alerts/deliveries/<int:delivery_id>/send",
        alerts.SendDeliveryAgain.as_view(),
        name="send-delivery-again",
    ),
    path("api/metrics/operations", operations.Operations.as_view(), name="operations"),
    path("api/metrics/segments", segments.SegmentIntake.as_view(), name="metrics-segments"),
    path(_DUBBING, dubbing.DubbingSessionList.as_view(), name="dubbing-sessions"),
    path(f"{_DUBBING}/<str:session_id>", dubbing.DubbingSessionDetail.as_view(), name="dubbing-session"),
    path(
        f"{_DUBBING}/<str:session_id>/heartbeat",
        dubbing.DubbingSessionHeartbeat.as_view(),
        name="dubbing-session-heartbeat",
    ),
    path(f"{_DUBBING}/<str:session_id>/end", dubbing.DubbingSessionEnd.as_view(), name="dubbing-session-end"),
    path("api/metrics/segments/recent", reading.RecentSegments.as_view(), name="recent-segments"),
    path("api/metrics/hourly", reading.Hourly.as_view(), name="hourly"),
    path("api/metrics/trends", reading.Trends.as_view(), name="trends"),
    path("api/metrics/users/<path:user_id>", reading.UserFigures.as_view(), name="user-figures"),
    path("metrics", pages.metrics, name="metrics"),
]
