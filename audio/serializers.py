import math
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from django.utils import timezone
from rest_framework import serializers

from audio import consents, gaps, headers, manifest, peaks, rollups, sessions
from audio.models import AudioChunk, AudioSession, RecordingConsent, RecordingPolicy
from audio.states import KIND_OF_STAGE, GapCause, VerdictState
from calls.serializers import PhoneField
from metrics.fields import PlatformField

LARGEST_METADATA_BYTES = 16 * 1024
# A clock that is further ahead than this is wrong.
LATEST_AHEAD = timedelta(minutes=1)


class NewCallSerializer(serializers.Serializer[dict[str, Any]]):
    """What the sender knows of the call that is recorded."""

    call_id = serializers.RegexField(r"^[A-Za-z0-9._:@-]{1,255}\Z", required=False)
    subject = serializers.CharField(max_length=255, required=False, allow_blank=True)
    type = serializers.CharField(max_length=32, required=False)
    direction = serializers.ChoiceField(choices=["inbound", "outbound", "internal", ""], required=False)
    platform = PlatformField(required=False)
    language = serializers.CharField(max_length=16, required=False)
    external_user_id = serializers.CharField(max_length=255, required=False)
    phone = PhoneField(required=False)


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


class ChunkFormSerializer(serializers.Serializer[dict[str, Any]]):
    """The form of the older upload endpoint."""

    audio_chunk = serializers.FileField(allow_empty_file=True)
    session_id = serializers.UUIDField()
    chunk_index = serializers.IntegerField(min_value=0, max_value=sessions.MOST_CHUNKS - 1)
    start_time = serializers.FloatField(min_value=0, max_value=headers.LATEST_START_SECONDS, required=False)


class StoredChunkSerializer(serializers.Serializer[dict[str, Any]]):
    """The answer of the older upload endpoint; `duration` in seconds."""

    success = serializers.BooleanField()
    chunk_index = serializers.IntegerField()
    s3_key = serializers.CharField()
    duration = serializers.FloatField()


class SessionCompleteSerializer(TotalChunksSerializer):
    session_id = serializers.UUIDField()


class DoneSerializer(serializers.Serializer[dict[str, Any]]):
    success = serializers.BooleanField()
    message = serializers.CharField()


class GapSerializer(serializers.Serializer[dict[str, Any]]):
    """Seconds on the recording's own line; without an end it goes on."""

    start = serializers.FloatField(min_value=0, max_value=headers.LATEST_START_SECONDS)
    end = serializers.FloatField(
        min_value=0, max_value=headers.LATEST_START_SECONDS, required=False, allow_null=True, default=None
    )
    cause = serializers.ChoiceField(choices=GapCause.choices)
    reason = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")


class ConsentSerializer(serializers.ModelSerializer[RecordingConsent]):
    class Meta:
        model = RecordingConsent
        fields = ("given", "by", "wording", "at")
        read_only_fields = fields


class NewConsentSerializer(serializers.Serializer[dict[str, Any]]):
    given = serializers.BooleanField()
    by = serializers.CharField(max_length=150, help_text="Who said so.")
    wording = serializers.CharField(max_length=2000, help_text="What they were asked.")
    at = serializers.DateTimeField(required=False)

    def validate_at(self, at: datetime) -> datetime:
        if not headers.EARLIEST_CAPTURE <= at <= timezone.now() + LATEST_AHEAD:
            raise serializers.ValidationError("Not a time of this century that has come.")
        return at


class UploadTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(source="secret", help_text="For `Authorization: Bearer`, with this recording alone.")
    expires_at = serializers.DateTimeField()
    renewable_until = serializers.DateTimeField(help_text="Until then it can be exchanged for a fresh one.")


class ToldGapSerializer(serializers.Serializer[Any]):
    start = serializers.FloatField()
    end = serializers.FloatField(allow_null=True)
    cause = serializers.ChoiceField(choices=GapCause.choices)
    reason = serializers.CharField()


class VerdictSerializer(serializers.Serializer[Any]):
    """Whether all of the recording is here; seconds on its own line."""

    state = serializers.ChoiceField(choices=VerdictState.choices)
    gaps = ToldGapSerializer(many=True)
    owed = serializers.ListField(child=serializers.IntegerField())


class TotalsSerializer(serializers.Serializer[Any]):
    """`duration` is the length of the recording's line in seconds, gaps included."""

    duration = serializers.FloatField()
    sound_seconds = serializers.FloatField()
    stored_chunks = serializers.IntegerField()
    late_chunks = serializers.IntegerField()


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
            "verdict_state",
            "s3_base_key",
            "channels",
            "metadata",
            "erased_side",
            "sound_removed_at",
            "created_at",
            "updated_at",
        )
        read_only_fields: tuple[str, ...] = fields


