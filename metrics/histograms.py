"""Durations since ever, in the few buckets that Prometheus works with. Pure.

They are made of the sketches' own buckets, so that to record a duration costs nothing more; a bound is therefore as
exact as a sketch is, to 1 %.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

from metrics import sketches

# In seconds. Every threshold that alerts come with is one of them; beyond the last is whatever took longer.
BOUNDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
)
FAILURES: Final = "failures"
_MICROSECONDS = "us"


@dataclass(frozen=True, slots=True)
class Histogram:
    """One operation. `counts`: how many took up to each of BOUNDS, those of the bounds before among them."""

    operation: str
    counts: Sequence[int]
    count: int
    seconds: float
    failures: int


def folded(counts: Mapping[str, int]) -> Counter[str]:
    """`{operation}|{bucket of the sketch}` → count as `{operation}|{which bound}`, and their time in microseconds."""
    few: Counter[str] = Counter()
    for name, count in counts.items():
        operation, _, bucket = name.rpartition("|")
        if bucket == FAILURES:
            few[name] += count
            continue
        bound, microseconds = _of_bucket(int(bucket))
        few[f"{operation}|{bound}"] += count
        few[f"{operation}|{_MICROSECONDS}"] += count * microseconds
    return few


def read(counts: Mapping[str, int]) -> list[Histogram]:
    """What `folded` counts, added up, by operation."""
    told: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        operation, _, what = name.rpartition("|")
        told.setdefault(operation, {})[what] = count
    return [_histogram(operation, told[operation]) for operation in sorted(told)]


def _histogram(operation: str, told: Mapping[str, int]) -> Histogram:
    *counts, count = accumulate(told.get(str(bound), 0) for bound in range(len(BOUNDS) + 1))
    seconds, failures = told.get(_MICROSECONDS, 0) / 1e6, told.get(FAILURES, 0)
    return Histogram(operation, counts, count, seconds, failures)


@cache
def _of_bucket(bucket: int) -> tuple[int, int]:
    seconds = sketches.percentile({bucket: 1}, 1.0)
    return bisect_left(BOUNDS, seconds), round(seconds * 1e6)
