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


class SecurityHeaders:
    """Adds the policies to every answer; Django's own middleware adds the rest."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        # Scripts and styles may be used by the pages that embed us; what we tell about anybody may not.
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            # Nor is it kept by a browser that the next person uses.
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class DocsPage(SpectacularSwaggerSplitView):
    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        response.headers["Content-Security-Policy"] = DOCS_SECURITY_POLICY
        return super().finalize_response(request, response, *args, **kwargs)
