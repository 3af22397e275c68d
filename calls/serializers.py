import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast, get_args

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from calls import metadata_rules, phone_numbers, segment_rules
from calls.documents import (
    Act,
    Call,
    CallState,
    ContactMatch,
    Emotion,
    Flag,
    FlagReview,
    HistoryEntry,
    Note,
    Redaction,
    Segment,
    Speaker,
    Suspicion,
    Word,
)
from metrics.fields import ExactField, FiniteField, PlatformField

CALL_STATES: Final = get_args(CallState)
# What 64 bits hold.
LARGEST_ID: Final = 2**63 - 1
# More characters no moment has; cut, they are none.
LONGEST_MOMENT: Final = 64


class WordSerializer(serializers.Serializer[Word]):
    text = serializers.CharField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    confidence = serializers.FloatField()


class RedactionSerializer(serializers.Serializer[Redaction]):
    """A mask in the text: offsets in characters, and when what it hides was said."""

    kind = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    start_time = serializers.FloatField(allow_null=True)
    end_time = serializers.FloatField(allow_null=True)


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
    redactions = RedactionSerializer(many=True, required=False)
    corrected = serializers.BooleanField(required=False, help_text="A person has said so.")
    provisional = serializers.BooleanField(
        required=False, help_text="What comes next may change it: the recording goes on in mid-sentence."
    )


class EmotionSerializer(serializers.Serializer[Emotion]):
    segment_id = serializers.CharField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    emotion = serializers.CharField(help_text="An estimate; `unknown` where nothing could be told.")
    score = serializers.FloatField()
    method = serializers.CharField(help_text="Upon what the estimate rests.")
    engine = serializers.CharField()
    model = serializers.CharField()
    version = serializers.CharField()


class CallEmotionsSerializer(serializers.Serializer[dict[str, Any]]):
    estimate = serializers.BooleanField(help_text="Always true: nobody measured what anybody felt.")
    emotions = EmotionSerializer(many=True)
    final_emotions = serializers.DictField(child=serializers.FloatField())


class FlagSerializer(serializers.Serializer[Flag]):
    flag_id = serializers.CharField()
    rule = serializers.CharField()
    kind = serializers.CharField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    weight = serializers.FloatField()
    evidence = serializers.CharField()


class FlagReviewSerializer(serializers.Serializer[FlagReview]):
    flag_id = serializers.CharField(read_only=True)
    verdict = serializers.ChoiceField(choices=["right", "wrong"])
    by = serializers.IntegerField(read_only=True)
    at = serializers.DateTimeField(read_only=True)


class SuspicionSerializer(serializers.Serializer[Suspicion]):
    score = serializers.FloatField(help_text="0 to 1. Flags that a reviewer called wrong do not count.")
    reasons = FlagSerializer(many=True)
    reviews = FlagReviewSerializer(many=True)


class SpeakerSerializer(serializers.Serializer[Speaker]):
    speaker = serializers.CharField()
    seconds = serializers.FloatField()


class PhoneField(serializers.CharField):
    """As it was typed; digits and what people put between them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=phone_numbers.LONGEST_PHONE, **options)

    def to_internal_value(self, data: Any) -> str:
        phone = super().to_internal_value(data)
        if not phone_numbers.is_phone(phone):
            raise serializers.ValidationError("A phone has from 3 to 20 digits, spaces and signs between them.")
        return phone


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
    contact_match = serializers.ChoiceField(
        choices=get_args(ContactMatch),
        allow_null=True,
        help_text="By what one knows whose it is; `several`: more than one contact has this phone, so it is nobody's.",
    )
    external_user_id = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True, help_text="The customer's.")
    status = serializers.ChoiceField(choices=CALL_STATES)
    summary = serializers.CharField()
    metadata = serializers.DictField()
    conversation = SegmentSerializer(many=True)
    emotions = EmotionSerializer(many=True, required=False)
    final_emotions = serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text="The share that each emotion has of the time whose emotion is known, by estimate.",
    )
    suspicion = SuspicionSerializer(required=False)
    speakers = SpeakerSerializer(many=True, required=False)
    verdict = serializers.DictField(
        required=False, allow_null=True, help_text="Whether all of the recording is here; once it has ended."
    )
    times_estimated = serializers.BooleanField(
        required=False, help_text="The source has no times; they are guessed from the length of what is written."
    )
    version = serializers.IntegerField(help_text="Of what people have changed; name it to change the call.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ListedCallSerializer(CallSerializer):
    conversation = None  # type: ignore[assignment]
    emotions = None  # type: ignore[assignment]
    suspicion = None  # type: ignore[assignment]
    suspicion_score = serializers.FloatField(allow_null=True)


@extend_schema_field(OpenApiTypes.STR)
class MomentField(serializers.Field[datetime, str, str, Any]):
    """A day or a time in ISO 8601, UTC where it does not say. `ends`: a day means its end."""

    def __init__(self, *, ends: bool, **options: Any) -> None:
        super().__init__(**options)
        self.ends = ends

    def to_internal_value(self, data: str) -> datetime:
        try:
            if day := parse_date(data[:LONGEST_MOMENT]):
                return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=self.ends)
            moment = parse_datetime(data[:LONGEST_MOMENT])
            if moment is not None:
                # A naive one is given UTC, any other is brought to it.
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError("A day as 2026-11-30, or a time as 2026-11-30T09:00:00Z.")


class ShareField(serializers.FloatField):
    """From 0 to 1."""

    def to_internal_value(self, data: Any) -> float:
        share = super().to_internal_value(data)
        if not (math.isfinite(share) and 0 <= share <= 1):
            raise serializers.ValidationError("A number from 0 to 1.")
        return share


class MetadataField(serializers.DictField):
    """What a caller keeps with a call, by `metadata_rules`."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = super().to_internal_value(data)
        if fault := metadata_rules.fault_of(given):
            raise serializers.ValidationError(fault)
        return dict(given)


