"""A view that does nothing, but for what is done before any view: it knows who asks, and whether they may."""

from typing import ClassVar

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

ADDRESS = "api/benchmark/empty"


class Empty(APIView):
    capabilities: ClassVar = {"POST": "conversations.write"}
    audits = None  # It does nothing that anybody could want to know of.

    def post(self, _request: Request) -> Response:
        return Response({"id": ""}, status=status.HTTP_202_ACCEPTED)
