"""Errors that nobody caught, told to Sentry: which, where in the code, in answer to which kind of request or task."""

from collections.abc import Mapping
from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.types import Event, Hint

# The file, the line and the source around it; a variable's value is in none of them.
_PLACE: Final = (
    "filename",
    "abs_path",
    "function",
    "module",
    "lineno",
    "pre_context",
    "context_line",
    "post_context",
    "in_app",
)
_KEPT: Final = ("event_id", "timestamp", "level", "platform", "release", "transaction", "transaction_info", "sdk")


def start(dsn: str, process: str) -> None:
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        traces_sample_rate=None,
        auto_session_tracking=False,
        # The defaults would add the command's arguments, which name people, and every line of the log.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration(), CeleryIntegration()],
        before_send=lambda event, hint: report(event, hint, process=process),
    )


def report(event: Event, hint: Hint, *, process: str) -> Event:
    """What leaves of an event. Messages of errors stay behind: a driver's holds values of the row it was about."""
    kept: dict[str, Any] = {name: value for name, value in event.items() if name in _KEPT}
    thrown: Any = event.get("exception") or {}
    request: Any = event.get("request") or {}
    kept["exception"] = {"values": [_without_values(one) for one in thrown.get("values", [])]}
    kept["request"] = {"method": request.get("method")} if request else {}
    kept["tags"] = {"process": process}
    told: Event = kept  # type: ignore[assignment]  # It has fewer keys, and the same.
    return told


def _without_values(thrown: Mapping[str, Any]) -> dict[str, Any]:
    frames = (thrown.get("stacktrace") or {}).get("frames", [])
    return {
        "type": thrown.get("type"),
        "module": thrown.get("module"),
        "stacktrace": {"frames": [{name: frame[name] for name in _PLACE if name in frame} for frame in frames]},
    }
