"""Live-dubbing sessions over REST."""

from typing import Any, ClassVar, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from metrics import cursors, dubbing
from metrics.dubbing import DubbingSession, Heartbeat, NewDubbingSession, Position
from metrics.fields import ExactField, FiniteField, PlatformField
from metrics.segments import own_user_of

DUBBING_STATES = [str(one) for one in dubbing.DubbingStatus]
MOST_FIGURES = 50
LONGEST_NAME = 64
LONGEST_ERROR = 500
LONGEST_SYNC_DELAY_MS = 60_000
_LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z"


class SessionIdField(serializers.RegexField):
    """An id of the caller's that can stand in an address."""

    def __init__(self, **options: Any) -> None:
        wrong = "Letters, digits, dots, hyphens, underscores and colons."
        super().__init__(r"^[A-Za-z0-9._:-]+\Z", max_length=128, error_messages={"invalid": wrong}, **options)


class FiguresField(serializers.DictField):
    """Name → number; few enough to be kept with the session."""

    child = FiniteField()

    def to_internal_value(self, data: Any) -> dict[str, float]:
        figures = super().to_internal_value(data)
        if len(figures) > MOST_FIGURES:
            raise serializers.ValidationError(f"At most {MOST_FIGURES} figures.")
        for name in figures:
            if not 0 < len(name) <= LONGEST_NAME or name.startswith("$") or "." in name or "\0" in name:
                raise serializers.ValidationError(
                    f"A name has 1 to {LONGEST_NAME} characters, does not begin with $ and holds no dot."
                )
        return dict(figures)


class LanguageField(serializers.RegexField):
    """A language as `he` or `pt-BR`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_LANGUAGE, max_length=35, error_messages={"invalid": "A language as en or pt-BR."}, **options)


class PersonField(ExactField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=255, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        user_id: str = super().to_internal_value(data)
        if own_user_of(user_id) is not None:
            raise serializers.ValidationError("Ids that begin with `user:` are Earshot's own users'.", code="reserved")
        return user_id


class NewDubbingSessionSerializer(serializers.Serializer[NewDubbingSession]):
    session_id = SessionIdField(help_text="An id of your own, by which it may be sent again.")
    user_id = PersonField(help_text="What the platform calls the person.")
    platform = PlatformField(default="web")
    channel_id = ExactField(max_length=255, default="", allow_blank=True, trim_whitespace=False)
    source_language = LanguageField(default="he")
    target_language = LanguageField(default="en")
    voice_id = ExactField(max_length=255, default="", allow_blank=True)
    sync_delay_ms = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_SYNC_DELAY_MS,
        default=dubbing.USUAL_SYNC_DELAY_MS,
        help_text="By how much the dubbed sound follows the original.",
    )


class HeartbeatSerializer(serializers.Serializer[Heartbeat]):
    metrics = FiguresField(required=False, help_text="In place of those that there were.")
    sync_delay_ms = serializers.IntegerField(min_value=0, max_value=LONGEST_SYNC_DELAY_MS, required=False)
    last_error = ExactField(
        max_length=LONGEST_ERROR, allow_blank=True, required=False, help_text="Empty: none any more."
    )


class DubbingSessionSerializer(serializers.Serializer[DubbingSession]):
    session_id = serializers.CharField()
    user_id = serializers.CharField()
    platform = serializers.CharField()
    channel_id = serializers.CharField()
    source_language = serializers.CharField()
    target_language = serializers.CharField()
    voice_id = serializers.CharField()
    status = serializers.ChoiceField(
        choices=DUBBING_STATES, help_text="`timed_out`: nothing was heard of it for 15 minutes."
    )
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    last_activity_at = serializers.DateTimeField()
    sync_delay_ms = serializers.IntegerField()
    metrics = serializers.DictField(child=serializers.FloatField())
    last_error = serializers.CharField()


class DubbingSessionPageSerializer(serializers.Serializer[Any]):
    results = DubbingSessionSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class DubbingSessionFilterSerializer(serializers.Serializer[Any]):
    user_id = ExactField(max_length=255, required=False, trim_whitespace=False)
    channel_id = ExactField(max_length=255, required=False, trim_whitespace=False)
    status = serializers.ChoiceField(choices=DUBBING_STATES, required=False)


class DubbingSessionList(APIView):
    capabilities: ClassVar = {"GET": "metrics.read", "POST": "metrics.write"}
    audits: ClassVar = {"GET": "dubbing_session.listed", "POST": "dubbing_session.started"}

    @extend_schema(
        operation_id="list_dubbing_sessions",
        parameters=[
            DubbingSessionFilterSerializer,
            OpenApiParameter("limit", int, description="1 to 1000, 100 when it is not given"),
            OpenApiParameter("cursor", str, description="Of `next` or `previous`"),
        ],
        responses=DubbingSessionPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """The live-dubbing sessions of your company, newest first; those that ended within the last 30 days."""
        given = DubbingSessionFilterSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        direction, position = _place_of(request)
        place: Any = {direction: position}
        page = dubbing.page_of(_tenant_of(request), limit=cursors.limit_of(request), **place, **given.validated_data)
        ends = [(one["started_at"].isoformat(), one["session_id"]) for one in page.sessions]
        return Response(
            {
                "results": [DubbingSessionSerializer(session).data for session in page.sessions],
                "next": cursors.link(request, ["before", *ends[-1]] if page.has_older and ends else None),
                "previous": cursors.link(request, ["after", *ends[0]] if page.has_newer and ends else None),
            }
        )

    @extend_schema(
        operation_id="start_dubbing_session",
        request=NewDubbingSessionSerializer,
        responses={200: DubbingSessionSerializer, 201: DubbingSessionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Start a session. The same id again answers the session that there is (200), which counts as a heartbeat.

        409 when the id is another person's, or the session is over.
        """
        given = NewDubbingSessionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        session, is_new = dubbing.start(_tenant_of(request), cast("NewDubbingSession", given.validated_data))
        return Response(
            DubbingSessionSerializer(session).data, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        )


