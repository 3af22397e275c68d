from typing import Any

from rest_framework import serializers

from calls.documents import Call, Emotion, Flag, FlagReview, Segment, Speaker, Suspicion, Word


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
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
