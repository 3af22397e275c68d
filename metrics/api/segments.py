"""Segments taken in over REST."""

from typing import Any, ClassVar

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from metrics import intake
from metrics.errors import TooManySegments
from metrics.fields import PlatformField
from metrics.intake import ItemError
from metrics.segments import Pipeline

SEGMENT_PIPELINES = [str(one) for one in Pipeline]
# Some four times what a thousand segments with long ids take.
LARGEST_BODY_BYTES = 4 * 2**20
_MILLISECONDS: Any = {"min_value": 0, "max_value": intake.LONGEST_MS, "required": False}
_LANGUAGE = "ISO 639, with a script or region where it matters: `he`, `pt-BR`. Of `dubbing` {usual} unless given."


class SegmentsParser(JSONParser):
    """JSON in which a number may be NaN or infinite: only the segment that has it is refused for it."""

    strict = False

    def parse(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().parse(*arguments, **options)
        except RecursionError as error:
            raise ParseError("This is nested too deeply.") from error


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "number", "minimum": 0, "maximum": intake.LONGEST_MS},
        "maxProperties": intake.MOST_STAGES,
    }
)
class StagesField(serializers.Field[Any, Any, Any, Any]):
    """Milliseconds by stage."""


class NewMetricsSegmentSerializer(serializers.Serializer[Any]):
    """How a segment is sent; `metrics.intake` checks it, each by itself."""

    segment_id = serializers.CharField(
        max_length=intake.LONGEST_ID, help_text="An id of your own, which counts once in its channel and session."
    )
    channel_id = serializers.CharField(max_length=intake.LONGEST_ID)
    session_id = serializers.CharField(max_length=intake.LONGEST_ID)
    user_id = serializers.CharField(max_length=intake.LONGEST_ID, help_text="What the platform calls the person.")
    platform = PlatformField(default=intake.USUAL_PLATFORM)
    pipeline = serializers.ChoiceField(choices=SEGMENT_PIPELINES, default=str(Pipeline.DUBBING))
    received_at = serializers.DateTimeField(required=False, help_text="Now unless given; 24 hours ago at the earliest.")
    processing_started_at = serializers.DateTimeField(required=False, allow_null=True)
    processing_ended_at = serializers.DateTimeField(required=False, allow_null=True)
    extraction_ms = serializers.FloatField(**_MILLISECONDS)
    dubbing_ms = serializers.FloatField(**_MILLISECONDS)
    reinsertion_ms = serializers.FloatField(**_MILLISECONDS)
    stages = StagesField(required=False, help_text="Of `audio` only: milliseconds by stage.")
    total_ms = serializers.FloatField(**_MILLISECONDS, help_text="The sum of the stages unless given.")
    duration_s = serializers.FloatField(
        min_value=0, max_value=intake.LONGEST_S, required=False, help_text="15 of `dubbing`, 0 of `audio` unless given."
    )
    original_bytes = serializers.IntegerField(min_value=0, max_value=intake.LARGEST_BYTES, default=0)
    dubbed_bytes = serializers.IntegerField(min_value=0, max_value=intake.LARGEST_BYTES, default=0)
    source_language = serializers.CharField(required=False, help_text=_LANGUAGE.format(usual="`he`"))
    target_language = serializers.CharField(required=False, help_text=_LANGUAGE.format(usual="`en`"))
    error = serializers.CharField(
        default="", allow_blank=True, max_length=intake.LONGEST_CODE, help_text="A short code, where it has failed."
    )
    retry_count = serializers.IntegerField(min_value=0, max_value=intake.MOST_RETRIES, default=0)


class SegmentErrorSerializer(serializers.Serializer[ItemError]):
    index = serializers.IntegerField(help_text="The place in the batch, from 0.")
    code = serializers.CharField()
    message = serializers.CharField()


class AcceptedSegmentsSerializer(serializers.Serializer[intake.Accepted]):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Those that had been sent before; they count once.")
    errors = SegmentErrorSerializer(many=True)  # type: ignore[assignment]


class SegmentIntake(APIView):
    capabilities: ClassVar = {"POST": "metrics.write"}
    audits = None  # Figures of a machine's work; what is kept of a person is an id, for a day.
    parser_classes = [SegmentsParser]  # noqa: RUF012

    @extend_schema(
        operation_id="send_segments",
        request=PolymorphicProxySerializer(
            component_name="SegmentBatch",
            serializers=[NewMetricsSegmentSerializer, NewMetricsSegmentSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        responses={202: AcceptedSegmentsSerializer},
    )
    def post(self, request: Request) -> Response:
        """Count a segment of the pipeline's work, or up to 1000 of them.

        What is right is kept whatever is wrong with the others. A segment may be sent again, after no answer or a 503
        with `Retry-After`: it counts once.
        """
        if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY_BYTES:
            raise TooManySegments(f"A batch has at most {LARGEST_BODY_BYTES} bytes; send it in pieces.")
        user: Any = request.user
        # A body of nothing is read as an object of nothing.
        sent = request.data or []
        items = sent if isinstance(sent, list) else [sent]
        accepted = intake.accept(user.tenant_id, items)
        return Response(AcceptedSegmentsSerializer(accepted).data, status=status.HTTP_202_ACCEPTED)
