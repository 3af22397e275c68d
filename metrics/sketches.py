"""Durations as counts in logarithmic buckets (DDSketch, 1 % relative accuracy), which merge by adding. Pure.

Percentiles are read from merged counts and never averaged: of any number of processes, hours or days.
"""

from collections.abc import Mapping
from typing import Final

from ddsketch.mapping import LogarithmicMapping

RELATIVE_ACCURACY: Final = 0.01
SHORTEST_SECONDS: Final = 1e-6

_mapping = LogarithmicMapping(RELATIVE_ACCURACY)


def bucket_of(seconds: float) -> int:
    return int(_mapping.key(max(seconds, SHORTEST_SECONDS)))


def percentile(counts: Mapping[int, int], share: float) -> float:
    """Seconds below which `share` of the counts lie, by bucket → count; 0.0 where nothing was counted."""
    remaining = share * sum(counts.values())
    for bucket, count in sorted(counts.items()):
        remaining -= count
        if remaining <= 0:
            return float(_mapping.value(bucket))
    return 0.0
