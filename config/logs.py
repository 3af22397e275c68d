"""Structured logs: one JSON object a line on standard output, with the request, session and task it belongs to.

Values that name a person never go into a log, and neither does a person's id: say ids of things, codes and counts.
"""

import re
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from metrics import timings

log = structlog.get_logger("earshot.request")

_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
# Behind these an address has a secret, a person, or an id of the caller's own, which may be made of anything.
_TELLING = (
    "/welcome/",
    "/api/metrics/users/",
    "/api/metrics/dubbing-sessions/",
    "/api/conversations/",
    "/api/calls/",
    "/api/crm/calls/",
    "/api/crm/users/",
    "/api/crm/contacts/",
    "/calls/",
    "/contacts/",
    "/settings/people/",
)
# In a line of JSON, from there to where the string or the line of a traceback ends.
_TELLING_ADDRESS = re.compile(rf'({"|".join(_TELLING)})(?:[^"\\]|\\[^n])+')
_PLACE_IN_ROUTE = re.compile(r"<(?:\w+:)?(\w+)>")
# What databases tell of the very row or document.
_DETAIL = re.compile(r"(DETAIL: |dup key: |full error: ).*")
_BEFORE_RENDERING: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    lambda logger, method, event: _without_values(event),
]


def logging_settings(*, level: str) -> dict[str, Any]:
    """Django's LOGGING: the standard library's records and structlog's own leave in the same shape."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_BEFORE_RENDERING,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _BEFORE_RENDERING,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.EventRenamer("message"),
                    structlog.processors.JSONRenderer(),
                    _without_telling_addresses,
                ],
            }
        },
        "handlers": {"output": {"class": "logging.StreamHandler", "stream": _stream(), "formatter": "json"}},
        "root": {"handlers": ["output"], "level": level},
        "loggers": {
            # Every 4xx would be a warning here beside our own line; a 5xx is an error and comes with its traceback.
            "django.request": {"level": "ERROR"},
            # Anybody can send a wrong Host; the answer is a 400 and our own line tells of it.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "botocore": {"level": "WARNING"},
            "pymongo": {"level": "WARNING"},
            # It logs each handshake with its whole address, and so with the ticket.
            "uvicorn.error": {"level": "WARNING"},
        },
    }


def _stream() -> str:
    """What a command prints may be read by another program, as a token is; what it logs is none of that."""
    return "ext://sys.stderr" if Path(sys.argv[0]).name == "manage.py" else "ext://sys.stdout"


def _without_values(event: Any) -> Any:
    """Databases tell in the detail of an error which row it was about, with all that stands in it.

    Celery has it in its own line about a task that failed, too.
    """
    for name in ("exception", "event"):
        if isinstance(event.get(name), str):
            event[name] = _DETAIL.sub(r"\1…", event[name])
    return event


def _without_telling_addresses(logger: Any, method: str, line: str) -> str:
    """A sign-in link opens a door to whoever has it, also one that was mistyped; a user's id names a person.

    Django writes the path of what it refuses into messages of its own, so the finished line is looked at, whoever it
    is from.
    """
    return _TELLING_ADDRESS.sub(r"\1…", line)


def request_id_of(given: str) -> str:
    """The caller's own id for their request when it is sane, else one of ours."""
    return given if _SAFE_REQUEST_ID.match(given) else uuid.uuid4().hex


def _told(request: HttpRequest) -> str:
    """The address without what may name somebody; of one that leads nowhere, how it begins."""
    match = request.resolver_match
    if match is None:
        first = request.path.split("/", 2)[1]
        return request.path if request.path in {"/", f"/{first}"} else f"/{first}/…"

    def told(place: re.Match[str]) -> str:
        value = match.kwargs.get(place[1])
        is_ours = isinstance(value, uuid.UUID) or (place[1] == "index" and str(value).isdecimal())
        return str(value) if is_ours else "…"

    return f"/{_PLACE_IN_ROUTE.sub(told, match.route)}"


class RequestLog:
    """Gives each request an id (the caller's `X-Request-ID` when it is sane), times it and writes one line.

    The path goes in without its query, which may hold a ticket or a search, and of the ids in it with those of ours
    alone that no person has.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.headers.get("X-Request-ID", ""))
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            seconds = time.perf_counter() - began
            route = request.resolver_match.view_name if request.resolver_match else "unknown"
            timings.record(f"http.{route}", seconds, failed=response.status_code >= 500)
            log.info(
                "request",
                method=request.method,
                path=_told(request),
                status=response.status_code,
                ms=round(seconds * 1000, 1),
            )
        response["X-Request-ID"] = request_id
        return response
