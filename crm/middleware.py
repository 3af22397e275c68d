"""What stands around every view: whether its page may be seen, and the audit log's entry when an act was done."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from rest_framework.views import APIView

from crm.audit import acts
from crm.models import User

log = structlog.get_logger("earshot.audit")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class PageAccess:
    """Opens a page to who has the capability that it names: `capability = "recordings.read"`.

    `None` opens it to everybody, as the page to sign in; a page that names nothing is closed. Superusers run the
    site but work in no company, so a company's pages are closed to them. REST views have their own permission
    (`permissions.py`), the admin site its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        page = getattr(view, "view_class", None)
        if page is None or issubclass(page, APIView):
            return None
        if not hasattr(page, "capability"):
            raise PermissionDenied
        if page.capability is None:
            return None
        user = request.user
        if not isinstance(user, User):
            return redirect_to_login(request.get_full_path())
        if user.tenant_id is None or not user.may(page.capability):
            raise PermissionDenied
        return None


class AuditTrail:
    """Writes an entry when a view has done what its `audits` attribute says; see the story in `crm/audit`.

    Who asked to see something does not get to see it when that cannot be written down. What was changed stays
    changed, and the loss of its entry is logged as an error. A view whose refusal has done it all the same names the
    codes of such refusals in `done_all_the_same`. A view that is asked many times in the course of one act says in
    `same_act_for` for how long an entry stands for all of it. Of several acts that it declares it says in the
    request's `act` which it has done, when it is not the usual one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Signing out leaves nobody behind in `request.user`.
        before = request.user
        response = self.get_response(request)
        view, via = _view_of(request)
        act = getattr(request, "act", None) or acts.of_view(view, request.method or "")
        is_shown_again = via == "page" and request.method == "POST" and response.status_code == HTTPStatus.OK
        if is_shown_again:
            # A form that was wrong, with all that its page shows.
            act = acts.of_view(view, "GET")
        elif not _was_done(request, response, view, via):
            act = None
        if act is None:
            return response
        actor = request.user if isinstance(request.user, User) else before
        if not isinstance(actor, User):
            return response
        try:
            address = request.resolver_match.kwargs if request.resolver_match else {}
            # What a view was about although its address does not say so.
            address = {**address, **getattr(request, "about", {})}
            subject = acts.subject_of(act, address, getattr(response, "data", None))
            within = getattr(view, "same_act_for", None)
            if within is None or not acts.is_still(act, actor=actor, subject=subject, within=within):
                acts.write(act, actor=actor, subject=subject, via=via)
        except Error as error:
            # Without its traceback: a driver's message may hold values.
            log.error("audit_entry_lost", act=act, error=type(error).__name__)  # noqa: TRY400
            if is_shown_again or request.method in SAFE_METHODS:
                unavailable: Callable[[HttpRequest], HttpResponse] = import_string(settings.UNAVAILABLE_VIEW)
                return unavailable(request)
        return response


def _view_of(request: HttpRequest) -> tuple[Any, str]:
    """The class behind the answer, and what kind of door it is, `api` or `page`. The admin writes for itself."""
    view = getattr(request.resolver_match.func, "view_class", None) if request.resolver_match else None
    return view, "api" if view is not None and issubclass(view, APIView) else "page"


def _was_done(request: HttpRequest, response: HttpResponse, view: Any, via: str) -> bool:
    if via == "page" and request.method not in SAFE_METHODS:
        # A form that was right leads elsewhere, or shows what it made.
        return 300 <= response.status_code < 400 or response.status_code == HTTPStatus.CREATED
    if response.status_code < 400:
        return 200 <= response.status_code < 300
    refusal = getattr(response, "data", None)
    code = refusal["error"]["code"] if isinstance(refusal, Mapping) else None
    return code in getattr(view, "done_all_the_same", ())
