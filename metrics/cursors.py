"""Where a list goes on, as text in an address: opaque to the caller, and nothing but a position."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

USUAL_LIMIT = 100
LARGEST_LIMIT = 1000
_LONGEST = 400
_LARGEST_NUMBER = 2**63 - 1


def limit_of(request: Request) -> int:
    """`limit` of the address. Raises ValidationError."""
    given = request.query_params.get("limit")
    if given is None:
        return USUAL_LIMIT
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= LARGEST_LIMIT):
        raise ValidationError({"limit": [f"A whole number from 1 to {LARGEST_LIMIT}."]})
    return int(given)


def cursor_of(request: Request) -> list[str | int | float] | None:
    """What `encoded` was given, if the address has a cursor. Raises NotFound for one that is none of ours."""
    given = request.query_params.get("cursor")
    if given is None:
        return None
    try:
        values = orjson.loads(base64.urlsafe_b64decode(given.encode())) if len(given) <= _LONGEST else None
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in values):
        raise none_of_ours()
    return values


def position_of(moment: str, number: int) -> tuple[datetime, int]:
    """Where something stands among others, of what a cursor holds: when it began, and its number. Raises NotFound."""
    try:
        at = datetime.fromisoformat(moment)
        in_utc = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise none_of_ours() from None
    if not 0 <= number <= _LARGEST_NUMBER:
        raise none_of_ours()
    return in_utc, number


def place_of(request: Request) -> tuple[str, tuple[datetime, int] | None]:
    """Where a list of calls goes on: `before` or `after` a position, None being its beginning. Raises NotFound."""
    match cursor_of(request):
        case None:
            return "before", None
        case ["before" | "after" as direction, str(moment), int(number)]:
            return direction, position_of(moment, number)
    raise none_of_ours()


def none_of_ours() -> NotFound:
    return NotFound("This cursor is none of ours. Begin the list anew.")


def encoded(values: Sequence[str | int | float]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).decode()


def link(request: Request, values: Sequence[str | int | float] | None) -> str | None:
    """The address of the page at a position; None for none."""
    if values is None:
        return None
    query = {name: value for name, value in request.query_params.items() if name != "cursor"}
    return request.build_absolute_uri(f"{request.path}?{urlencode({**query, 'cursor': encoded(values)})}")
