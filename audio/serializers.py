from typing import Any

import orjson
from rest_framework import serializers

from audio import sessions
from audio.models import AudioChunk, AudioSession
from calls.serializers import PlatformField

LARGEST_METADATA_BYTES = 16 * 1024


class NewCallSerializer(serializers.Serializer[dict[str, Any]]):
    """What the sender knows of the call that is recorded."""

    call_id = serializers.RegexField(r"^[A-Za-z0-9._:@-]{1,255}$", required=False)
    subject = serializers.CharField(max_length=255, required=False, allow_blank=True)
    type = serializers.CharField(max_length=32, required=False)
    direction = serializers.ChoiceField(choices=["inbound", "outbound", "internal", ""], required=False)
    platform = PlatformField(required=False)
    language = serializers.CharField(max_length=16, required=False)
    external_user_id = serializers.CharField(max_length=255, required=False)


class NewSessionSerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.UUIDField(required=False)
    test_session_id = serializers.CharField(max_length=255, required=False, allow_blank=True)
    channels = serializers.IntegerField(min_value=1, max_value=2, required=False)
    call = NewCallSerializer(required=False)
    metadata = serializers.DictField(required=False)

    def validate_metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        if len(orjson.dumps(metadata)) > LARGEST_METADATA_BYTES:
            raise serializers.ValidationError(f"At most {LARGEST_METADATA_BYTES // 1024} KB.")
        return metadata


class TotalChunksSerializer(serializers.Serializer[dict[str, int]]):
    total_chunks = serializers.IntegerField(min_value=0, max_value=sessions.MOST_CHUNKS)


class SessionInListSerializer(serializers.ModelSerializer[AudioSession]):
    class Meta:
        model = AudioSession
        fields: tuple[str, ...] = (
            "id",
            "test_session_id",
            "call_id",
            "user_id",
            "start_time",
            "end_time",
            "total_duration_seconds",
            "total_chunks",
            "status",
            "s3_base_key",
            "channels",
            "metadata",
            "created_at",
            "updated_at",
        )
        read_only_fields: tuple[str, ...] = fields


class SessionSerializer(SessionInListSerializer):
    """With the indexes that are still owed, which each take a look at the chunks; the first thousand of them."""

    owed = serializers.SerializerMethodField()

    class Meta(SessionInListSerializer.Meta):
        fields = (*SessionInListSerializer.Meta.fields, "owed")
        read_only_fields = fields

    def get_owed(self, session: AudioSession) -> list[int]:
        return sessions.owed(session)[: sessions.MOST_NAMED]


class ChunkSerializer(serializers.ModelSerializer[AudioChunk]):
    class Meta:
        model = AudioChunk
        fields = (
            "id",
            "chunk_index",
            "start_time_seconds",
            "end_time_seconds",
            "duration_seconds",
            "first_sample",
            "last_sample",
            "sample_rate",
            "s3_key",
            "content_type",
            "file_size_bytes",
            "compressed_size_bytes",
            "compression_ratio",
            "checksum",
            "upload_status",
            "processing_status",
            "error",
            "attempts",
            "transcription",
            "speaker_count",
            "voice_activity_ratio",
            "suspicious_activity_score",
            "analysis_results",
            "captured_at",
            "received_at",
            "stored_at",
            "analysed_at",
            "transcribed_at",
            "announced_at",
            "created_at",
            "processed_at",
        )
        read_only_fields = fields
