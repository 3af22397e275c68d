from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import call_page


class CallView(APIView):
    capabilities: ClassVar = {"GET": "calls.read"}
    audits: ClassVar = {"GET": "call.read"}
    # A page asks again whenever something has changed; whoever has it open is reading the call all that time.
    same_act_for: ClassVar = timedelta(minutes=5)

    @extend_schema(
        operation_id="view_call",
        parameters=[OpenApiParameter("lines", bool, description="`false` leaves out what is said")],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, call_id: str) -> Response:
        """A call as its page shows it: people by name, figures, flags, notes, history in words, and what is said."""
        with_lines = request.query_params.get("lines") != "false"
        shown: dict[str, Any] = {**call_page.view(request.user, call_id, with_lines=with_lines)}
        return Response(shown)
