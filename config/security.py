"""What browsers are told they may do with our pages."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

# Nothing from elsewhere and nothing inline, in the admin too. `data:` is for the icons that stand in style sheets.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; worker-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# The viewer of the API's description sets styles on its elements; it holds no data and runs no inline script.
DOCS_SECURITY_POLICY = f"{CONTENT_SECURITY_POLICY}; style-src 'self' 'unsafe-inline'"
# The recorder hears the microphone and a tab that one shares, and keeps a phone's screen on.
PERMISSIONS_POLICY = (
    "camera=(), geolocation=(), payment=(), usb=(), microphone=(self), display-capture=(self), screen-wake-lock=(self)"
)


def policies_for(path: str) -> dict[str, str]:
    """The policies that an answer under this path carries unless it has its own."""
    policies = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Permissions-Policy": PERMISSIONS_POLICY}
    # Scripts and styles may be used by the pages that embed us; what we tell about anybody may not.
    if not path.startswith(settings.STATIC_URL):
        policies["Cross-Origin-Resource-Policy"] = "same-origin"
        # Nor is it kept by a browser that the next person uses.
        policies["Cache-Control"] = "no-store"
    return policies


def headers_of_every_answer(path: str) -> dict[str, str]:
    """The policies and what Django's own middleware adds, for an answer that is given in front of Django."""
    added = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
    }
    if settings.SECURE_HSTS_SECONDS:
        added["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return {**policies_for(path), **added}


class SecurityHeaders:
    """Adds the policies to every answer; Django's own middleware adds the rest."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in policies_for(request.path).items():
            response.headers.setdefault(name, value)
        return response


class DocsPage(SpectacularSwaggerSplitView):
    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        response.headers["Content-Security-Policy"] = DOCS_SECURITY_POLICY
        return super().finalize_response(request, response, *args, **kwargs)
