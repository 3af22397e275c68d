"""Alerts, their rules and whom they are told to, over REST."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from metrics.alerts import deliveries, destinations, wording
from metrics.alerts.kinds import Unit, kind_of
from metrics.models import (
    Alert,
    AlertDelivery,
    AlertEvent,
    AlertKind,
    AlertRule,
    DeliveryError,
    DeliveryState,
    Destination,
    DestinationKind,
    Resolution,
)


class AlertSerializer(serializers.ModelSerializer[Alert]):
    kind = serializers.ChoiceField(source="rule.kind", choices=AlertKind.choices)
    unit = serializers.SerializerMethodField()
    of_server = serializers.SerializerMethodField(
        help_text="Whether the figure is of the whole server, and not of your company."
    )
    acknowledged_by = serializers.IntegerField(source="acknowledged_by_id", allow_null=True)
    resolution = serializers.ChoiceField(choices=Resolution.choices, allow_blank=True)
    text = serializers.SerializerMethodField(help_text="All of it in a sentence.")

    class Meta:
        model = Alert
        fields = (
            "id",
            "kind",
            "subject",
            "of_server",
            "state",
            "unit",
            "threshold",
            "opened_value",
            "worst_value",
            "last_value",
            "opened_at",
            "known_at",
            "acknowledged_at",
            "acknowledged_by",
            "resolved_at",
            "resolution",
            "text",
        )
        read_only_fields = fields

    def get_unit(self, alert: Alert) -> Unit:
        return kind_of(alert.rule.kind).unit

    def get_of_server(self, alert: Alert) -> bool:
        return kind_of(alert.rule.kind).is_of_server

    def get_text(self, alert: Alert) -> str:
        return wording.sentence(alert)


class AlertRuleSerializer(serializers.ModelSerializer[AlertRule]):
    title = serializers.CharField(source="get_kind_display", read_only=True)
    about = serializers.SerializerMethodField()
    unit = serializers.SerializerMethodField()
    of_server = serializers.SerializerMethodField()
    default_threshold = serializers.SerializerMethodField()
    destinations = serializers.PrimaryKeyRelatedField(
        many=True, queryset=Destination.objects.none(), help_text="Who is told; all of them, where none is chosen."
    )

    class Meta:
        model = AlertRule
        fields = (
            "kind",
            "title",
            "about",
            "unit",
            "of_server",
            "is_on",
            "threshold",
            "default_threshold",
            "window_minutes",
            "least_count",
            "destinations",
        )
        read_only_fields = ("kind",)

    def __init__(self, *args: Any, tenant_id: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if tenant_id is not None:
            chosen: Any = self.fields["destinations"]
            chosen.child_relation.queryset = Destination.objects.filter(tenant=tenant_id)

    def get_about(self, rule: AlertRule) -> str:
        return kind_of(rule.kind).about

    def get_unit(self, rule: AlertRule) -> Unit:
        return kind_of(rule.kind).unit

    def get_of_server(self, rule: AlertRule) -> bool:
        return kind_of(rule.kind).is_of_server

    def get_default_threshold(self, rule: AlertRule) -> float:
        return kind_of(rule.kind).threshold


class DestinationSerializer(serializers.ModelSerializer[Destination]):
    class Meta:
        model = Destination
        fields: ClassVar[Any] = ("id", "kind", "address", "is_on", "created_at")
        read_only_fields = ("id", "is_on", "created_at")
        # Whether the company has it already is found out on writing.
        validators: ClassVar[list[Any]] = []


class ChangeDestinationSerializer(serializers.Serializer[Destination]):
    is_on = serializers.BooleanField(required=False)


class MadeDestinationSerializer(DestinationSerializer):
    secret = serializers.SerializerMethodField(help_text="What a webhook's messages are signed with; shown this once.")

    class Meta(DestinationSerializer.Meta):
        fields: ClassVar[Any] = (*DestinationSerializer.Meta.fields, "secret")

    def get_secret(self, destination: Destination) -> str | None:
        is_webhook = destination.kind == DestinationKind.WEBHOOK
        return destinations.secret_of(destination) if is_webhook else None


class AlertDeliverySerializer(serializers.ModelSerializer[AlertDelivery]):
    message_id = serializers.SerializerMethodField(help_text="The `webhook-id`, the same at every attempt.")
    event = serializers.ChoiceField(choices=AlertEvent.choices)
    error = serializers.ChoiceField(choices=DeliveryError.choices, allow_blank=True)
    next_attempt_at = serializers.SerializerMethodField(help_text="While it waits.")

    class Meta:
        model = AlertDelivery
        fields = (
            "id",
            "destination",
            "alert",
            "event",
            "message_id",
            "state",
            "attempts",
            "status_code",
            "error",
            "created_at",
            "next_attempt_at",
            "ended_at",
        )
        read_only_fields = fields

    def get_message_id(self, delivery: AlertDelivery) -> str:
        return deliveries.webhook_id_of(delivery)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: AlertDelivery) -> str | None:
        field = serializers.DateTimeField()
        waits = delivery.state == DeliveryState.WAITING
        return field.to_representation(delivery.next_attempt_at) if waits else None
