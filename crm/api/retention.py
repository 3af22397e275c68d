"""For how long a company keeps what: its rules, what they would remove now, and what they removed last."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import retention
from crm.api.asking import given, tenant_of
from crm.models import RetentionKind, RetentionPolicy, RetentionRun


class RetentionPolicySerializer(serializers.ModelSerializer[RetentionPolicy]):
    class Meta:
        model = RetentionPolicy
        fields = ("audio_days", "transcripts_days", "metrics_days", "logs_days")


class RetentionRowSerializer(serializers.Serializer[retention.Row]):
    kind = serializers.ChoiceField(choices=RetentionKind.choices)
    counted = serializers.CharField(source="unit.many", help_text="What is counted: recordings, calls, days, entries.")
    days = serializers.IntegerField(allow_null=True, help_text="Null where there is no rule; then nothing goes.")
    before = serializers.DateTimeField(allow_null=True)
    would_go = serializers.IntegerField(source="going")
    held_back = serializers.IntegerField(source="held", help_text="Of that age, and kept by legal holds.")
    oldest = serializers.DateTimeField(allow_null=True)


class RetentionRunSerializer(serializers.ModelSerializer[RetentionRun]):
    class Meta:
        model = RetentionRun
        fields = ("kind", "before", "removed", "held", "at")


class RetentionSerializer(serializers.Serializer[Any]):
    policy = RetentionPolicySerializer()
    report = RetentionRowSerializer(many=True)
    runs = RetentionRunSerializer(many=True, help_text="The last ones, newest first.")


class Retention(APIView):
    capabilities: ClassVar = {"GET": "retention.manage", "PUT": "retention.manage", "PATCH": "retention.manage"}
    audits: ClassVar = {"GET": "retention.read", "PUT": "retention.changed", "PATCH": "retention.changed"}

    @extend_schema(operation_id="read_retention", parameters=[RetentionPolicySerializer], responses=RetentionSerializer)
    def get(self, request: Request) -> Response:
        """Your company's rules, what would go by them tonight, and what has gone. Changes nothing.

        With other days in the address the report is what would go by those.
        """
        tenant_id = tenant_of(request).pk
        asked = given(RetentionPolicySerializer(data=_without_blanks(request), partial=True))
        return Response(_told(retention.changed(RetentionPolicy.of(tenant_id), asked)))

    @extend_schema(operation_id="replace_retention", request=RetentionPolicySerializer, responses=RetentionSerializer)
    def put(self, request: Request) -> Response:
        """Put other rules in the place of those there; what is not given is kept for good. They hold from tonight."""
        changes = given(RetentionPolicySerializer(data=request.data))
        nothing = dict.fromkeys(RetentionPolicySerializer.Meta.fields)
        return Response(_told(retention.change(tenant_of(request), {**nothing, **changes})))

    @extend_schema(operation_id="change_retention", request=RetentionPolicySerializer, responses=RetentionSerializer)
    def patch(self, request: Request) -> Response:
        """Change what is given; null is for good. What is older by then goes tonight, and does not come back."""
        changes = given(RetentionPolicySerializer(data=request.data, partial=True))
        return Response(_told(retention.change(tenant_of(request), changes)))


def _without_blanks(request: Request) -> dict[str, str | None]:
    """What the address tells of rules; an empty value is for good."""
    names = RetentionPolicySerializer.Meta.fields
    return {name: request.query_params[name] or None for name in names if name in request.query_params}


def _told(policy: RetentionPolicy) -> dict[str, Any]:
    told = {
        "policy": policy,
        "report": retention.report(policy.tenant_id, policy),
        "runs": retention.last_runs(policy.tenant_id),
    }
    return dict(RetentionSerializer(told).data)
