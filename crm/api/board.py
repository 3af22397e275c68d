"""The board over REST: column by column with filters, and all calls grouped by status in one answer."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from calls.serializers import CALL_STATES
from calls.store import Position
from crm import board, grouped
from crm.api.asking import given, person_of
from metrics import cursors

USUAL_LIMIT = 50
LARGEST_LIMIT = 200
USUAL_PER_STATUS = 100
MOST_PER_STATUS = 1000
_JSON_PARSERS: Any = api_settings.DEFAULT_PARSER_CLASSES


class PersonDetailsSerializer(serializers.Serializer[board.Person]):
    """Empty for nobody."""

    id = serializers.IntegerField(required=False)
    name = serializers.CharField(required=False)
    email = serializers.CharField(required=False)


class ContactDetailsSerializer(serializers.Serializer[board.Customer]):
    """Empty for nobody."""

    id = serializers.IntegerField(required=False)
    name = serializers.CharField(required=False)


class CardSerializer(serializers.Serializer[board.Card]):
    id = serializers.IntegerField()
    call_id = serializers.CharField()
    subject = serializers.CharField()
    type = serializers.CharField()
    direction = serializers.CharField()
    platform = serializers.CharField()
    language = serializers.CharField()
    status_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=CALL_STATES)
    start_time = serializers.DateTimeField()
    end_time = serializers.DateTimeField(allow_null=True)
    duration = serializers.FloatField(help_text="Seconds.")
    version = serializers.IntegerField(help_text="Name it to move the call.")
    suspicion_score = serializers.FloatField(allow_null=True)
    flags = serializers.ListField(child=serializers.CharField(), help_text="Kinds, three at most, weightiest first.")
    verdict_state = serializers.ChoiceField(choices=board.VERDICT_STATES, allow_null=True)
    contact_id = serializers.IntegerField(allow_null=True)
    external_user_id = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    owner_id = serializers.IntegerField(allow_null=True)
    user_id = serializers.IntegerField(allow_null=True)
    assigned_to_id = serializers.IntegerField(allow_null=True)
    owner_details = PersonDetailsSerializer()
    user_details = PersonDetailsSerializer()
    assigned_to_details = PersonDetailsSerializer()
    contact_details = ContactDetailsSerializer()


class ColumnSerializer(serializers.Serializer[board.Column]):
    id = serializers.IntegerField(allow_null=True, help_text="Of the status; null for the calls without one.")
    name = serializers.CharField()
    description = serializers.CharField()
    color = serializers.CharField()
    position = serializers.IntegerField()
    total = serializers.IntegerField(help_text="How many calls there are; at least, when it is not exact.")
    total_is_exact = serializers.BooleanField()
    cards = CardSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The column's next page.")


class BoardSerializer(serializers.Serializer[board.Board]):
    columns = ColumnSerializer(many=True)
    may_move = serializers.BooleanField()


class AskedForBoardSerializer(serializers.Serializer[dict[str, Any]]):
    limit = serializers.IntegerField(
        min_value=1, max_value=LARGEST_LIMIT, default=USUAL_LIMIT, help_text="Cards of each column."
    )
    column = serializers.RegexField(
        r"^(none|[0-9]{1,18})\Z", required=False, help_text="Only this one: a status' id, or `none`."
    )


class Board(APIView):
    capabilities: ClassVar = {"GET": "calls.read"}
    audits: ClassVar = {"GET": "board.read"}

    @extend_schema(
        operation_id="read_board",
        parameters=[
            AskedForBoardSerializer,
            board.FiltersSerializer,
            OpenApiParameter("cursor", str, description="Of a column's `next`"),
        ],
        responses=BoardSerializer,
    )
    def get(self, request: Request) -> Response:
        """The calls that you may see, in a column for each status, newest first; all as of one moment."""
        user, filters = person_of(request), board.filters_of(person_of(request), request.query_params)
        asked = given(AskedForBoardSerializer(data=request.query_params))
        if "column" in asked:
            status_id = None if asked["column"] == "none" else int(asked["column"])
            found = board.column(user, filters, status_id, cursor=_cursor_of(request), limit=asked["limit"])
        else:
            if request.query_params.get("cursor"):
                raise cursors.none_of_ours()
            found = board.read(user, filters, limit=asked["limit"])
        return Response({"columns": [_told(request, column) for column in found.columns], "may_move": found.may_move})


class GroupedSerializer(serializers.Serializer[dict[str, Any]]):
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_PER_STATUS, default=USUAL_PER_STATUS, help_text="Calls of each status."
    )
    include_enrichment = serializers.BooleanField(
        default=True, help_text="Whether calls are told with the people in them; otherwise by their numbers."
    )
    include_calls = serializers.BooleanField(default=True, help_text="Whether calls are told, or only counted.")


class GroupSerializer(serializers.Serializer[grouped.Group]):
    id = serializers.IntegerField(allow_null=True, help_text="Of the status; null, last, for the calls without one.")
    name = serializers.CharField()
    description = serializers.CharField()
    color = serializers.CharField()
    total_calls = serializers.IntegerField()
    calls = CardSerializer(many=True, help_text="Numbers of calls without enrichment.")


class GroupedSummarySerializer(serializers.Serializer[grouped.Summary]):
    total_calls = serializers.IntegerField()
    total_status_groups = serializers.IntegerField()
    limit_per_status = serializers.IntegerField()
    enrichment_enabled = serializers.BooleanField()


class GroupedAnswerSerializer(serializers.Serializer[grouped.Answer]):
    status = serializers.IntegerField()
    message = serializers.CharField()
    summary = GroupedSummarySerializer()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # A name that every serializer has for something else.
        return {**super().get_fields(), "data": GroupSerializer(many=True)}


class GroupedByStatus(APIView):
    capabilities: ClassVar = {"POST": "calls.read"}
    audits: ClassVar = {"POST": "board.read"}
    parser_classes = (*_JSON_PARSERS, FormParser, MultiPartParser)

    @extend_schema(
        operation_id="group_calls_by_status",
        parameters=[GroupedSerializer],
        request=GroupedSerializer,
        responses=GroupedAnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        """All calls that you may see, grouped by status, the newest of each; what is asked for in either place."""
        body = request.data
        if not isinstance(body, Mapping):
            raise serializers.ValidationError("An object is asked for, or a form.")
        asked = given(GroupedSerializer(data={**request.query_params.dict(), **dict(body.items())}))
        answer = grouped.by_status(
            person_of(request),
            limit=asked["limit"],
            with_people=asked["include_enrichment"],
            with_calls=asked["include_calls"],
        )
        return Response(answer)


def _cursor_of(request: Request) -> Position | None:
    match cursors.cursor_of(request):
        case None:
            return None
        case [str(moment), int(number)]:
            return cursors.position_of(moment, number)
    raise cursors.none_of_ours()


def _told(request: Request, column: board.Column) -> dict[str, Any]:
    end = column.end
    return {
        "id": column.id,
        "name": column.name,
        "description": column.description,
        "color": column.color,
        "position": column.position,
        "total": column.total,
        "total_is_exact": column.total_is_exact,
        "cards": column.cards,
        "next": _next(request, column, end) if end is not None else None,
    }


def _next(request: Request, column: board.Column, end: Position) -> str:
    moment, number = end
    query = {**request.query_params.dict(), "column": "none" if column.id is None else str(column.id)}
    query["cursor"] = cursors.encoded([moment.isoformat(), number])
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")
