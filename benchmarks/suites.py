"""All suites, by the name that the command line has for them."""

from collections.abc import Mapping

from benchmarks import (
    board,
    calls,
    erasure,
    hearing,
    intake,
    live,
    metrics,
    recorders,
    segments,
    servers,
    start,
    uploads,
)
from benchmarks.rows import Suite

SUITES: Mapping[str, Suite] = {
    "board": board.SUITE,
    "calls": calls.SUITE,
    "erasure": erasure.SUITE,
    "hearing": hearing.SUITE,
    "intake": intake.SUITE,
    "ladder": recorders.LADDER,
    "live": live.SUITE,
    "metrics": metrics.SUITE,
    "recorders": recorders.SUITE,
    "segments": segments.SUITE,
    "servers": servers.SUITE,
    "start": start.SUITE,
    "uploads": uploads.SUITE,
}


def usual() -> list[str]:
    """The names of those that a run of all has."""
    return [name for name, suite in SUITES.items() if not suite.only_when_named]
