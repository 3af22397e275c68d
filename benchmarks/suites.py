"""All suites, by the name that the command line has for them."""

from collections.abc import Mapping

from benchmarks import board, calls, intake, metrics, segments
from benchmarks.rows import Suite

SUITES: Mapping[str, Suite] = {
    "board": board.SUITE,
    "calls": calls.SUITE,
    "intake": intake.SUITE,
    "metrics": metrics.SUITE,
    "segments": segments.SUITE,
}
