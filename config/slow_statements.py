"""How long statements to PostgreSQL take, and which are slow. Their text has placeholders where the values stood."""

import time
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.sql import Composable

from metrics import slow, timings

# Work takes turns by it, and may wait for its turn as long as the others take.
_LOCK = "SELECT pg_advisory_"


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have every statement of a connection looked at."""
    if _looked_at not in connection.execute_wrappers:
        connection.execute_wrappers.append(_looked_at)


def _looked_at(
    execute: Callable[..., Any], sql: str | Composable, params: Any, many: Any, context: dict[str, Any]
) -> Any:
    # One that was put together by the driver's own means is no text yet.
    text = sql if isinstance(sql, str) else sql.as_string(None)
    began = time.perf_counter()
    failed = False
    try:
        return execute(sql, params, many, context)
    except (OperationalError, InterfaceError):
        # Any other says that a statement was refused, as a second row of the same key is, and was as quick.
        failed = True
        raise
    finally:
        seconds = time.perf_counter() - began
        timings.record(_operation_of(text), seconds, failed=failed)
        if slow.is_slow(seconds):
            slow.note("postgresql", text, seconds)


def _operation_of(text: str) -> str:
    begins = text[:100].lstrip()
    if begins.startswith(_LOCK):
        return "postgresql.lock"
    return "postgresql.read" if begins.startswith("SELECT") and "FOR UPDATE" not in text else "postgresql.write"
