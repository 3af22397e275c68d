from dataclasses import asdict
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from metrics import operations, timings
from metrics.timings import Summary


class OperationSerializer(serializers.Serializer[Summary]):
    operation = serializers.CharField()
    description = serializers.CharField(help_text="What it is, in plain words.")
    count = serializers.IntegerField()
    failures = serializers.IntegerField()
    p50_ms = serializers.FloatField()
    p95_ms = serializers.FloatField()
    p99_ms = serializers.FloatField()


def _rounded(summary: Summary) -> dict[str, float]:
    """A sketch knows no more than this."""
    return {name: round(getattr(summary, name), 3) for name in ("p50_ms", "p95_ms", "p99_ms")}


class Operations(APIView):
    capabilities: ClassVar = {"GET": "metrics.read"}
    audits = None  # Nothing in it is about anybody.

    @extend_schema(responses=OperationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """How long operations took in the last 24 hours, all processes together."""
        return Response(
            [
                {**asdict(one), **_rounded(one), "description": operations.words_of(one.operation)}
                for one in timings.summary()
            ]
        )
