"""What is asked of the dashboard: a stretch of time, and what it is narrowed to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rest_framework import serializers

from metrics.fields import ExactField
from metrics.intake import LONGEST_ID
from metrics.segments import Pipeline

RANGES: Final[Mapping[str, timedelta]] = {
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
USUAL_RANGE: Final = "24h"
# As far back as hours are kept, and the days of the archive can be read at once.
LONGEST: Final = timedelta(days=400)
# A chosen stretch is at least this long: there is nothing finer than minutes.
SHORTEST: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Question:
    """Empty texts narrow nothing. Either the `range` until now, or the stretch from `since` to `until`, UTC."""

    range: str = USUAL_RANGE
    since: datetime | None = None
    until: datetime | None = None
    channel_id: str = ""
    user_id: str = ""
    pipeline: str = ""

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        if self.since is not None and self.until is not None:
            return self.since, self.until
        return now - RANGES[self.range], now


class QuestionSerializer(serializers.Serializer[Any]):
    range = serializers.ChoiceField(
        choices=list(RANGES), default=USUAL_RANGE, help_text="The time until now; not heeded with `since` and `until`."
    )
    since = serializers.DateTimeField(required=False, default_timezone=UTC, help_text="With `until`: a fixed stretch.")
    until = serializers.DateTimeField(required=False, default_timezone=UTC)
    channel_id = ExactField(required=False, default="", max_length=LONGEST_ID, trim_whitespace=False)
    user_id = ExactField(required=False, default="", max_length=LONGEST_ID, trim_whitespace=False)
    pipeline = serializers.ChoiceField(choices=[one.value for one in Pipeline], required=False, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        since, until = attrs.get("since"), attrs.get("until")
        if since is None and until is None:
            return attrs
        if since is None or until is None:
            raise serializers.ValidationError({"since": ["A stretch has both a `since` and an `until`."]})
        if not SHORTEST <= until - since <= LONGEST:
            raise serializers.ValidationError({"until": [f"From two minutes to {LONGEST.days} days after `since`."]})
        return attrs


def question_of(query: Mapping[str, str]) -> Question:
    """What an address asks; a name without a value asks for nothing. Raises the framework's ValidationError."""
    given = QuestionSerializer(data={name: value for name, value in query.items() if value})
    given.is_valid(raise_exception=True)
    return Question(**given.validated_data)
