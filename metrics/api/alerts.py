from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from metrics import alerts
from metrics.alerts import deliveries, destinations, rules, standing
from metrics.alerts.serializers import (
    AlertDeliverySerializer,
    AlertRuleSerializer,
    AlertSerializer,
    ChangeDestinationSerializer,
    DestinationSerializer,
    MadeDestinationSerializer,
)
from metrics.models import Alert, AlertDelivery, AlertState

_NewestFirst: Any = api_settings.DEFAULT_PAGINATION_CLASS
# An answer that holds a secret is for whoever asked, and for no store on the way.
_NOT_KEPT = {"Cache-Control": "no-store"}


def tenant_of(request: Request) -> int:
    # The permission has let in only who works in a company.
    user: Any = request.user
    return int(user.tenant_id)


class NewestAlertsFirst(_NewestFirst):  # type: ignore[misc]
    ordering = ("-opened_at", "-pk")


class AlertList(GenericAPIView[Alert]):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits = None  # Nothing in it is about anybody.
    serializer_class = AlertSerializer
    queryset = Alert.objects.none()
    pagination_class = NewestAlertsFirst

    @extend_schema(
        operation_id="list_alerts",
        parameters=[
            OpenApiParameter("state", str, enum=AlertState.values, description="Only those in this state"),
        ],
        responses=AlertSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Your company's alerts, newest first, those that are over among them."""
        found: QuerySet[Alert] = standing.of(tenant_of(request))
        state = request.query_params.get("state")
        if state is not None:
            if state not in AlertState.values:
                raise serializers.ValidationError({"state": [f"One of {', '.join(AlertState.values)}."]})
            found = found.filter(state=state)
        return self.get_paginated_response(AlertSerializer(self.paginate_queryset(found), many=True).data)


class AlertDetail(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits = None

    @extend_schema(operation_id="read_alert", responses=AlertSerializer)
    def get(self, request: Request, alert_id: int) -> Response:
        return Response(AlertSerializer(alerts.find(tenant_of(request), alert_id)).data)


class AcknowledgeAlert(APIView):
    capabilities: ClassVar = {"POST": "alerts.acknowledge"}
    audits: ClassVar = {"POST": "alert.acknowledged"}

    @extend_schema(operation_id="acknowledge_alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Say that you see to it. It ends by itself once the figure is back."""
        return Response(AlertSerializer(alerts.acknowledge(request.user, alert_id)).data)


class CloseAlert(APIView):
    capabilities: ClassVar = {"POST": "alerts.acknowledge"}
    audits: ClassVar = {"POST": "alert.closed"}

    @extend_schema(operation_id="close_alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """End it by hand. It opens again if the figure is still too high."""
        return Response(AlertSerializer(alerts.close(request.user, alert_id)).data)


class AlertRuleList(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits = None

    @extend_schema(operation_id="list_alert_rules", responses=AlertRuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your company's rules, one of every kind."""
        return Response(AlertRuleSerializer(rules.of(tenant_of(request)), many=True).data)


class AlertRuleDetail(APIView):
    capabilities: ClassVar = {"GET": "metrics.read", "PATCH": "settings.manage"}
    audits: ClassVar = {"GET": None, "PATCH": "alert_rule.changed"}

    @extend_schema(operation_id="read_alert_rule", responses=AlertRuleSerializer)
    def get(self, request: Request, kind: str) -> Response:
        return Response(AlertRuleSerializer(rules.find(tenant_of(request), kind)).data)

    @extend_schema(operation_id="change_alert_rule", request=AlertRuleSerializer, responses=AlertRuleSerializer)
    def patch(self, request: Request, kind: str) -> Response:
        """Change what is given; the next look, seconds away, goes by it."""
        tenant_id = tenant_of(request)
        rule = rules.find(tenant_id, kind)
        given = AlertRuleSerializer(rule, data=request.data, partial=True, tenant_id=tenant_id)
        given.is_valid(raise_exception=True)
        return Response(AlertRuleSerializer(rules.change(tenant_id, kind, given.validated_data)).data)


class DestinationList(APIView):
    capabilities: ClassVar = {"GET": "settings.manage", "POST": "settings.manage"}
    audits: ClassVar = {"GET": "destination.listed", "POST": "destination.made"}

    @extend_schema(operation_id="list_alert_destinations", responses=DestinationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Where your company is told of alerts."""
        return Response(DestinationSerializer(destinations.of(tenant_of(request)), many=True).data)

    @extend_schema(
        operation_id="add_alert_destination",
        request=DestinationSerializer,
        responses={201: MadeDestinationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Have alerts told there from now on."""
        given = DestinationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = destinations.create(tenant_of(request), **given.validated_data)
        told = MadeDestinationSerializer(made).data
        return Response(told, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


class DestinationDetail(APIView):
    capabilities: ClassVar = {"GET": "settings.manage", "PATCH": "settings.manage", "DELETE": "settings.manage"}
    audits: ClassVar = {"GET": "destination.read", "PATCH": "destination.changed", "DELETE": "destination.removed"}

    @extend_schema(operation_id="read_alert_destination", responses=DestinationSerializer)
    def get(self, request: Request, destination_id: int) -> Response:
        return Response(DestinationSerializer(destinations.find(tenant_of(request), destination_id)).data)

    @extend_schema(
        operation_id="change_alert_destination",
        request=ChangeDestinationSerializer,
        responses=DestinationSerializer,
    )
    def patch(self, request: Request, destination_id: int) -> Response:
        """Switch it on or off."""
        given = ChangeDestinationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        changed = destinations.change(tenant_of(request), destination_id, given.validated_data)
        return Response(DestinationSerializer(changed).data)

    @extend_schema(operation_id="remove_alert_destination", responses={204: None})
    def delete(self, request: Request, destination_id: int) -> Response:
        """Take it away, with the log of what was sent there."""
        destinations.remove(tenant_of(request), destination_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DestinationSecret(APIView):
    capabilities: ClassVar = {"POST": "settings.manage"}
    audits: ClassVar = {"POST": "destination.secret_made"}

    @extend_schema(operation_id="make_alert_secret", request=None, responses=MadeDestinationSerializer)
    def post(self, request: Request, destination_id: int) -> Response:
        """A new secret for a webhook; from now on nothing is signed with the former one."""
        destinations.make_secret(tenant_of(request), destination_id)
        made = destinations.find(tenant_of(request), destination_id)
        return Response(MadeDestinationSerializer(made).data, headers=_NOT_KEPT)


class DestinationTest(APIView):
    capabilities: ClassVar = {"POST": "settings.manage"}
    audits: ClassVar = {"POST": "destination.tested"}

    @extend_schema(operation_id="test_alert_destination", request=None, responses={202: AlertDeliverySerializer})
    def post(self, request: Request, destination_id: int) -> Response:
        """Send a message that says it is a test."""
        ordered = deliveries.order_test(destinations.find(tenant_of(request), destination_id))
        return Response(AlertDeliverySerializer(ordered).data, status=status.HTTP_202_ACCEPTED)


class DeliveryList(GenericAPIView[AlertDelivery]):
    capabilities: ClassVar = {"GET": "settings.manage"}
    audits = None
    serializer_class = AlertDeliverySerializer
    queryset = AlertDelivery.objects.none()

    @extend_schema(operation_id="list_alert_deliveries", responses=AlertDeliverySerializer(many=True))
    def get(self, request: Request) -> Response:
        """What was sent for your company, newest first."""
        page = self.paginate_queryset(deliveries.of(tenant_of(request)))
        return self.get_paginated_response(AlertDeliverySerializer(page, many=True).data)


class SendDeliveryAgain(APIView):
    capabilities: ClassVar = {"POST": "settings.manage"}
    audits: ClassVar = {"POST": "delivery.sent_again"}

    @extend_schema(operation_id="send_alert_delivery_again", request=None, responses={202: AlertDeliverySerializer})
    def post(self, request: Request, delivery_id: int) -> Response:
        """Send it once more, as the same message."""
        again = deliveries.send_again(tenant_of(request), delivery_id)
        return Response(AlertDeliverySerializer(again).data, status=status.HTTP_202_ACCEPTED)
