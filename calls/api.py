from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import conversations
from calls.serializers import CallSerializer


class CallDetail(APIView):
    capabilities: ClassVar = {"GET": "calls.read"}
    audits: ClassVar = {"GET": "call.read"}

    @extend_schema(responses=CallSerializer)
    def get(self, request: Request, call_id: str) -> Response:
        """A call with its whole conversation."""
        return Response(CallSerializer(conversations.read_call(request.user, call_id)).data)
