"""Exports of a person over REST: asked for, looked at, fetched until they expire, removed."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any, ClassVar

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audio import byte_ranges, listening
from crm.api.asking import NOT_KEPT, given, person_of, tenant_of
from crm.erasure import subjects
from crm.errors import ExportExpired
from crm.models import PersonExport
from crm.models.privacy import ExportState, SubjectKind
from crm.pagination import NewestFirst
from crm.people import HIGHEST_ID
from crm.person_exports import files, requests
from metrics.fields import PlatformField


class NewPersonExportSerializer(serializers.Serializer[dict[str, Any]]):
    user_id = serializers.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False)
    contact_id = serializers.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False)
    platform = PlatformField(required=False)
    external_user_id = serializers.CharField(max_length=255, required=False, trim_whitespace=False)
    includes_others = serializers.BooleanField(
        default=False, help_text="Whole calls, where usually only the person's own words and channel are in it."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        ways = [
            "user_id" in given,
            "contact_id" in given,
            "platform" in given and "external_user_id" in given,
        ]
        if sum(ways) != 1 or ("platform" in given) != ("external_user_id" in given):
            raise serializers.ValidationError(
                "Give either `user_id`, or `contact_id`, or `platform` with `external_user_id`."
            )
        return given


class PersonExportSerializer(serializers.ModelSerializer[PersonExport]):
    kind = serializers.ChoiceField(choices=SubjectKind.choices, read_only=True)
    status = serializers.ChoiceField(choices=ExportState.choices, source="state", read_only=True)
    user_id = serializers.IntegerField(source="subject.user_id", default=None, read_only=True, allow_null=True)
    contact_id = serializers.IntegerField(source="subject.contact_id", default=None, read_only=True, allow_null=True)
    platform = serializers.CharField(source="subject.platform", default=None, read_only=True, allow_null=True)
    external_user_id = serializers.CharField(
        source="subject.external_user_id", default=None, read_only=True, allow_null=True
    )
    requested_by = serializers.IntegerField(source="requested_by_id", read_only=True, allow_null=True)

    class Meta:
        model = PersonExport
        fields: ClassVar = [
            "id",
            "status",
            "kind",
            "user_id",
            "contact_id",
            "platform",
            "external_user_id",
            "subject_name",
            "includes_others",
            "requested_by",
            "requested_at",
            "calls_done",
            "calls_total",
            "ready_at",
            "expires_at",
            "size_bytes",
            "sha256",
            "error",
        ]
        read_only_fields: ClassVar = fields


class NewestExportsFirst(NewestFirst):
    ordering = ("-requested_at", "-pk")


class PersonExportList(GenericAPIView[PersonExport]):
    capabilities: ClassVar = {"GET": "privacy.export", "POST": "privacy.export"}
    audits: ClassVar = {"GET": "person_export.listed", "POST": "person_export.requested"}
    serializer_class = PersonExportSerializer
    pagination_class = NewestExportsFirst
    queryset = PersonExport.objects.none()

    @extend_schema(operation_id="list_person_exports", responses=PersonExportSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The company's exports of people, newest first. One that has expired names nobody any more."""
        page = self.paginate_queryset(PersonExport.objects.of(tenant_of(request).pk))
        return self.get_paginated_response(PersonExportSerializer(page, many=True).data)

    @extend_schema(
        operation_id="request_person_export",
        request=NewPersonExportSerializer,
        responses={202: PersonExportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Have all that is kept of somebody put together as one archive, in the background."""
        wanted = given(NewPersonExportSerializer(data=request.data))
        includes_others = wanted.pop("includes_others")
        asked = subjects.asked_of(tenant_of(request).pk, **wanted)
        export = requests.ask(person_of(request), asked, includes_others=includes_others)
        return Response(PersonExportSerializer(export).data, status=status.HTTP_202_ACCEPTED)


class PersonExportDetail(APIView):
    capabilities: ClassVar = {"GET": "privacy.export", "DELETE": "privacy.export"}
    audits: ClassVar = {"GET": "person_export.read", "DELETE": "person_export.removed"}
    # Who waits for it asks again and again.
    same_act_for = timedelta(minutes=10)

    @extend_schema(responses=PersonExportSerializer)
    def get(self, request: Request, export_id: uuid.UUID) -> Response:
        return Response(PersonExportSerializer(requests.find(tenant_of(request).pk, export_id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, export_id: uuid.UUID) -> Response:
        """Remove the archive now, or have it made no further. The row stays, and names nobody."""
        requests.remove(tenant_of(request).pk, export_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PersonExportFile(APIView):
    capabilities: ClassVar = {"GET": "privacy.export"}
    audits: ClassVar = {"GET": "person_export.fetched"}
    # A download that is gone on with asks for one range after another.
    same_act_for = timedelta(minutes=10)

    @extend_schema(
        parameters=[
            OpenApiParameter("Range", str, "header", description="One range of bytes; several are answered with all"),
            OpenApiParameter("If-Range", str, "header", description="The entity tag that the range is meant for"),
        ],
        responses={
            (200, files.CONTENT_TYPE): OpenApiTypes.BINARY,
            (206, files.CONTENT_TYPE): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, export_id: uuid.UUID) -> HttpResponseBase:
        """The archive, a ZIP file: 409 until it is ready, 410 once it has expired. `ETag` is its SHA-256."""
        export = requests.ready(tenant_of(request).pk, export_id)
        size, etag = export.size_bytes or 0, f'"{export.sha256}"'
        facts = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Disposition": str(
                content_disposition_header(as_attachment=True, filename=f"export-{str(export.pk)[:8]}.zip")
            ),
            **NOT_KEPT,
        }
        wanted = None
        if request.method == "GET" and request.headers.get("If-Range", etag) == etag:
            wanted = byte_ranges.asked(request.headers.get("Range"), size)
        code = status.HTTP_200_OK if wanted is None else status.HTTP_206_PARTIAL_CONTENT
        if wanted is None:
            wanted = range(size)
        else:
            facts["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        facts["Content-Length"] = str(len(wanted))
        if request.method == "HEAD":
            return HttpResponse(status=code, headers=facts, content_type=files.CONTENT_TYPE)
        pieces = _begun(export, wanted)
        return StreamingHttpResponse(
            listening.in_threads(pieces) if isinstance(request._request, ASGIRequest) else pieces,
            status=code,
            headers=facts,
            content_type=files.CONTENT_TYPE,
        )

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002
        # Who fetches a file accepts files; a refusal is told in JSON all the same.
        return super().perform_content_negotiation(request, force=True)


def _begun(export: PersonExport, wanted: range) -> Iterator[bytes]:
    """The first piece is read now, while a store that is out of reach can still be answered for."""
    pieces = files.pieces_of(export, wanted)
    if pieces is None:
        raise ExportExpired("This export has been removed. Ask for a new one if it is still needed.")
    return chain([next(pieces, b"")], pieces)
