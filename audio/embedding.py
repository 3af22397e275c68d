"""The recorder on other sites' pages: which origins may send sound here, and read what is answered (CORS).

A browser asks before it sends (the preflight), without saying for whom; it is told yes when any company allows the
origin. The answer itself may be read only where the company of the upload token allows it, and cookies play no part:
nothing here ever allows credentials.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from audio import upload_tokens
from audio.models import RecordingPolicy

_PATHS = "/api/audio/sessions/"
_METHODS = "GET, POST, PUT"
_HEADERS = "Authorization, Content-Type, Content-Digest, X-Start-Time, X-Sample-Range, X-Captured-At"
# What the recorder reads of an answer beside its body.
_EXPOSED = "Retry-After"
_PREFLIGHT_SECONDS = 600


class EmbeddedRecorder:
    """Middleware around the API of recordings."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = request.headers.get("Origin", "")
        if not origin or not request.path.startswith(_PATHS):
            return self.get_response(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return _preflight(origin)
        response = self.get_response(request)
        patch_vary_headers(response, ["Origin"])
        if _may_read(request, origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response


def _preflight(origin: str) -> HttpResponse:
    response = HttpResponse(status=204)
    patch_vary_headers(response, ["Origin"])
    if RecordingPolicy.is_allowed_by_any(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
    return response


def _may_read(request: HttpRequest, origin: str) -> bool:
    """Also the refusal of a token that has expired may be read: the recorder renews it then."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.startswith(upload_tokens.PREFIX):
        return False
    found = upload_tokens.read(secret.strip(), also_expired=True)
    return found is not None and RecordingPolicy.of(found[0].tenant_id).allows(origin)
