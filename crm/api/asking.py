"""What every view of the desk asks of a request, the admin's too."""

from typing import Any, cast

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from crm.models import Tenant, User

# An answer that holds a secret is for whoever asked, and for no store on the way.
NOT_KEPT = {"Cache-Control": "no-store"}


def given(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def person_of(request: Request | HttpRequest) -> User:
    return cast("User", request.user)


def tenant_of(request: Request | HttpRequest) -> Tenant:
    # The permission has let in only who works in a company.
    return cast("Tenant", person_of(request).tenant)
