from typing import ClassVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import tickets
from crm.models import User
from crm.serializers import TicketSerializer


class Tickets(APIView):
    capabilities: ClassVar = {"POST": "tickets.make"}

    @extend_schema(request=None, responses={201: TicketSerializer})
    def post(self, request: Request) -> Response:
        """A ticket for one WebSocket handshake within 30 seconds."""
        return Response({"ticket": tickets.issue(cast("User", request.user))}, status=status.HTTP_201_CREATED)
