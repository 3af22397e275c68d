from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import conversations
from calls.serializers import CallEmotionsSerializer, FlagReviewSerializer, SuspicionSerializer


class CallEmotions(APIView):
    capabilities: ClassVar = {"GET": "calls.read"}
    audits: ClassVar = {"GET": "call.read"}

    @extend_schema(responses=CallEmotionsSerializer)
    def get(self, request: Request, call_id: str) -> Response:
        """How things were said in a call, by estimate, segment by segment and on the whole."""
        call = conversations.read_call(request.user, call_id)
        told = {
            "estimate": True,
            "emotions": call.get("emotions", []),
            "final_emotions": call.get("final_emotions", {}),
        }
        return Response(CallEmotionsSerializer(told).data)


class FlagVerdict(APIView):
    capabilities: ClassVar = {"POST": "calls.review"}
    audits: ClassVar = {"POST": "call.flag_reviewed"}

    @extend_schema(request=FlagReviewSerializer, responses=SuspicionSerializer)
    def post(self, request: Request, call_id: str, flag_id: str) -> Response:
        """Say whether a flag is right or wrong. The last word counts; it is kept when the call is analysed again."""
        given = FlagReviewSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        call = conversations.review_flag(request.user, call_id, flag_id, given.validated_data["verdict"])
        return Response(SuspicionSerializer(call["suspicion"]).data)
