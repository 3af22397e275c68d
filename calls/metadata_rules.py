"""What a caller may keep with a call: JSON of bounded size, with no name that a query could take for its own. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

MOST_BYTES = 16 * 2**10
DEEPEST = 32
# MongoDB's integers have no more bits.
LARGEST_NUMBER = 2**63


def fault_of(metadata: Any) -> str | None:
    """Why it cannot be kept, in a sentence; None when it can."""
    if not isinstance(metadata, Mapping):
        return "An object."
    try:
        size = len(orjson.dumps(dict(metadata)))
    except (TypeError, ValueError, RecursionError):
        return "It cannot be written as JSON."
    if size > MOST_BYTES:
        return f"At most {MOST_BYTES} bytes of JSON."
    return _fault_inside(metadata, levels=DEEPEST)


def _fault_inside(value: Any, *, levels: int) -> str | None:
    if levels == 0:
        return f"It is nested more than {DEEPEST} levels deep."
    inside: list[Any] = []
    match value:
        case Mapping():
            for key in value:
                if not isinstance(key, str) or not key or key.startswith("$") or "." in key or "\0" in key:
                    return "A key is a text that does not begin with $ and holds no dot."
            inside = list(value.values())
        case list() | tuple():
            inside = list(value)
        case int() if abs(value) >= LARGEST_NUMBER:
            return "A number is larger than 64 bits can hold."
        case str() if "\0" in value:
            return "The character NUL cannot be stored."
    faults = (_fault_inside(one, levels=levels - 1) for one in inside)
    return next((fault for fault in faults if fault is not None), None)
