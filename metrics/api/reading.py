"""What was measured, over REST: recent segments, hours, days, and what one user did. Times are UTC."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from metrics import cursors, queries
from metrics.errors import UnknownUser
from metrics.fields import ExactField
from metrics.intake import LONGEST_ID
from metrics.queries import Point
from metrics.segments import Pipeline, Segment
from metrics.totals import Totals

TIMEZONE = "UTC"
_JSON, _CSV = "json", "csv"
_FORMAT = OpenApiParameter("format", str, enum=[_JSON, _CSV], description="json when it is not given")
_AS_FILE = {(200, "text/csv"): OpenApiTypes.STR}


class _AskedSerializer(serializers.Serializer[Any]):
    channel_id = ExactField(
        max_length=LONGEST_ID, required=False, trim_whitespace=False, help_text="All channels when it is not given."
    )
    pipeline = serializers.ChoiceField(choices=list(Pipeline), required=False)


class RecentAskedSerializer(_AskedSerializer):
    minutes = serializers.IntegerField(min_value=1, max_value=queries.MOST_MINUTES, default=5)


class HourlyAskedSerializer(_AskedSerializer):
    hours = serializers.IntegerField(min_value=1, max_value=queries.MOST_HOURS, default=24)


class TrendsAskedSerializer(_AskedSerializer):
    days = serializers.IntegerField(min_value=1, max_value=queries.MOST_DAYS, default=7)


class UserAskedSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=queries.MOST_DAYS, default=30)


class FiguresSerializer(serializers.Serializer[Any]):
    """Of segments together. Averages are weighted, percentiles read from merged sketches; null where none was timed."""

    total_segments = serializers.IntegerField()
    total_errors = serializers.IntegerField()
    error_rate = serializers.FloatField(help_text="The share of segments that failed, from 0 to 1.")
    total_retries = serializers.IntegerField()
    total_duration_s = serializers.FloatField(help_text="How long the segments themselves last.")
    total_bytes = serializers.IntegerField(help_text="What came in and what went out.")
    total_original_bytes = serializers.IntegerField()
    total_dubbed_bytes = serializers.IntegerField()
    avg_latency = serializers.FloatField(allow_null=True, help_text="Of processing, in milliseconds.")
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    avg_stage_ms = serializers.DictField(child=serializers.FloatField(), help_text="Stage → of those that ran it.")
    source_languages = serializers.DictField(child=serializers.IntegerField(), help_text="Language → segments.")
    target_languages = serializers.DictField(child=serializers.IntegerField(), help_text="Language → segments.")


class HourFiguresSerializer(FiguresSerializer):
    hour = serializers.DateTimeField(help_text="When it began.")


class DayFiguresSerializer(FiguresSerializer):
    date = serializers.DateField()


class ReadSegmentSerializer(serializers.Serializer[Segment]):
    """A segment as it was told. Times of stages and in all are milliseconds, null where nothing was timed."""

    segment_id = serializers.CharField()
    channel_id = serializers.CharField()
    session_id = serializers.CharField()
    user_id = serializers.CharField()
    platform = serializers.CharField()
    pipeline = serializers.ChoiceField(choices=list(Pipeline))
    received_at = serializers.DateTimeField()
    processing_started_at = serializers.DateTimeField(allow_null=True)
    processing_ended_at = serializers.DateTimeField(allow_null=True)
    stages = serializers.DictField(child=serializers.FloatField())
    total_ms = serializers.FloatField(allow_null=True)
    duration_s = serializers.FloatField()
    original_bytes = serializers.IntegerField()
    dubbed_bytes = serializers.IntegerField()
    source_language = serializers.CharField()
    target_language = serializers.CharField()
    error = serializers.CharField()
    retry_count = serializers.IntegerField()


class _AnswerSerializer(serializers.Serializer[Any]):
    timezone = serializers.CharField(help_text="Of hours and days.")
    channel_id = serializers.CharField(allow_null=True)
    pipeline = serializers.CharField(allow_null=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class RecentSerializer(_AnswerSerializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    summary = FiguresSerializer()
    results = ReadSegmentSerializer(many=True)


class HourlySerializer(_AnswerSerializer):
    summary = FiguresSerializer()
    results = HourFiguresSerializer(many=True)


class TrendsSerializer(_AnswerSerializer):
    missing = serializers.ListField(
        child=serializers.DateField(), help_text="Days that were archived and of which no copy can be read now."
    )
    summary = FiguresSerializer()
    results = DayFiguresSerializer(many=True)


class UserFiguresSerializer(serializers.Serializer[Any]):
    timezone = serializers.CharField()
    user_id = serializers.CharField()
    days = serializers.IntegerField()
    total_segments = serializers.IntegerField()
    total_hours = serializers.FloatField(help_text="How long the segments themselves last.")
    total_bytes = serializers.IntegerField(help_text="What came in and what went out.")
    total_errors = serializers.IntegerField()
    avg_latency = serializers.FloatField(allow_null=True, help_text="Of processing, in milliseconds.")
    error_rate = serializers.FloatField(help_text="The share of segments that failed, from 0 to 1.")


class RecentSegments(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits: ClassVar = {"GET": "segment.listed"}

    @extend_schema(
        operation_id="recent_segments",
        parameters=[
            RecentAskedSerializer,
            OpenApiParameter("limit", int, description="How many segments are told, 1 to 1000; 100 when not given"),
        ],
        responses=RecentSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest segments of the last minutes, and all of that time in sums.

        The time begins with the minute in which it lies. `limit` bounds the list and not the sums.
        """
        asked = _asked(RecentAskedSerializer, request)
        found = queries.newest(_tenant_of(request), limit=cursors.limit_of(request), **asked)
        return Response(
            {
                **_answer(asked),
                "since": found.since,
                "until": found.until,
                "summary": figures_of(found.totals),
                "results": [_segment(segment) for segment in found.segments],
            }
        )


