"""Who sends a chunk, by upload token: `Authorization: Bearer up_…`."""

from typing import Any

import structlog
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from audio import upload_tokens
from audio.upload_tokens import UploadToken


class UploadTokenAuthentication(BaseAuthentication):
    """Takes an upload token where the view says `takes_upload_token = True`, and for its own recording alone.

    A view with `renews_upload_token = True` takes one that has expired too. What is no upload token is left to others.
    """

    def authenticate(self, request: Request) -> tuple[Any, UploadToken] | None:
        scheme, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip().startswith(upload_tokens.PREFIX):
            return None
        context = request.parser_context or {}
        view = context.get("view")
        found = upload_tokens.read(secret.strip(), also_expired=getattr(view, "renews_upload_token", False))
        if found is None:
            raise AuthenticationFailed("This upload token is unknown or has expired. Renew it, or sign in.")
        user, token = found
        if (
            not getattr(view, "takes_upload_token", False)
            or context.get("kwargs", {}).get("session_id") != token.session_id
        ):
            raise AuthenticationFailed("An upload token opens nothing but its own recording.")
        structlog.contextvars.bind_contextvars(tenant_id=user.tenant_id)
        return user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="earshot"'


class UploadTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "audio.authentication.UploadTokenAuthentication"
    name = "uploadToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "up_…, good for one recording"}
