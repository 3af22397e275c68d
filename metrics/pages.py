"""`/metrics`, for Prometheus: for this machine, and for who has the token of `EARSHOT_METRICS_TOKEN`."""

import ipaddress
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from metrics import counters, gauges, prometheus, timings
from metrics.errors import RetryableMetricsError

# With one of these a proxy speaks for somebody else, whoever that is.
_FORWARDING: Final = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
# What a machine calls itself. A proxy that says nothing of whom it speaks for asks by the name that people use.
_OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not (_is_from_this_machine(request) or _has_token(request)):
        return HttpResponse("Send the token of EARSHOT_METRICS_TOKEN.\n", status=403, content_type="text/plain")
    try:
        body = prometheus.page(gauges.all_told(), timings.summary(), counters.all_told(), timings.since_ever())
    except RetryableMetricsError as away:
        headers = {"Retry-After": str(away.retry_after_seconds)}
        return HttpResponse(f"{away.message}\n", status=503, content_type="text/plain", headers=headers)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _is_from_this_machine(request: HttpRequest) -> bool:
    if any(header in request.headers for header in _FORWARDING):
        return False
    if split_domain_port(request.get_host())[0] not in _OWN_NAMES:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.EARSHOT_METRICS_TOKEN
    return bool(wanted) and scheme.lower() == "bearer" and constant_time_compare(token.strip(), wanted)
