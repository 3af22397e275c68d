from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import policies
from crm.api.asking import given, tenant_of
from crm.serializers import SettingsSerializer


class Settings(APIView):
    capabilities: ClassVar = {"GET": "settings.manage", "PATCH": "settings.manage"}
    audits: ClassVar = {"GET": "settings.read", "PATCH": "settings.changed"}

    @extend_schema(operation_id="read_settings", responses=SettingsSerializer)
    def get(self, request: Request) -> Response:
        """Your company's settings."""
        return Response(SettingsSerializer(policies.read_all(tenant_of(request))).data)

    @extend_schema(operation_id="change_settings", request=SettingsSerializer, responses=SettingsSerializer)
    def patch(self, request: Request) -> Response:
        """Change what is given, all or nothing; it holds at once."""
        changes = given(SettingsSerializer(data=request.data, partial=True))
        return Response(SettingsSerializer(policies.read_all(policies.write(tenant_of(request), changes))).data)
