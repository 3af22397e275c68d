"""A call as it is told over REST: without what is kept for ourselves.

Plain dictionaries, which go to the encoder as they are: a long call has ten thousands of segments, each with its words.
"""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework.request import Request

from calls.documents import Call

# What is nobody's business outside, or has an address of its own.
_OURS: Final = frozenset(
    {
        "tenant_id",
        "deleted",
        "corrections",
        "renamed",
        "notes",
        "history",
        "spilled",
        "migrated",
        "erased_side",
        "phone_key",
        "contact_sought",
        "_id",
    }
)
# What grows with a call, beside its suspicion, of which a list tells the score.
_GROWING: Final = frozenset({"conversation", "emotions"})


def of_call(call: Call) -> dict[str, Any]:
    """A call with its conversation."""
    # Older calls do not say.
    told: dict[str, Any] = {"phone": None, "contact_match": None}
    return told | {name: value for name, value in call.items() if name not in _OURS}


def of_listed(call: Call) -> dict[str, Any]:
    """A call among others, without what grows with it; of its suspicion the score."""
    told = of_call(call)
    suspicion: Mapping[str, Any] = told.pop("suspicion", None) or {}
    return {**told, "suspicion_score": suspicion.get("score")}


def of_changed(request: Request, call: Call) -> dict[str, Any]:
    """The call after a change; by `Prefer: return=minimal` (RFC 7240) without what grows with it."""
    if "return=minimal" not in request.headers.get("Prefer", ""):
        return of_call(call)
    return of_listed({name: value for name, value in call.items() if name not in _GROWING})  # type: ignore[arg-type]