class DubbingSessionDetail(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits: ClassVar = {"GET": "dubbing_session.read"}

    @extend_schema(operation_id="read_dubbing_session", responses=DubbingSessionSerializer)
    def get(self, request: Request, session_id: str) -> Response:
        """A live-dubbing session: how it stands, and what its last heartbeats told."""
        return Response(DubbingSessionSerializer(dubbing.find(_tenant_of(request), session_id)).data)


class DubbingSessionHeartbeat(APIView):
    capabilities: ClassVar = {"POST": "metrics.write"}
    audits = None  # Several a minute from each session, about nothing but how it fares.

    @extend_schema(
        operation_id="heartbeat_of_dubbing_session", request=HeartbeatSerializer, responses=DubbingSessionSerializer
    )
    def post(self, request: Request, session_id: str) -> Response:
        """The session is still there. One of which nothing is heard for 15 minutes is over; 409 from then on."""
        given = HeartbeatSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        session = dubbing.heartbeat(_tenant_of(request), session_id, cast("Heartbeat", given.validated_data))
        return Response(DubbingSessionSerializer(session).data)


class DubbingSessionEnd(APIView):
    capabilities: ClassVar = {"POST": "metrics.write"}
    audits: ClassVar = {"POST": "dubbing_session.ended"}

    @extend_schema(operation_id="end_dubbing_session", request=None, responses=DubbingSessionSerializer)
    def post(self, request: Request, session_id: str) -> Response:
        """End a session. One that is over already stays as it is."""
        return Response(DubbingSessionSerializer(dubbing.end(_tenant_of(request), session_id)).data)


def _tenant_of(request: Request) -> int:
    user: Any = request.user
    return int(user.tenant_id)


def _place_of(request: Request) -> tuple[str, Position | None]:
    match cursors.cursor_of(request):
        case None:
            return "before", None
        case ["before" | "after" as direction, str(moment), str(session_id)]:
            started_at, _ = cursors.position_of(moment, 0)
            return direction, Position(started_at, session_id)
    raise cursors.none_of_ours()