class Hourly(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits = None  # Nothing in it is about anybody.

    @extend_schema(operation_id="hourly", parameters=[HourlyAskedSerializer, _FORMAT], responses=HourlySerializer)
    def get(self, request: Request) -> HttpResponse:
        """Hour by hour, the running one last; hours without segments among them."""
        asked = _asked(HourlyAskedSerializer, request)
        points = queries.hourly(_tenant_of(request), **asked)
        rows = [{"hour": point.start, **figures_of(point.totals)} for point in points]
        return _as_asked(request, asked, points, rows, name="hourly")


class Trends(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits = None  # Nothing in it is about anybody.

    @extend_schema(operation_id="trends", parameters=[TrendsAskedSerializer, _FORMAT], responses=TrendsSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Day by day, today last; days without segments among them. Days that are past 90 come from the archive."""
        asked = _asked(TrendsAskedSerializer, request)
        points = queries.trends(_tenant_of(request), **asked)
        rows = [{"date": point.start.date(), **figures_of(point.totals)} for point in points]
        missing = [point.start.date() for point in points if point.is_missing]
        return _as_asked(request, asked, points, rows, name="trends", missing=missing)


class UserFigures(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits: ClassVar = {"GET": "person.figures_read"}

    @extend_schema(operation_id="user_figures", parameters=[UserAskedSerializer], responses=UserFiguresSerializer)
    def get(self, request: Request, user_id: str) -> Response:
        """What one user did in so many days, of which today is the last. 404 when there is no segment of theirs."""
        days = _asked(UserAskedSerializer, request)["days"]
        # The audit log calls whoever it is a person.
        request._request.about = {"person_id": user_id}  # type: ignore[attr-defined]
        totals = queries.of_user(_tenant_of(request), user_id, days=days)
        if not totals.segments:
            raise UnknownUser(f"There is no segment of user {user_id[:LONGEST_ID]} within {days} days.")
        figures = figures_of(totals)
        told = ("total_segments", "total_bytes", "total_errors", "avg_latency", "error_rate")
        return Response(
            {
                "timezone": TIMEZONE,
                "user_id": user_id,
                "days": days,
                "total_hours": round(totals.duration_us / 3_600_000_000, 6),
                **{name: figures[name] for name in told},
            }
        )


def figures_of(totals: Totals) -> dict[str, Any]:
    """What FiguresSerializer describes."""
    return {
        "total_segments": totals.segments,
        "total_errors": totals.errors,
        "error_rate": round(totals.error_share(), 6),
        "total_retries": totals.retries,
        "total_duration_s": totals.duration_us / 1_000_000,
        "total_bytes": totals.original_bytes + totals.dubbed_bytes,
        "total_original_bytes": totals.original_bytes,
        "total_dubbed_bytes": totals.dubbed_bytes,
        "avg_latency": _milliseconds(totals.average_total_ms()),
        **{f"p{share}_ms": _milliseconds(totals.percentile_ms(share / 100)) for share in (50, 95, 99)},
        "avg_stage_ms": {stage: _milliseconds(totals.average_stage_ms(stage)) for stage in sorted(totals.stage_count)},
        "source_languages": dict(sorted(totals.source_languages.items())),
        "target_languages": dict(sorted(totals.target_languages.items())),
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "segment_id": segment.segment_id,
        **asdict(segment.group),
        "received_at": segment.received_at,
        "processing_started_at": segment.processing_started_at,
        "processing_ended_at": segment.processing_ended_at,
        "stages": {stage: microseconds / 1000 for stage, microseconds in segment.stages.items()},
        "total_ms": None if segment.total_us is None else segment.total_us / 1000,
        "duration_s": segment.duration_us / 1_000_000,
        "original_bytes": segment.original_bytes,
        "dubbed_bytes": segment.dubbed_bytes,
        "source_language": segment.source_language,
        "target_language": segment.target_language,
        "error": segment.error,
        "retry_count": segment.retry_count,
    }


def _asked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = serializer(data=request.query_params)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What every answer says; all of it is in one, so that there is none beside it."""
    return {
        "timezone": TIMEZONE,
        "channel_id": asked.get("channel_id"),
        "pipeline": asked.get("pipeline"),
        "next": None,
        "previous": None,
    }


def _as_asked(
    request: Request,
    asked: Mapping[str, Any],
    points: Iterable[Point],
    rows: list[dict[str, Any]],
    *,
    name: str,
    **beside: Any,
) -> HttpResponse:
    wanted = request.query_params.get("format", _JSON)
    if wanted == _CSV:
        response = HttpResponse(_as_csv(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response
    if wanted != _JSON:
        raise NotFound(f"There is no format {wanted[:20]}. Take one of {_JSON}, {_CSV}.")
    summary = figures_of(Totals.summed(point.totals for point in points))
    return Response({**_answer(asked), **beside, "summary": summary, "results": rows})


def _as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """The numbers of each row; what has a number for each stage or language is for JSON alone."""
    text = io.StringIO()
    columns: list[str] = []
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        flat = {name: value for name, value in row.items() if not isinstance(value, dict)}
        if not columns:
            columns = list(flat)
            writer.writerow(columns)
        writer.writerow(map(_as_cell, map(flat.get, columns)))
    return text.getvalue()


def _as_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else value


def _milliseconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _tenant_of(request: Request) -> int:
    user: Any = request.user
    return int(user.tenant_id)
