from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from calls import intake, transcript_lines
from calls.serializers import PhoneField
from metrics.fields import PlatformField

CONVERSATION_STATES = ("queued", "stored", "failed")

_SAID = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "description": "Or `speaker`.", "maxLength": 60},
        "content": {"type": "string", "description": "Or `text`."},
        "start_time": {"type": "number", "minimum": 0, "description": "Seconds from the beginning."},
        "end_time": {"type": "number", "minimum": 0},
    },
    "required": ["role", "content"],
}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "minLength": 1, "maxLength": transcript_lines.MOST_CHARACTERS},
            {"type": "array", "minItems": 1, "maxItems": transcript_lines.MOST_LINES, "items": _SAID},
        ]
    }
)
class TranscriptField(serializers.Field[Any, Any, Any, Any]):
    """Lines as `Agent: …`, or a list of who said what; `transcript_lines` says whether it can be read."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class NewConversationSerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.CharField(
        required=False,
        max_length=64,
        help_text="An id of your own, with which the conversation may be sent again; it becomes that of the call. "
        "Letters, digits, dots, hyphens and underscores.",
    )
    user_id = serializers.CharField(
        max_length=intake.LONGEST_USER_ID, trim_whitespace=False, help_text="What the platform calls the person."
    )
    platform = PlatformField()
    phone = PhoneField(required=False, allow_null=True, help_text="The person's, by which their contact is found.")
    transcript = TranscriptField()
    summary = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=intake.LONGEST_SUMMARY, trim_whitespace=False
    )
    metadata = serializers.DictField(
        required=False, help_text="At most 16 kB of JSON; a key neither begins with $ nor holds a dot."
    )


class ConversationIdSerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.CharField()


class StandingSerializer(serializers.Serializer[intake.Standing]):
    id = serializers.CharField()
    status = serializers.ChoiceField(choices=CONVERSATION_STATES)


class DurationsSerializer(serializers.Serializer[dict[str, float]]):
    """Milliseconds, over the last 24 hours."""

    p50 = serializers.FloatField()
    p95 = serializers.FloatField()
    p99 = serializers.FloatField()


class IntakeAlertSerializer(serializers.Serializer[Any]):
    health = serializers.ChoiceField(choices=["warning", "critical"])
    figure = serializers.CharField()
    value = serializers.FloatField()
    threshold = serializers.FloatField()
    message = serializers.CharField()


class IntakeStatsSerializer(serializers.Serializer[Any]):
    queued = serializers.IntegerField(help_text="Of all companies together, which share the queue.")
    processing = serializers.IntegerField(help_text="What is being stored now, or will be tried again.")
    most_queued = serializers.IntegerField(help_text="With so many queued and processing, more are answered 503.")
    oldest_seconds = serializers.FloatField()
    completed = serializers.IntegerField(help_text="Of one's own company, since ever.")
    failed = serializers.IntegerField(help_text="Of one's own company, since ever.")
    dead = serializers.IntegerField(
        help_text="Those of one's own company that kept failing and were neither replayed nor discarded."
    )
    consumers = serializers.IntegerField(help_text="Processes that store what waits.")
    stored_per_second = serializers.FloatField(help_text="Over the last minute.")
    cache_hits = serializers.IntegerField(help_text="Texts whose vector was at hand.")
    enqueue = DurationsSerializer()
    store = DurationsSerializer(help_text="Of a batch.")
    wait = DurationsSerializer(help_text="From being queued to being stored.")
    health = serializers.ChoiceField(choices=["healthy", "warning", "critical"])
    alerts = IntakeAlertSerializer(many=True)
