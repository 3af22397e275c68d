"""Whether a figure opens an alert, keeps or resolves the one that goes on, or says nothing. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

# A figure is back once it is this much below its threshold: one that swings around it rings once and not all day.
BACK_SHARE: Final = 0.9
# An alert of which nothing could be measured for so long is about something that is not done any more.
LONGEST_UNKNOWN: Final = timedelta(hours=24)


class Verdict(StrEnum):
    FINE = "fine"
    OPEN = "open"
    KEEP = "keep"
    RESOLVE = "resolve"
    # Nobody can tell: what goes on stays as it is, and where nothing goes on, nothing is said to be well.
    UNKNOWN = "unknown"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Ongoing:
    """What matters here of an alert that goes on: when there was last a figure."""

    known_at: datetime


def judge(value: float | None, *, threshold: float, ongoing: Ongoing | None, now: datetime) -> Verdict:
    """`value` is what the figure is now, None when nobody can tell."""
    if value is None:
        is_stale = ongoing is not None and now - ongoing.known_at > LONGEST_UNKNOWN
        return Verdict.EXPIRE if is_stale else Verdict.UNKNOWN
    if ongoing is None:
        return Verdict.OPEN if value > threshold else Verdict.FINE
    return Verdict.KEEP if value > threshold * BACK_SHARE else Verdict.RESOLVE