class SessionSerializer(SessionInListSerializer):
    """With what each takes a look at the chunks: whether all of them are here, and what was found in them."""

    verdict = VerdictSerializer(read_only=True)
    owed = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    totals = TotalsSerializer(read_only=True)
    analysis = serializers.DictField(read_only=True)
    paused = serializers.BooleanField(read_only=True)
    consent = ConsentSerializer(read_only=True, allow_null=True)
    consent_required = serializers.BooleanField(read_only=True)
    consent_wording = serializers.CharField(read_only=True)

    class Meta(SessionInListSerializer.Meta):
        fields = (
            *SessionInListSerializer.Meta.fields,
            "verdict",
            "owed",
            "totals",
            "analysis",
            "paused",
            "consent",
            "consent_required",
            "consent_wording",
        )
        read_only_fields = fields

    def to_representation(self, session: AudioSession) -> dict[str, Any]:
        whole = sessions.manifest_of(session)
        verdict = manifest.verdict(whole)
        policy = RecordingPolicy.of_session(session)
        consent = consents.latest(session)
        return {
            **_plain_serializer().to_representation(session),
            "verdict": verdict,
            "owed": verdict["owed"],
            "totals": {
                "duration": round(whole.duration, 6),
                "sound_seconds": round(whole.sound_seconds, 6),
                "stored_chunks": len(whole.spans),
                "late_chunks": whole.late,
            },
            "analysis": rollups.of(session),
            "paused": gaps.is_paused(session, whole),
            "consent": None if consent is None else ConsentSerializer(consent).data,
            "consent_required": policy.consent_required,
            "consent_wording": policy.consent_wording,
        }


@cache
def _plain_serializer() -> SessionInListSerializer:
    """Made once, as the one of chunks is."""
    return SessionInListSerializer()


class PlaceField(serializers.FloatField):
    """Seconds on a recording's line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=headers.LATEST_START_SECONDS, **options)

    def to_internal_value(self, data: Any) -> float:
        # No comparison says no to what is no number.
        if not math.isfinite(place := super().to_internal_value(data)):
            self.fail("invalid")
        return place


class PeaksQuerySerializer(serializers.Serializer[dict[str, Any]]):
    points = serializers.IntegerField(
        min_value=1, max_value=peaks.MOST_POINTS, default=2000, help_text="At most so many, of each channel."
    )
    start = PlaceField(default=0.0, help_text="From there on; from the beginning when absent.")
    end = PlaceField(required=False, help_text="Up to there; to the end when absent.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("end", math.inf) <= given["start"]:
            raise serializers.ValidationError({"end": "It is to be after the start."})
        return given


class PlayedQuerySerializer(serializers.Serializer[dict[str, Any]]):
    originals = serializers.BooleanField(
        default=False, help_text="With what is masked; for who may hear it, and written down in the audit log."
    )


class MaskedSerializer(serializers.Serializer[Any]):
    """From `start` to `end`: silent in `channel`, or in all when it is null, since it is masked in the transcript."""

    start = serializers.FloatField()
    end = serializers.FloatField()
    channel = serializers.IntegerField(min_value=0, max_value=1, allow_null=True)
    kinds = serializers.ListField(child=serializers.CharField(), help_text="As in the transcript's masks.")


class WaveformSerializer(serializers.Serializer[Any]):
    """How loud each channel is, from `start` to `end` in seconds on the recording's line, which is `duration` long.

    A point is the square root of the largest amplitude in `seconds_per_point`, in 255ths, and never finer than 50 ms;
    0 where it is `missing`, a list of starts and ends: in gaps, and where nothing has come or been measured. What is
    `masked` is silent in it for everybody.
    """

    duration = serializers.FloatField()
    channels = serializers.IntegerField(min_value=1, max_value=2)
    start = serializers.FloatField()
    end = serializers.FloatField()
    seconds_per_point = serializers.FloatField()
    peaks = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(min_value=0, max_value=255)),
        help_text="By channel; of two the agent's is the first.",
    )
    missing = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    )
    masked = MaskedSerializer(many=True)
    is_being_made = serializers.BooleanField(help_text="More of it will be here: ask again in a moment.")


class RetrySerializer(serializers.Serializer[dict[str, Any]]):
    stage = serializers.ChoiceField(
        choices=list(KIND_OF_STAGE),
        required=False,
        help_text="From which stage on; what hangs on it is done again too. From the start when absent.",
    )


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
            "codec",
            "is_late",
            "declared_seconds",
            "decoded_seconds",
            "file_size_bytes",
            "compressed_size_bytes",
            "compression_ratio",
            "checksum",
            "stored_checksum",
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


def told_of(chunk: AudioChunk) -> dict[str, Any]:
    """What is told of a chunk, over REST and to who watches."""
    told: dict[str, Any] = _serializer().to_representation(chunk)
    return told


@cache
def _serializer() -> ChunkSerializer:
    """Made once: to make its fields takes several times as long as to read a chunk by them."""
    return ChunkSerializer()
