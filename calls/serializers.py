from typing import Any

from rest_framework import serializers

from calls.documents import Call, Segment, Word


class WordSerializer(serializers.Serializer[Word]):
    text = serializers.CharField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    confidence = serializers.FloatField()


class SegmentSerializer(serializers.Serializer[Segment]):
    segment_id = serializers.CharField()
    speaker = serializers.CharField()
    text = serializers.CharField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    confidence = serializers.FloatField()
    words = WordSerializer(many=True, required=False)
    chunk_index = serializers.IntegerField(required=False)
    engine = serializers.CharField(required=False)


class PlatformField(serializers.RegexField):
    """What a caller calls a platform. One word, so that a platform and an id on it can be written in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^\S+\Z", max_length=64, error_messages={"invalid": "One word, without spaces."}, **options)


class CallSerializer(serializers.Serializer[Call]):
    call_id = serializers.CharField()
    id = serializers.IntegerField()
    session_id = serializers.CharField(allow_null=True)
    subject = serializers.CharField()
    type = serializers.CharField()
    direction = serializers.CharField()
    platform = serializers.CharField()
    language = serializers.CharField()
    status_id = serializers.CharField(allow_null=True)
    start_time = serializers.DateTimeField()
    end_time = serializers.DateTimeField(allow_null=True)
    duration = serializers.FloatField()
    owner_id = serializers.IntegerField(allow_null=True)
    user_id = serializers.IntegerField(allow_null=True)
    assigned_to_id = serializers.IntegerField(allow_null=True)
    contact_id = serializers.IntegerField(allow_null=True)
    external_user_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=["in_progress", "completed", "failed"])
    summary = serializers.CharField()
    metadata = serializers.DictField()
    conversation = SegmentSerializer(many=True)
    verdict = serializers.DictField(
        required=False, allow_null=True, help_text="Whether all of the recording is here; once it has ended."
    )
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
