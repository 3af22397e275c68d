"""Calls as a list of something else shows them: what each is about, and what is suspicious in it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from calls import store

# Of one call, so many kinds of flags are shown.
MOST_FLAGS = 3


@dataclass(frozen=True, slots=True)
class Outline:
    """`suspicion_score` 0-1, None where nothing was looked for; `flags` are kinds, the weightiest first."""

    subject: str
    suspicion_score: float | None
    flags: tuple[str, ...]


def of(tenant_id: int, call_ids: Collection[str]) -> dict[str, Outline]:
    """`call_id` → outline, of those of a company's calls that there are. Raises RetryableCallError."""
    outlines = {}
    for call in store.outlines(tenant_id=tenant_id, call_ids=call_ids):
        suspicion = call.get("suspicion", {})
        outlines[call["call_id"]] = Outline(call["subject"], suspicion.get("score"), flags_of(suspicion))
    return outlines


def flags_of(suspicion: Mapping[str, Any]) -> tuple[str, ...]:
    """Of what a call's analysis found suspicious, the kinds of flags that nobody has judged wrong, as `Outline`."""
    wrong = {review["flag_id"] for review in suspicion.get("reviews", []) if review["verdict"] == "wrong"}
    weights: dict[str, float] = {}
    for flag in suspicion.get("reasons", []):
        if flag["flag_id"] not in wrong:
            weights[flag["kind"]] = max(flag["weight"], weights.get(flag["kind"], 0.0))
    return tuple(sorted(weights, key=lambda kind: (-weights[kind], kind))[:MOST_FLAGS])
