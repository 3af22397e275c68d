"""The door to search over REST."""

import base64
import binascii
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from calls import search
from calls.matching import MOST_BY_MEANING, MOST_BY_WORDS
from calls.queries import LONGEST_QUERY
from calls.search import Counts, Filters, Hit, Meaning
from calls.serializers import MomentField, ShareField

USUAL_LIMIT = 100
MOST_OFFSET = MOST_BY_WORDS + MOST_BY_MEANING
_PARAMETERS = [
    OpenApiParameter("q", str, required=True, description='What was said: `"money back" or refund -voucher`'),
    OpenApiParameter("from", OpenApiTypes.STR, description="Calls that began then or later: a day or a time, UTC"),
    OpenApiParameter("to", OpenApiTypes.STR, description="Calls that began on this day or before; or before a time"),
    OpenApiParameter("status", str, description="The id of a call status"),
    OpenApiParameter("speaker", str),
    OpenApiParameter("emotion", str, description="As it was estimated"),
    OpenApiParameter("suspicion", float, description="Calls at least so suspicious, from 0 to 1"),
    OpenApiParameter("platform", str),
    OpenApiParameter("limit", int, description=f"From 1 to {search.MOST_HITS}; {USUAL_LIMIT} when it is not given"),
    OpenApiParameter("cursor", str, description="From `next` or `previous`"),
]


class CursorField(serializers.Field[int, str, str, Any]):
    """How many hits come before the page."""

    def to_internal_value(self, data: str) -> int:
        try:
            offset = base64.urlsafe_b64decode(data.encode("ascii")).decode("ascii")
        except (ValueError, binascii.Error):
            offset = ""
        if not (offset.isdigit() and len(offset) < 5 and int(offset) <= MOST_OFFSET):
            raise serializers.ValidationError("Not one from `next` or `previous`.")
        return int(offset)


def cursor_of(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


class AskedSerializer(serializers.Serializer[dict[str, Any]]):
    q = serializers.CharField(max_length=LONGEST_QUERY)
    status = serializers.CharField(max_length=255, required=False)
    speaker = serializers.CharField(max_length=255, required=False)
    emotion = serializers.CharField(max_length=255, required=False)
    suspicion = ShareField(required=False)
    platform = serializers.CharField(max_length=255, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=search.MOST_HITS, default=USUAL_LIMIT)
    cursor = CursorField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # No name in a class body, one of them being a word of Python's.
        moments = {
            "from": MomentField(ends=False, required=False, source="start"),
            "to": MomentField(ends=True, required=False, source="end"),
        }
        return super().get_fields() | moments


class HitSerializer(serializers.Serializer[Hit]):
    call_id = serializers.CharField()
    id = serializers.IntegerField(source="number", help_text="The number of the call.")
    subject = serializers.CharField()
    call_start_time = serializers.DateTimeField()
    segment_id = serializers.CharField()
    speaker = serializers.CharField()
    text = serializers.CharField()
    highlights = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="Where the words stand: [start, end) in characters (Unicode code points) of the text.",
    )
    start_time = serializers.FloatField(help_text="Seconds from the start of the call.")
    end_time = serializers.FloatField()
    emotion = serializers.CharField(help_text="An estimate; empty where there is none.")
    matched = serializers.ListField(child=serializers.ChoiceField(choices=["words", "meaning"]))
    score = serializers.FloatField(help_text="Only to be compared within one answer.")
    url = serializers.CharField(help_text="The page of the call, at this second.")


class MeaningSerializer(serializers.Serializer[Meaning]):
    searched = serializers.BooleanField(help_text="Whether meaning was searched too, not words alone.")
    reason = serializers.ChoiceField(
        choices=["off", "embedder_away", "too_slow", "no_words"], allow_null=True, help_text="Why not."
    )


class CountsSerializer(serializers.Serializer[Counts]):
    segments = serializers.IntegerField()
    calls = serializers.IntegerField()
    is_all = serializers.BooleanField(help_text="False when there are more than are counted and shown.")
    status = serializers.DictField(child=serializers.IntegerField(), help_text="Value → segments.")
    speaker = serializers.DictField(child=serializers.IntegerField())
    emotion = serializers.DictField(child=serializers.IntegerField())
    platform = serializers.DictField(child=serializers.IntegerField())


class FoundSerializer(serializers.Serializer[dict[str, Any]]):
    results = HitSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    meaning = MeaningSerializer()
    counts = CountsSerializer()


class Search(APIView):
    capabilities: ClassVar = {"GET": "calls.read"}
    audits: ClassVar = {"GET": "calls.searched"}
    throttle_scope = "searches"

    @extend_schema(operation_id="search", parameters=_PARAMETERS, responses=FoundSerializer)
    def get(self, request: Request) -> Response:
        """What was said in the calls that you may see, found by its words and by its meaning, best first."""
        # A form that is sent has a name for what was left empty.
        given = {name: value for name, value in request.query_params.items() if value or name == "q"}
        asked = AskedSerializer(data=given)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        typed, limit, offset = values.pop("q"), values.pop("limit"), values.pop("cursor", 0)
        found = search.search(request.user, typed, filters=Filters(**values), limit=limit, offset=offset)
        address = request.build_absolute_uri()
        answer: dict[str, Any] = {
            "results": found.hits,
            "next": None,
            "previous": None,
            "meaning": found.meaning,
            "counts": found.counts,
        }
        if offset + limit < found.counts.segments:
            answer["next"] = replace_query_param(address, "cursor", cursor_of(offset + limit))
        if offset > limit:
            answer["previous"] = replace_query_param(address, "cursor", cursor_of(offset - limit))
        elif offset:
            answer["previous"] = remove_query_param(address, "cursor")
        return Response(FoundSerializer(answer).data)
