"""How long a browser stays signed in: until it has not been used for as long as its company allows.

The answer is looked up with the person at every request, so that a changed rule holds at once, for sockets too.
"""

import time
from collections.abc import Collection

from django.contrib.auth import SESSION_KEY, get_user, login
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from crm.models import AccessPolicy, User

USED_AT = "used_at"
# Written at most this often, so that reading a page stays reading.
PRECISION_SECONDS = 60


class PeopleBackend(ModelBackend):
    """Reads a person with their company and its rules in one query."""

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("tenant__access_policy").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


class BrowserSessions(AuthenticationMiddleware):
    """Django's own, but for sessions that have not been used for too long."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        # Nothing is looked up for what asks for nobody: a health check must not need the database.
        request.user = SimpleLazyObject(lambda: _user_of(request))  # type: ignore[assignment]


def begin(request: HttpRequest, user: User) -> None:
    """Sign a person in to this browser."""
    login(request, user)
    request.session[USED_AT] = int(time.time())


def user_in(request: HttpRequest) -> User | None:
    """Who is signed in by this request's session; None for nobody, or once it was unused for too long."""
    user = get_user(request)
    return user if isinstance(user, User) and not _is_idle(request.session, user) else None


def keys_of(user_id: int) -> list[str]:
    """The keys of the sessions in which somebody is signed in; every session that there is has to be opened for it."""
    wanted = str(user_id)
    return [one.pk for one in Session.objects.iterator() if one.get_decoded().get(SESSION_KEY) == wanted]


def remove(keys: Collection[str]) -> int:
    """Sign these browsers out. How many sessions there were."""
    removed, _ = Session.objects.filter(pk__in=keys).delete()
    return removed


def _user_of(request: HttpRequest) -> User | AnonymousUser:
    user = user_in(request)
    if user is None:
        if USED_AT in request.session:
            request.session.flush()
        return AnonymousUser()
    try:
        _note_use(request.session)
    except UpdateError:
        # Signed out in another tab, in this very moment.
        return AnonymousUser()
    return user


def _is_idle(session: SessionBase, user: User) -> bool:
    used_at = session.get(USED_AT)
    return used_at is not None and time.time() - used_at > AccessPolicy.of(user.tenant).idle_limit.total_seconds()


def _note_use(session: SessionBase) -> None:
    now = int(time.time())
    if now - session.get(USED_AT, 0) < PRECISION_SECONDS:
        return
    was_modified = session.modified
    session[USED_AT] = now
    # At once and not with the answer, which could fail for it if somebody signs out meanwhile.
    session.save()
    session.modified = was_modified
