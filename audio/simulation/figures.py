"""What was measured. Percentiles are read off all values; nothing is averaged. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict


class Latency(TypedDict):
    """Of so many requests; milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all are no greater than."""
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def latency(seconds: Sequence[float]) -> Latency | None:
    """None when nothing was measured."""
    if not seconds:
        return None
    ordered = [round(value * 1000, 1) for value in sorted(seconds)]
    return Latency(
        count=len(ordered),
        p50_ms=percentile(ordered, 0.50),
        p95_ms=percentile(ordered, 0.95),
        p99_ms=percentile(ordered, 0.99),
        max_ms=ordered[-1],
    )


@dataclass(slots=True)
class Measured:
    """`taken` has, by kind of request, how long each answer took that was not a refusal for the moment; `until_taken`
    how long its sender was about it altogether, all tries and waits included. `retries` counts by reason."""

    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    until_taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    retries: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    comebacks: int = 0


class Outcome(TypedDict):
    """All that a simulation tells; seconds, bytes, and megabytes where the name ends in `_mb`."""

    calls: int
    chunks: int
    bytes: int
    sound_seconds: float
    sending_seconds: float
    waiting_seconds: float
    uploads_per_second: float
    unruly: bool
    realtime: bool
    waited_for_workers: bool
    latency: Mapping[str, Latency]
    latency_with_retries: Mapping[str, Latency]
    retries: Mapping[str, int]
    repeated_chunks: int
    came_back: int
    segments: int
    lost: Sequence[str]
    doubled: Sequence[str]
    unfinished: Sequence[str]
    memory: Mapping[str, Mapping[str, float]]


def latencies(measured: Mapping[str, Sequence[float]]) -> dict[str, Latency]:
    return {kind: told for kind in sorted(measured) if (told := latency(measured[kind])) is not None}
