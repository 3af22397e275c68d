from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import conversations, editing, representation
from calls.serializers import (
    CallSerializer,
    CorrectionSerializer,
    NewSegmentsSerializer,
    RenameSerializer,
    SegmentSerializer,
    page_of,
)
from metrics import cursors


class CallSegments(APIView):
    capabilities: ClassVar = {"GET": "calls.read", "POST": "calls.write"}
    audits: ClassVar = {"GET": "call.read", "POST": "call.segments_stored"}

    @extend_schema(
        operation_id="list_segments",
        parameters=[
            OpenApiParameter("speaker", str, description="Only what this one says"),
            OpenApiParameter("limit", int, description="1 to 1000, 100 when it is not given"),
            OpenApiParameter("cursor", str, description="Of `next` or `previous`"),
        ],
        responses=page_of(SegmentSerializer, "SegmentPage"),
    )
    def get(self, request: Request, call_id: str) -> Response:
        """What is said in a call, in order of time."""
        limit, start = cursors.limit_of(request), _start_of(request)
        said = conversations.read_call(request.user, call_id)["conversation"]
        if (speaker := request.query_params.get("speaker")) is not None:
            said = [segment for segment in said if segment["speaker"] == speaker]
        return Response(
            {
                "results": said[start : start + limit],
                "next": cursors.link(request, [start + limit] if start + limit < len(said) else None),
                "previous": cursors.link(request, [max(start - limit, 0)] if start > 0 else None),
            }
        )

    @extend_schema(request=NewSegmentsSerializer, responses={201: SegmentSerializer(many=True)})
    def post(self, request: Request, call_id: str) -> Response:
        """Store segments, each in the place of the one that has its id: the same again changes nothing.

        Answers what was taken in: masked as your company has it, and without what is about somebody erased.
        """
        given = NewSegmentsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        taken = conversations.add_segments(request.user, call_id, given.validated_data["segments"])
        return Response(taken, status=status.HTTP_201_CREATED)


class CallSegment(APIView):
    capabilities: ClassVar = {"PATCH": "calls.edit"}
    audits: ClassVar = {"PATCH": "call.segment_corrected"}

    @extend_schema(request=CorrectionSerializer, responses=SegmentSerializer)
    def patch(self, request: Request, call_id: str, segment_id: str) -> Response:
        """Correct what a segment says, or who says it. It stays so when the recording is heard again."""
        given = CorrectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(editing.correct(request.user, call_id, segment_id, **given.validated_data))


class CallSpeakers(APIView):
    capabilities: ClassVar = {"POST": "calls.edit"}
    audits: ClassVar = {"POST": "call.speaker_renamed"}

    @extend_schema(request=RenameSerializer, responses=CallSerializer)
    def post(self, request: Request, call_id: str) -> Response:
        """Call a speaker otherwise, in the whole call. Who is called so already is the same one from then on."""
        given = RenameSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        names = given.validated_data
        call = editing.rename_speaker(
            request.user, call_id, name=names["from"], to=names["to"], version=names.get("version")
        )
        return Response(representation.of_changed(request, call))


def _start_of(request: Request) -> int:
    match cursors.cursor_of(request):
        case None:
            return 0
        case [int(start)] if start >= 0:
            return start
    raise NotFound("This cursor is none of ours. Begin the list anew.")
