"""The dashboard over REST: all that the page shows, in one answer."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls.intake_serializers import IntakeStatsSerializer
from crm import dashboard
from crm.api.asking import tenant_of
from crm.dashboard.questions import QuestionSerializer
from crm.dashboard.reading import PARTS
from crm.dashboard.segments import STEP_SECONDS


class StretchFiguresSerializer(serializers.Serializer[Any]):
    segments = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]
    retries = serializers.IntegerField()
    error_share = serializers.FloatField(allow_null=True, help_text="From 0 to 1; null where there is no segment.")
    average_ms = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True, help_text="Null also for one person: no percentiles are kept.")
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    duration_seconds = serializers.FloatField(help_text="Of the sound or video in them.")
    original_bytes = serializers.IntegerField()
    dubbed_bytes = serializers.IntegerField()
    stages = serializers.DictField(child=serializers.FloatField(), help_text="Stage → milliseconds on average.")
    source_languages = serializers.DictField(child=serializers.IntegerField())
    target_languages = serializers.DictField(child=serializers.IntegerField())


class PointFiguresSerializer(StretchFiguresSerializer):
    start = serializers.DateTimeField()
    is_running = serializers.BooleanField(help_text="It goes on, and its figures may grow.")


class NamedFiguresSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    segments = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]
    error_share = serializers.FloatField(allow_null=True)
    average_ms = serializers.FloatField(allow_null=True)
    bytes = serializers.IntegerField()


class SegmentFiguresSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    step = serializers.ChoiceField(choices=list(STEP_SECONDS))
    step_seconds = serializers.IntegerField()
    points = PointFiguresSerializer(many=True)
    totals = StretchFiguresSerializer()
    channels = NamedFiguresSerializer(many=True, help_text="Of the time since `channels_since`, most segments first.")
    users = NamedFiguresSerializer(many=True, help_text="Of the time since `users_since`, the last days of a long one.")
    channels_since = serializers.DateTimeField(help_text="A whole hour, as the next is.")
    users_since = serializers.DateTimeField()
    stages_of = serializers.CharField(help_text="The pipeline whose stages are told, where there are several.")


class AlertFiguresSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    title = serializers.CharField()
    subject = serializers.CharField()
    of = serializers.CharField(help_text="The subject's own name: a pipeline, an operation or a store.")
    state = serializers.CharField()
    value = serializers.CharField(help_text="With its unit, as the next two are.")
    worst = serializers.CharField()
    threshold = serializers.CharField()
    opened_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField()


class ThresholdSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    unit = serializers.CharField()
    threshold = serializers.FloatField()
    window_minutes = serializers.IntegerField(allow_null=True, help_text="Null where the figures are those of now.")
    subjects = serializers.ListField(child=serializers.CharField())


class AlarmsSerializer(serializers.Serializer[Any]):
    ongoing = AlertFiguresSerializer(many=True)
    past = AlertFiguresSerializer(many=True, help_text="The last few that are over.")
    thresholds = ThresholdSerializer(many=True)


class QueueFiguresSerializer(serializers.Serializer[Any]):
    queue = serializers.CharField()
    waiting = serializers.IntegerField()
    at = serializers.DateTimeField()


class OperationFiguresSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField()
    about = serializers.CharField()
    count = serializers.IntegerField()
    failures = serializers.IntegerField()
    p50_ms = serializers.FloatField()
    p95_ms = serializers.FloatField()
    p99_ms = serializers.FloatField()


class TierFiguresSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    bytes = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    newest = serializers.DateTimeField(allow_null=True)
    filled_until = serializers.DateTimeField(allow_null=True)
    behind = serializers.IntegerField(help_text="Hours or days that are over and have not come into it.")
    is_late = serializers.BooleanField()


class LossesSerializer(serializers.Serializer[Any]):
    segments_dropped = serializers.IntegerField(allow_null=True)
    hours_lost = serializers.IntegerField(
        allow_null=True, help_text="Hours of companies of which Redis lost segments before they were filled."
    )


class MissingSerializer(serializers.Serializer[Any]):
    part = serializers.ChoiceField(choices=list(PARTS))
    message = serializers.CharField()


class ReadingSerializer(serializers.Serializer[Any]):
    """A part that cannot be read just now is not there, and is in `missing`."""

    at = serializers.DateTimeField()
    timezone = serializers.CharField(help_text="That of hours and days: UTC.")
    segments = SegmentFiguresSerializer(required=False)
    alerts = AlarmsSerializer(required=False)
    intake = IntakeStatsSerializer(required=False)
    queues = QueueFiguresSerializer(many=True, required=False)
    operations = OperationFiguresSerializer(many=True, required=False)
    tiers = TierFiguresSerializer(many=True, required=False)
    losses = LossesSerializer(required=False)
    missing = MissingSerializer(many=True)


class Dashboard(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits: ClassVar = {"GET": "dashboard.read"}

    @extend_schema(parameters=[QuestionSerializer], responses=ReadingSerializer)
    def get(self, request: Request) -> Response:
        """Figures over time of one's own company, its alerts, and how the server does that all companies share."""
        question = dashboard.question_of(request.query_params.dict())
        return Response(dashboard.read(tenant_of(request).pk, question))
