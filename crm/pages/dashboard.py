"""The figures of a company and its server. The page is a frame: a reading comes over REST, newer ones by a socket."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crm.pages import DeskPage

# A skeleton has a place for each chart, so that nothing moves when they come: name, title.
CHARTS = (
    ("segments", "Segments"),
    ("errors", "Errors"),
    ("latency", "Latency"),
    ("stages", "Time per stage"),
    ("languages", "Languages"),
    ("bytes", "Bytes"),
)
RANGES = (("5m", "5 min"), ("1h", "1 h"), ("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d"), ("90d", "90 d"))


# The first segment, for who has none yet.
EXAMPLE = (
    'curl {origin}api/metrics/segments -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" '
    '-d \'{{"channel_id": "news", "session_id": "1", "user_id": "1", "segment_id": "1", '
    '"extraction_ms": 120, "dubbing_ms": 640, "reinsertion_ms": 80}}\''
)
TIERS = (
    ("redis", "Last 24 hours", "each segment, in Redis"),
    ("mongodb", "Last 90 days", "hour by hour, in MongoDB"),
    ("archive", "Seven years", "day by day, in the archive"),
)
INTAKE_ROWS = ("Taken in", "Waited", "Stored, a batch")
OPERATION_COLUMNS = (
    ("operation", "Operation"),
    ("count", "Count"),
    ("failures", "Failures"),
    ("p50_ms", "p50"),
    ("p95_ms", "p95"),
    ("p99_ms", "p99"),
)


class DashboardPage(DeskPage):
    capability: ClassVar = "metrics.read"
    audits: ClassVar = None  # Nothing is shown yet; that somebody reads, the reading writes down.

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(
            request,
            "crm/dashboard.html",
            {
                "charts": CHARTS,
                "ranges": RANGES,
                "tiers": TIERS,
                "intake_rows": INTAKE_ROWS,
                "operation_columns": OPERATION_COLUMNS,
                "may_manage": self.person.may("settings.manage"),
                "example": EXAMPLE.format(origin=request.build_absolute_uri("/")),
            },
        )
