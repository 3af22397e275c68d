from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import tickets
from crm.credentials import Credential
from crm.models import Token
from crm.serializers import TicketSerializer


class Tickets(APIView):
    capabilities: ClassVar = {"POST": "tickets.make"}
    audits = None  # What is done with the ticket is written down.
    throttle_scope = "tickets"

    @extend_schema(request=None, responses={201: TicketSerializer})
    def post(self, request: Request) -> Response:
        """A ticket for one WebSocket handshake within 30 seconds."""
        if isinstance(request.auth, Token):
            credential = Credential(token_id=request.auth.pk)
        else:
            credential = Credential(session_key=request.session.session_key)
        return Response({"ticket": tickets.issue(credential)}, status=status.HTTP_201_CREATED)
