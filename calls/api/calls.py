from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import board, conversations, editing, export, opening, representation, store
from calls.serializers import (
    CallChangeSerializer,
    CallFilterSerializer,
    CallSerializer,
    HistorySerializer,
    ImportedCallSerializer,
    ListedCallSerializer,
    MoveSerializer,
    NoteSerializer,
    OriginalsSerializer,
    page_of,
)
from metrics import cursors

_FORMATS = {
    "json": ("application/json", export.as_json),
    "txt": ("text/plain; charset=utf-8", export.as_text),
    "srt": ("application/x-subrip; charset=utf-8", export.as_srt),
    "vtt": ("text/vtt; charset=utf-8", export.as_vtt),
}


class CallList(APIView):
    capabilities: ClassVar = {"GET": "calls.read", "POST": "calls.write"}
    audits: ClassVar = {"GET": "call.listed", "POST": "call.made"}

    @extend_schema(
        operation_id="list_calls",
        parameters=[
            CallFilterSerializer,
            OpenApiParameter("limit", int, description="1 to 1000, 100 when it is not given"),
            OpenApiParameter("cursor", str, description="Of `next` or `previous`"),
        ],
        responses=page_of(ListedCallSerializer, "CallPage"),
    )
    def get(self, request: Request) -> Response:
        """The calls that you may see, newest first, without their conversations."""
        given = CallFilterSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        filters = {**conversations.all_readable_by(request.user), "$and": [_filters_of(given.validated_data)]}
        direction, position = cursors.place_of(request)
        page = store.page_of(filters, limit=cursors.limit_of(request), **{direction: position})
        ends = [(call["start_time"].isoformat(), call["id"]) for call in page.calls]
        return Response(
            {
                "results": [representation.of_listed(call) for call in page.calls],
                "next": cursors.link(request, ["before", *ends[-1]] if page.has_older and ends else None),
                "previous": cursors.link(request, ["after", *ends[0]] if page.has_newer and ends else None),
            }
        )

    @extend_schema(operation_id="create_call", request=ImportedCallSerializer, responses={201: CallSerializer})
    def post(self, request: Request) -> Response:
        """Make a call that was recorded, or written, elsewhere. The same id again answers the call that there is."""
        given = ImportedCallSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        details = dict(given.validated_data)
        call, is_new = opening.create_call(request.user, details, details.pop("segments", []))
        return Response(representation.of_call(call), status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class CallDetail(APIView):
    capabilities: ClassVar = {"GET": "calls.read", "PATCH": "calls.edit", "DELETE": "calls.delete"}
    audits: ClassVar = {"GET": "call.read", "PATCH": "call.changed", "DELETE": "call.deleted"}

    @extend_schema(responses=CallSerializer)
    def get(self, request: Request, call_id: str) -> Response:
        """A call with its whole conversation."""
        return Response(representation.of_call(conversations.read_call(request.user, call_id)))

    @extend_schema(request=CallChangeSerializer, responses=CallSerializer)
    def patch(self, request: Request, call_id: str) -> Response:
        """Change what is given. `version` is that of the call you looked at; 409 when somebody else was quicker."""
        given = CallChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        version = values.pop("version")
        return Response(
            representation.of_changed(request, editing.change(request.user, call_id, values, version=version))
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request, call_id: str) -> Response:
        """Delete a call: nobody sees or finds it any more."""
        editing.delete(request.user, call_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CallMove(APIView):
    capabilities: ClassVar = {"POST": "calls.move"}
    audits: ClassVar = {"POST": "call.moved"}

    @extend_schema(request=MoveSerializer, responses=CallSerializer)
    def post(self, request: Request, call_id: str) -> Response:
        """Give a call another status. With `version`, 409 when somebody else was quicker."""
        given = MoveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted, version = given.validated_data["status_id"], given.validated_data.get("version")
        call = board.move(request.user, call_id, status_id=wanted, version=version)
        return Response(representation.of_changed(request, call))


class CallNotes(APIView):
    capabilities: ClassVar = {"GET": "calls.read", "POST": "calls.edit"}
    audits: ClassVar = {"GET": "call.read", "POST": "call.noted"}

    @extend_schema(operation_id="list_notes", responses=NoteSerializer(many=True))
    def get(self, request: Request, call_id: str) -> Response:
        """What people have noted on a call, oldest first."""
        return Response(conversations.read_call(request.user, call_id).get("notes", []))

    @extend_schema(request=NoteSerializer, responses={201: NoteSerializer})
    def post(self, request: Request, call_id: str) -> Response:
        """Write a note on a call."""
        given = NoteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        note = editing.note(request.user, call_id, given.validated_data["text"])
        return Response(note, status=status.HTTP_201_CREATED)


class CallHistory(APIView):
    capabilities: ClassVar = {"GET": "calls.read"}
    audits: ClassVar = {"GET": "call.read"}

    @extend_schema(operation_id="list_history", responses=HistorySerializer(many=True))
    def get(self, request: Request, call_id: str) -> Response:
        """What people have done to a call, oldest first, each with what was before and is now."""
        return Response(conversations.read_call(request.user, call_id).get("history", []))


class CallOriginals(APIView):
    capabilities: ClassVar = {"GET": "calls.read_originals"}
    audits: ClassVar = {"GET": "call.originals_read"}

    @extend_schema(responses=OriginalsSerializer(many=True), operation_id="list_originals")
    def get(self, request: Request, call_id: str) -> Response:
        """The segments of which something is masked, as they were said. Each look is written into the audit log."""
        return Response(conversations.originals_of(request.user, call_id))


class CallExport(APIView):
    capabilities: ClassVar = {"GET": "calls.export"}
    audits: ClassVar = {"GET": "call.exported"}
    throttle_scope = "exports"

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(_FORMATS), description="json when it is not given")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, call_id: str) -> HttpResponse:
        """A call as a file: all that is known of it, its text, or subtitles. What is masked stays masked."""
        wanted = request.query_params.get("format", "json")
        if wanted not in _FORMATS:
            raise NotFound(f"There is no format {wanted[:20]}. Take one of {', '.join(_FORMATS)}.")
        call = conversations.read_call(request.user, call_id)
        media_type, write = _FORMATS[wanted]
        response = HttpResponse(write(call), content_type=media_type)
        response["Content-Disposition"] = f'attachment; filename="{export.file_name(call, wanted)}"'
        return response


def _filters_of(given: dict[str, Any]) -> dict[str, Any]:
    """What of the filters a query for calls asks."""
    same: dict[str, Any] = {
        name: given[name] for name in ("user_id", "assigned_to_id", "contact_id", "session_id") if name in given
    }
    if "status" in given:
        # Of older calls, some have a number.
        wanted = given["status"]
        same["status_id"] = None if wanted == "none" else {"$in": [wanted, int(wanted)]}
    if "state" in given:
        same["status"] = given["state"]
    between = {
        further: given[name] for name, further in (("since", "$gte"), ("until", "$lt")) if given.get(name) is not None
    }
    return {**same, **({"start_time": between} if between else {})}
