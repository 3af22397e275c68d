from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework import status as http
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import board, statuses
from calls.models import CallStatus
from crm.api.asking import given, person_of, tenant_of


class StatusSerializer(serializers.ModelSerializer[CallStatus]):
    # Whether another one has this name is found out on writing, which no look before could.
    name = serializers.CharField(max_length=80)
    total_calls = serializers.SerializerMethodField(help_text="How many calls have it now.")

    class Meta:
        model = CallStatus
        fields = ("id", "name", "description", "color", "position", "total_calls")
        read_only_fields = ("id", "position")

    def get_total_calls(self, status: CallStatus) -> int:
        return int(self.context.get("counts", {}).get(str(status.pk), 0))


class StatusOrderSerializer(serializers.Serializer[dict[str, Any]]):
    order = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), max_length=statuses.MOST, allow_empty=False
    )


class StatusList(APIView):
    capabilities: ClassVar = {"GET": "calls.read", "POST": "settings.manage", "PATCH": "settings.manage"}
    audits: ClassVar = {"GET": None, "POST": "status.made", "PATCH": "status.ordered"}

    @extend_schema(operation_id="list_statuses", responses=StatusSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your company's statuses, in its order, each with how many calls have it."""
        tenant = tenant_of(request)
        return Response(_told(statuses.of(tenant.pk), board.counts(tenant.pk)))

    @extend_schema(operation_id="add_status", request=StatusSerializer, responses={201: StatusSerializer})
    def post(self, request: Request) -> Response:
        """Add a status, behind the others."""
        made = statuses.create(tenant_of(request).pk, given(StatusSerializer(data=request.data)))
        return Response(_told([made])[0], status=http.HTTP_201_CREATED)

    @extend_schema(operation_id="order_statuses", request=StatusOrderSerializer, responses=StatusSerializer(many=True))
    def patch(self, request: Request) -> Response:
        """Put the statuses in the order of the list; those that it leaves out follow."""
        tenant = tenant_of(request)
        wanted = given(StatusOrderSerializer(data=request.data))["order"]
        return Response(_told(statuses.put_in_order(tenant.pk, wanted), board.counts(tenant.pk)))


class StatusDetail(APIView):
    capabilities: ClassVar = {"GET": "calls.read", "PATCH": "settings.manage", "DELETE": "settings.manage"}
    audits: ClassVar = {"GET": None, "PATCH": "status.changed", "DELETE": "status.removed"}

    @extend_schema(operation_id="read_status", responses=StatusSerializer)
    def get(self, request: Request, status_id: int) -> Response:
        tenant = tenant_of(request)
        return Response(_told([statuses.find(tenant.pk, status_id)], board.counts(tenant.pk))[0])

    @extend_schema(operation_id="change_status", request=StatusSerializer, responses=StatusSerializer)
    def patch(self, request: Request, status_id: int) -> Response:
        """Change what is given."""
        tenant = tenant_of(request)
        values = given(StatusSerializer(data=request.data, partial=True))
        changed = statuses.change(tenant.pk, status_id, values)
        return Response(_told([changed], board.counts(tenant.pk))[0])

    @extend_schema(
        operation_id="remove_status",
        parameters=[OpenApiParameter("move_calls_to", int, description="The status that its calls get instead")],
        responses={204: None},
    )
    def delete(self, request: Request, status_id: int) -> Response:
        """Take a status away. While calls have it, name the one that they get instead."""
        statuses.remove(person_of(request), status_id, move_calls_to=_other(request))
        return Response(status=http.HTTP_204_NO_CONTENT)


def _other(request: Request) -> int | None:
    named = request.query_params.get("move_calls_to")
    if named is None:
        return None
    if not (named.isascii() and named.isdigit() and len(named) < 19):
        raise serializers.ValidationError({"move_calls_to": ["The number of a status."]})
    return int(named)


def _told(found: list[CallStatus], counts: dict[str | None, int] | None = None) -> list[dict[str, Any]]:
    return [dict(one) for one in StatusSerializer(found, many=True, context={"counts": counts or {}}).data]
