"""What somebody came in with, and whether it still opens the door.

A request shows its credential each time; a socket shows it once and stays, so it is looked at again.
"""

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from crm.browser_sessions import user_in
from crm.models import Token, User


@dataclass(frozen=True, slots=True)
class Credential:
    """A Bearer token's row or a browser session's key; one of the two."""

    token_id: int | None = None
    session_key: str | None = None


def user_behind(credential: Credential) -> User | None:
    """Who that is now: None once the token is revoked, the session signed out, the user gone or inactive."""
    if credential.token_id is not None:
        usable = Token.objects.usable(at=timezone.now()).filter(pk=credential.token_id)
        token = usable.select_related("user__tenant").first()
        return token.user if token else None
    # As for a page: a new password ends the sessions that were opened with the old one.
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(credential.session_key)
    return user_in(request)
