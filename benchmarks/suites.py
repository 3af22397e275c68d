"""All suites, by the name that the command line has for them."""

from collections.abc import Mapping

from benchmarks import board, calls, erasure, intake, metrics, segments
from benchmarks.rows import Suite

SUITES: Mapping[str, Suite] = {
    "board": board.SUITE,
    "calls": calls.SUITE,
    "erasure": erasure.SUITE,
    "intake": intake.SUITE,
    "metrics": metrics.SUITE,
    "segments": segments.SUITE,
}
