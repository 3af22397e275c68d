"""How much is measured. Nothing else differs between the scales."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

ScaleName = Literal["tiny", "small", "usual"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    """`tiny` tries whether it works, `small` gives a first idea, `usual` is what is told to others."""

    name: ScaleName

    def pick(self, *, tiny: T, small: T, usual: T) -> T:
        return {"tiny": tiny, "small": small, "usual": usual}[self.name]


@dataclass(frozen=True, slots=True)
class Run:
    """What a suite is given: how much to measure, and whom to tell what it does and how much is done, 0 to 1."""

    scale: Scale
    tell: Callable[[str, float], None]

    def telling(self, what: str) -> Callable[[float], None]:
        """The bar for one thing."""
        self.tell(what, 0.0)
        return lambda done: self.tell(what, done)
