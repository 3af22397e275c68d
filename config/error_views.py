"""What Django answers outside any view: JSON in the one error shape under /api/, a page elsewhere."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults

from config.errors import DATABASE_RETRY_SECONDS, shape, status_of


class ErrorsOfPages:
    """Answers what a page or the admin was not ready for by the same table as over REST: gone, or out of reach.

    Anything else is a mistake of ours there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        match status_of(exception):
            case HTTPStatus.NOT_FOUND:
                return not_found(request, exception)
            case HTTPStatus.SERVICE_UNAVAILABLE:
                return unavailable(request)
        return None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_for_programs(request):
        return JsonResponse(shape("malformed", "This request cannot be understood.", path=request.path), status=400)
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_for_programs(request):
        return JsonResponse(shape("forbidden", "Your role does not include this.", path=request.path), status=403)
    return defaults.permission_denied(request, exception)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _is_for_programs(request):
        return JsonResponse(
            shape("csrf_failed", "The CSRF token is missing or out of date.", path=request.path), status=403
        )
    return defaults.permission_denied(request, PermissionError(reason))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_for_programs(request):
        return JsonResponse(shape("not_found", "There is nothing under this address.", path=request.path), status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    if _is_for_programs(request):
        message = "Something went wrong on our side. It has been logged under the X-Request-ID of this answer."
        return JsonResponse(shape("internal_error", message, path=request.path), status=500)
    return defaults.server_error(request)


def unavailable(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(DATABASE_RETRY_SECONDS)}
    if _is_for_programs(request):
        message = "The database is out of reach for a moment. Try again."
        return JsonResponse(shape("database_unavailable", message, path=request.path), status=503, headers=headers)
    return HttpResponse(render_to_string("503.html", request=None), status=503, headers=headers)


def _is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
