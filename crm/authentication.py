"""Who is calling: over REST by Bearer token, over a WebSocket by ticket or cookie."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from crm import tickets, tokens
from crm.errors import RetryableDeskError
from crm.models import User


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer ear_…`; a wrong, expired or revoked one is a 401 and never falls back to a cookie."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        user = tokens.user_of(secret.strip())
        if user is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked. Issue a new one.")
        structlog.contextvars.bind_contextvars(user_id=user.pk, tenant_id=user.tenant_id)
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="earshot"'


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "crm.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SocketAuthentication:
    """ASGI middleware: `scope["user"]` from `?ticket=`, else from the session cookie with the host's own Origin.

    A stranger's page can make a browser send our cookie, but not our Origin; and a ticket it cannot have.
    """

    def __init__(self, app: Any) -> None:
        self.by_ticket = app
        self.by_cookie = AuthMiddlewareStack(app)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
        if ticket is not None:
            try:
                user = await database_sync_to_async(tickets.redeem)(ticket[0])
            except RetryableDeskError:
                # Refused as a stranger is; a client asks for a new ticket then, and is told to try again.
                user = None
            return await self.by_ticket({**scope, "user": user or AnonymousUser()}, receive, send)
        if not is_same_origin(dict(scope["headers"])):
            return await self.by_ticket({**scope, "user": AnonymousUser()}, receive, send)
        return await self.by_cookie(scope, receive, send)


def is_same_origin(headers: dict[bytes, bytes]) -> bool:
    origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
    return bool(origin.netloc) and origin.netloc == headers.get(b"host", b"").decode("latin-1")
