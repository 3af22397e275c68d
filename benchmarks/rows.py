"""What is told of a thing that was measured, and what it is held to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.measuring import Figures
from benchmarks.scales import Run


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be: in words, what came out, and whether that is good enough."""

    says: str
    reached: float
    met: bool
    unit: str = "×"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing. `unit` is that of all three figures, of which either of the others may be missing."""

    what: str
    unit: str
    ours: Figures
    baseline: Figures | None = None
    floor: Figures | None = None
    targets: tuple[Target, ...] = ()
    note: str = ""
    # What the two are, where it is something else than the suite says of all its rows.
    baseline_is: str = ""
    floor_is: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `MISS`, or nothing for what is told for its own sake."""
        if not self.targets:
            return ""
        return "ok" if all(target.met for target in self.targets) else "MISS"


@dataclass(frozen=True, slots=True)
class Suite:
    """Rows that belong together. `baseline` and `floor` say what those columns are; `measure` gives the rows.

    One that is run `only_when_named` is left out of a run of all.
    """

    title: str
    baseline: str
    floor: str
    measure: Callable[[Run], Iterator[Row]]
    only_when_named: bool = False


@dataclass(slots=True)
class Measured:
    """A suite by its name, with the rows that have come of it so far, and how long they took.

    `wrong` says what came to a wrong answer, after which nothing more was measured of it.
    """

    name: str
    suite: Suite
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    wrong: str = ""


def faster(ours: Figures, baseline: Figures, *, least: float) -> Target:
    """So many times as fast as the baseline, by medians of times."""
    reached = baseline.median / ours.median
    return Target(f"≥ {least:g} × as fast", reached, reached >= least)


def near(ours: Figures, floor: Figures, *, most: float, of: str = "floor") -> Target:
    """At most so many times as much as the floor, by medians."""
    reached = ours.median / floor.median
    return Target(f"≤ {most:g} × {of}", reached, reached <= most)


def near_p99(ours: Figures, floor: Figures, *, most: float, of: str) -> Target:
    """The same, by p99."""
    reached = ours.p99 / floor.p99
    return Target(f"p99 ≤ {most:g} × {of}", reached, reached <= most)


def at_least(reached: float, least: float, unit: str) -> Target:
    return Target(f"≥ {least:g} {unit}", reached, reached >= least, unit)


def at_most(reached: float, most: float, unit: str, *, of: str = "") -> Target:
    return Target(f"{of} ≤ {most:g} {unit}".strip(), reached, reached <= most, unit)
