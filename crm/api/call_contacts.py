from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import customers, representation
from calls.serializers import LARGEST_ID, CallSerializer
from crm import contacts
from crm.api.asking import given, person_of, tenant_of


class CallContactSerializer(serializers.Serializer[dict[str, Any]]):
    contact_id = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, allow_null=True, help_text="null for nobody's."
    )
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_ID, required=False)


class CallContact(APIView):
    """On this floor because the calls know no contacts: it takes both to say that a contact is the company's."""

    capabilities: ClassVar = {"POST": "contacts.write"}
    audits: ClassVar = {"POST": "call.changed"}

    @extend_schema(operation_id="choose_contact", request=CallContactSerializer, responses=CallSerializer)
    def post(self, request: Request, call_id: str) -> Response:
        """Say whose a call is. It stays so, whatever its phone and id say. With `version`, 409 as for a move."""
        wanted = given(CallContactSerializer(data=request.data))
        if wanted["contact_id"] is not None:
            contacts.find(tenant_of(request).pk, wanted["contact_id"])
        call = customers.choose(person_of(request), call_id, wanted["contact_id"], version=wanted.get("version"))
        return Response(representation.of_changed(request, call))
