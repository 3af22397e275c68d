"""Who is calling: over REST by Bearer token, over a WebSocket by ticket or cookie."""

from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.db import database_sync_to_async
from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from crm import origins, tickets, tokens
from crm.credentials import Credential, user_behind
from crm.errors import RetryableDeskError
from crm.models import Token, User


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer ear_…`; a wrong, expired or revoked one is a 401 and never falls back to a cookie."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        scheme, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.find(secret.strip())
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked. Issue a new one.")
        structlog.contextvars.bind_contextvars(tenant_id=token.user.tenant_id)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="earshot"'


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "crm.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class CookieAuthentication(SessionAuthentication):
    """The browser's session. A write needs the CSRF token; an upload may have its own page vouched for instead.

    A recorder that runs for hours outlives the token it was given, so a view with `is_upload = True` is content
    with the browser's word that a page of ours sends it, which another site's page cannot make it say.
    """

    def enforce_csrf(self, request: Request) -> None:
        view = (request.parser_context or {}).get("view")
        if getattr(view, "is_upload", False) and origins.is_from_own_page(
            fetch_site=request.headers.get("Sec-Fetch-Site", ""),
            origin=request.headers.get("Origin", ""),
            host=request.get_host(),
        ):
            return
        super().enforce_csrf(request)


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "crm.authentication.CookieAuthentication"
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class SocketAuthentication:
    """ASGI middleware: `scope["user"]` from `?ticket=`, else from the session cookie with the host's own Origin.

    A stranger's page can make a browser send our cookie, but not our Origin; and a ticket it cannot have.
    `scope["read_user_again"]` tells later who that is by then, or None.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.by_cookie = SessionMiddlewareStack(self._with_session)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
        if ticket is not None:
            return await self._enter(await _credential_of(ticket[0]), scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not origins.is_own(headers.get("origin", ""), host=headers.get("host", "")):
            return await self._enter(None, scope, receive, send)
        return await self.by_cookie(scope, receive, send)

    async def _with_session(self, scope: Any, receive: Any, send: Any) -> Any:
        session_key = await database_sync_to_async(lambda: scope["session"].session_key)()
        credential = Credential(session_key=session_key) if session_key else None
        return await self._enter(credential, scope, receive, send)

    async def _enter(self, credential: Credential | None, scope: Any, receive: Any, send: Any) -> Any:
        async def read_user() -> User | None:
            return await database_sync_to_async(user_behind)(credential) if credential else None

        user = await read_user() or AnonymousUser()
        return await self.app({**scope, "user": user, "read_user_again": read_user}, receive, send)


async def _credential_of(ticket: str) -> Credential | None:
    try:
        credential: Credential | None = await database_sync_to_async(tickets.redeem)(ticket)
        return credential
    except RetryableDeskError:
        # Refused as a stranger is; a client asks for a new ticket then, and is told to try again.
        return None
