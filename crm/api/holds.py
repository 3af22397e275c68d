from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm.api.asking import given, person_of, tenant_of
from crm.erasure import holds
from crm.models import HoldKind, LegalHold
from crm.models.privacy import LONGEST_REASON
from crm.pagination import NewestFirst
from crm.people import HIGHEST_ID
from crm.privacy_forms import NOBODY_NAMED, SEVERAL_NAMED, kind_named
from metrics.fields import PlatformField

_STANDING = OpenApiParameter("standing", bool, description="`true` for those in force, `false` for those lifted")
_EXAMPLE = OpenApiExample(
    "Somebody, by their number",
    value={"contact_id": 12, "reason": "Case 4 O 17/26 at the regional court"},
    request_only=True,
)


class HoldSerializer(serializers.ModelSerializer[LegalHold]):
    class Meta:
        model = LegalHold
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "user_id",
            "contact_id",
            "platform",
            "external_user_id",
            "call_id",
            "reason",
            "placed_by",
            "placed_at",
            "lifted_by",
            "lifted_at",
        )
        read_only_fields: tuple[str, ...] = fields


class NewHoldSerializer(serializers.Serializer[dict[str, Any]]):
    """Somebody, named in one way, or a call."""

    user_id = serializers.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False)
    contact_id = serializers.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False)
    platform = PlatformField(required=False)
    external_user_id = serializers.CharField(max_length=255, required=False, trim_whitespace=False)
    # Of whatever came by any door, but nothing that no address could hold.
    call_id = serializers.RegexField(r"^[^/\x00-\x1f]+\Z", max_length=255, required=False)
    reason = serializers.CharField(max_length=LONGEST_REASON)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        ids = {name: value for name, value in given.items() if name != "reason"}
        if "call_id" in ids:
            if len(ids) > 1:
                raise serializers.ValidationError(SEVERAL_NAMED)
            return {"kind": HoldKind.CALL, **given}
        try:
            kind = kind_named(ids)
        except ValueError as wrong:
            words = "Say who, or which call." if str(wrong) == NOBODY_NAMED else str(wrong)
            raise serializers.ValidationError(words) from wrong
        return {"kind": HoldKind(kind.value), **given}


class _LatestPlacedFirst(NewestFirst):
    ordering = ("-placed_at", "-pk")


class StandingSerializer(serializers.Serializer[dict[str, Any]]):
    standing = serializers.BooleanField(required=False)


class HoldList(GenericAPIView[LegalHold]):
    capabilities: ClassVar = {"GET": "privacy.read", "POST": "privacy.hold"}
    audits: ClassVar = {"GET": "hold.listed", "POST": "hold.placed"}
    pagination_class = _LatestPlacedFirst
    serializer_class = HoldSerializer
    queryset = LegalHold.objects.none()

    @extend_schema(operation_id="list_holds", parameters=[_STANDING], responses=HoldSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The company's legal holds, those placed last first."""
        found = LegalHold.objects.of(tenant_of(request).pk)
        asked = given(StandingSerializer(data=request.query_params.dict()))
        if "standing" in asked:
            found = found.filter(lifted_at__isnull=asked["standing"])
        page = self.paginate_queryset(found)
        return self.get_paginated_response(HoldSerializer(page, many=True).data)

    @extend_schema(
        operation_id="place_hold", request=NewHoldSerializer, responses={201: HoldSerializer}, examples=[_EXAMPLE]
    )
    def post(self, request: Request) -> Response:
        """From now on nothing of theirs, or of the call, is removed: neither by an erasure nor by retention."""
        asked = given(NewHoldSerializer(data=request.data))
        hold = holds.place(person_of(request), asked.pop("kind"), **asked)
        return Response(HoldSerializer(hold).data, status=status.HTTP_201_CREATED)


class HoldDetail(APIView):
    capabilities: ClassVar = {"GET": "privacy.read"}
    audits: ClassVar = {"GET": "hold.read"}

    @extend_schema(operation_id="read_hold", responses=HoldSerializer)
    def get(self, request: Request, hold_id: int) -> Response:
        return Response(HoldSerializer(holds.find(tenant_of(request).pk, hold_id)).data)


class LiftHold(APIView):
    capabilities: ClassVar = {"POST": "privacy.hold"}
    audits: ClassVar = {"POST": "hold.lifted"}

    @extend_schema(operation_id="lift_hold", request=None, responses=HoldSerializer)
    def post(self, request: Request, hold_id: int) -> Response:
        """Erasures that it kept waiting go on by themselves. One that was lifted already stays so."""
        return Response(HoldSerializer(holds.lift(person_of(request), hold_id)).data)