class NewWordSerializer(serializers.Serializer[Word]):
    text = ExactField(max_length=255)
    start_time = FiniteField()
    end_time = FiniteField()
    confidence = FiniteField(default=1.0)


class NewSegmentSerializer(serializers.Serializer[Segment]):
    segment_id = ExactField(max_length=64)
    speaker = ExactField(max_length=64)
    text = ExactField(max_length=segment_rules.LONGEST_TEXT, trim_whitespace=False)
    start_time = FiniteField()
    end_time = FiniteField()
    confidence = FiniteField(default=1.0)
    words = NewWordSerializer(many=True, required=False)


class _SegmentsField(serializers.ListField):
    """Counted before each is looked at."""

    child = NewSegmentSerializer()

    def to_internal_value(self, data: Any) -> list[Segment]:
        if isinstance(data, list) and len(data) > segment_rules.MOST_AT_ONCE:
            raise serializers.ValidationError(f"At most {segment_rules.MOST_AT_ONCE} at a time; send them in pieces.")
        given = super().to_internal_value(data)
        return [cast("Segment", dict(one)) for one in given]


class NewSegmentsSerializer(serializers.Serializer[dict[str, Any]]):
    segments = _SegmentsField(allow_empty=False)


_LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z"


class CallDetailsSerializer(serializers.Serializer[dict[str, Any]]):
    """What a person or a program may say of a call."""

    subject = serializers.CharField(max_length=255, required=False, allow_blank=True)
    summary = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    type = serializers.CharField(max_length=64, required=False)
    direction = serializers.ChoiceField(choices=["inbound", "outbound", "internal", ""], required=False)
    language = serializers.RegexField(_LANGUAGE, max_length=35, required=False)
    owner_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, required=False, allow_null=True)
    assigned_to_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, required=False, allow_null=True)
    external_user_id = serializers.CharField(
        max_length=255, required=False, allow_null=True, trim_whitespace=False, help_text="What a platform calls whom."
    )
    phone = PhoneField(required=False, allow_null=True, help_text="The customer's, by which their contact is found.")
    metadata = MetadataField(required=False)


class ImportedCallSerializer(CallDetailsSerializer):
    call_id = serializers.RegexField(
        r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}\Z", required=False, help_text="Yours; one is made when you give none."
    )
    platform = PlatformField(required=False)
    status = serializers.ChoiceField(choices=CALL_STATES, required=False)
    status_id = serializers.CharField(max_length=19, required=False, allow_null=True)
    start_time = serializers.DateTimeField(required=False)
    end_time = serializers.DateTimeField(required=False, allow_null=True)
    duration = FiniteField(min_value=0.0, max_value=segment_rules.LATEST_SECONDS, required=False)
    segments = _SegmentsField(required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        start, end = given.get("start_time"), given.get("end_time")
        if start and end and end < start:
            raise serializers.ValidationError({"end_time": ["It ends before it begins."]})
        return given


class CallChangeSerializer(CallDetailsSerializer):
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_ID)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.keys() == {"version"}:
            raise serializers.ValidationError({"subject": ["Say what is to be changed: this or another field."]})
        return given


class MoveSerializer(serializers.Serializer[dict[str, Any]]):
    status_id = serializers.CharField(max_length=19, allow_null=True, help_text="null for no status.")
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_ID, required=False)


class CorrectionSerializer(serializers.Serializer[dict[str, Any]]):
    text = serializers.CharField(max_length=4000, required=False)
    speaker = serializers.CharField(max_length=64, required=False)
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_ID, required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "text" not in given and "speaker" not in given:
            raise serializers.ValidationError({"text": ["Say what is said, or by `speaker` who says it."]})
        return given


class RenameSerializer(serializers.Serializer[dict[str, Any]]):
    to = serializers.CharField(max_length=64)
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_ID, required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # A word of Python's own.
        return {"from": serializers.CharField(max_length=64), **super().get_fields()}


class NoteSerializer(serializers.Serializer[Note]):
    note_id = serializers.CharField(read_only=True)
    text = serializers.CharField(max_length=4000)
    by = serializers.IntegerField(read_only=True, allow_null=True, help_text="null for one who has been erased.")
    at = serializers.DateTimeField(read_only=True)


class HistorySerializer(serializers.Serializer[HistoryEntry]):
    act = serializers.ChoiceField(choices=get_args(Act))
    by = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField()
    about = serializers.CharField(required=False)
    before = serializers.JSONField(required=False)
    after = serializers.JSONField(required=False)


class OriginalsSerializer(serializers.Serializer[dict[str, Any]]):
    segment_id = serializers.CharField()
    speaker = serializers.CharField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    text = serializers.CharField(help_text="As it was said.")
    masked = serializers.CharField(help_text="As everybody else reads it.")


class CallFilterSerializer(serializers.Serializer[dict[str, Any]]):
    status = serializers.RegexField(
        r"^(none|[0-9]{1,18})\Z", required=False, help_text="A status' number, or `none` for calls without one."
    )
    state = serializers.ChoiceField(choices=CALL_STATES, required=False)
    user_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    assigned_to_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    contact_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    session_id = serializers.CharField(required=False, max_length=64)
    since = serializers.DateTimeField(required=False, help_text="Begun then or later.")
    until = serializers.DateTimeField(required=False, help_text="Begun before then.")


def page_of(item: type[serializers.Serializer[Any]], name: str) -> type[serializers.Serializer[Any]]:
    """The shape of a list by cursor."""
    fields = {
        "results": item(many=True),
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
    }
    return type(name, (serializers.Serializer,), fields)
