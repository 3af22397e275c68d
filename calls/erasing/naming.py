"""Where a call names a colleague besides by whose it is: who has it, who wrote what, who did what. Pure."""

from typing import Any

from calls.store.expressions import Document
from calls.store.people import HELD_BY

_WRITTEN = ("notes", "history", "corrections")


def without(head: Document, user_id: int) -> Document:
    """A call's document that names the colleague no more, but for whose it is; what they wrote stays."""
    after = {**head}
    for name in HELD_BY:
        if after.get(name) == user_id:
            after[name] = None
    for name in _WRITTEN:
        if name in after:
            after[name] = [_unnamed(one, user_id) for one in after[name]]
    if after.get("suspicion"):
        reviews = [_unnamed(one, user_id) for one in after["suspicion"].get("reviews", [])]
        after["suspicion"] = {**after["suspicion"], "reviews": reviews}
    return after


def _unnamed(written: Document, user_id: int) -> Document:
    after = {**written}
    if after.get("by") == user_id:
        after["by"] = None
    for name in ("before", "after"):
        if name in after:
            after[name] = _values(after[name], user_id)
    return after


def _values(values: Any, user_id: int) -> Any:
    """What fields were or are, by a line of the history."""
    if not isinstance(values, dict):
        return values
    return {name: None if name in HELD_BY and value == user_id else value for name, value in values.items()}
