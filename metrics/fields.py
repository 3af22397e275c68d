"""What several apps take over REST, and take alike."""

import math
from typing import Any

from rest_framework import serializers


class PlatformField(serializers.RegexField):
    """What a caller calls a platform. One word, so that a platform and an id on it can be written in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^\S+\Z", max_length=64, error_messages={"invalid": "One word, without spaces."}, **options)


class FiniteField(serializers.FloatField):
    """A number that JSON can say."""

    def to_internal_value(self, data: Any) -> float:
        number = super().to_internal_value(data)
        if isinstance(data, str | bool) or not math.isfinite(number):
            raise serializers.ValidationError("A finite number.")
        return float(number)


class ExactField(serializers.CharField):
    """Text as it is: a number or a truth is none, nor are blanks alone, and half a surrogate pair cannot be kept."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = str(super().to_internal_value(data))
        if text and not text.strip():
            self.fail("blank")
        return text
