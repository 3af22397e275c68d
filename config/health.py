"""Whether the process lives (`/healthz`) and whether all it depends on answers (`/readyz`)."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from typing import TypedDict

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from audio import blobs, live_state
from calls import store
from config.json import encode
from metrics import archive

DEADLINE_SECONDS = 3.0


class Check(TypedDict):
    ok: bool
    ms: float
    error: str


def _ping_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def _ping_cache() -> None:
    cache.get("ping")


DEPENDENCIES: dict[str, Callable[[], None]] = {
    "postgres": _ping_database,
    "mongodb": store.ping,
    "redis": live_state.ping,
    "objects": blobs.ping,
    "archive": archive.ping,
    "cache": _ping_cache,
}
# Without the cache everything goes on, only slower. Without the archive calls are recorded and heard all the same:
# what it takes waits, and turning recorders away because of it would lose what it is not needed for.
SPARE = {"archive", "cache"}
_threads = ThreadPoolExecutor(max_workers=len(DEPENDENCIES), thread_name_prefix="readyz")
# A ping that hangs is not asked again beside itself: however often /readyz is called, each has one thread.
_under_way: dict[str, Future[Check]] = {}


@csrf_exempt
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse(encode({"status": "ok"}), content_type="application/json")


@csrf_exempt
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 when every dependency that matters answers in time, 503 otherwise; says which, and how quickly."""
    for name, ping in DEPENDENCIES.items():
        if name not in _under_way or _under_way[name].done():
            _under_way[name] = _threads.submit(_check, ping)
    asked = dict(_under_way)
    ends = time.monotonic() + DEADLINE_SECONDS
    checks: dict[str, Check] = {}
    for name, answer in asked.items():
        try:
            checks[name] = answer.result(timeout=max(ends - time.monotonic(), 0))
        except Late:
            checks[name] = Check(ok=False, ms=DEADLINE_SECONDS * 1000, error="no answer in time")
    all_well = all(check["ok"] or name in SPARE for name, check in checks.items())
    body = {"status": "ok" if all_well else "unavailable", "dependencies": checks}
    return HttpResponse(encode(body), content_type="application/json", status=200 if all_well else 503)


def _check(ping: Callable[[], None]) -> Check:
    began = time.perf_counter()
    error = ""
    try:
        ping()
    except Exception as failure:
        # Whatever a driver raises means the same here, and only its kind is fit to be shown.
        error = type(failure).__name__
    return Check(ok=not error, ms=round((time.perf_counter() - began) * 1000, 1), error=error)
