"""Conversations that come as text, over REST."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import intake
from calls.intake import Statistics
from calls.intake_serializers import (
    ConversationIdSerializer,
    IntakeStatsSerializer,
    NewConversationSerializer,
    StandingSerializer,
)


class ConversationList(APIView):
    capabilities: ClassVar = {"POST": "conversations.write"}
    audits: ClassVar = {"POST": "conversation.queued"}

    @extend_schema(request=NewConversationSerializer, responses={202: ConversationIdSerializer})
    def post(self, request: Request) -> Response:
        """Queue a conversation that has ended, to become a call of this id.

        With an `id` of your own it may be sent again, after no answer or a 503 with `Retry-After`: what is known by
        that id stays as it is.
        """
        given = NewConversationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        conversation = dict(given.validated_data)
        user: Any = request.user
        conversation_id = intake.queue_conversation(
            **{"conversation_id": conversation.pop("id", None), **conversation},
            tenant_id=user.tenant_id,
            sent_by=user.pk,
        )
        return Response({"id": conversation_id}, status=status.HTTP_202_ACCEPTED)


class ConversationDetail(APIView):
    capabilities: ClassVar = {"GET": "conversations.read"}
    audits = None  # It tells how a conversation stands, and nothing of what was said.

    @extend_schema(responses=StandingSerializer)
    def get(self, request: Request, conversation_id: str) -> Response:
        """Whether a conversation is queued, stored as a call, or has failed."""
        user: Any = request.user
        return Response(StandingSerializer(intake.standing(user.tenant_id, conversation_id)).data)


class ConversationStats(APIView):
    capabilities: ClassVar = {"GET": "conversations.watch"}
    audits = None  # Nothing in it is about anybody.

    @extend_schema(responses=IntakeStatsSerializer)
    def get(self, request: Request) -> Response:
        """How the intake stands and fares: the queue that all share, and what was stored of one's own company."""
        user: Any = request.user
        return Response(IntakeStatsSerializer(as_told(intake.statistics(user.tenant_id))).data)


def as_told(statistics: Statistics) -> dict[str, Any]:
    """The statistics as the endpoint and `manage.py intake_status --json` tell them."""
    depths = statistics.depths
    return {
        "queued": depths.queued,
        "processing": depths.processing,
        "most_queued": statistics.most_queued,
        "oldest_seconds": round(depths.oldest_seconds, 1),
        "completed": statistics.completed,
        "failed": statistics.failed,
        "dead": statistics.dead,
        "consumers": depths.consumers,
        "stored_per_second": round(statistics.stored_per_second, 2),
        "cache_hits": statistics.cache_hits,
        **{
            name: {quantile: round(getattr(summary, f"{quantile}_ms"), 3) for quantile in ("p50", "p95", "p99")}
            for name, summary in statistics.timings.items()
        },
        "health": statistics.health,
        "alerts": statistics.alerts,
    }
