"""Waiting for what other processes do."""

import time
from collections.abc import Callable

from benchmarks.measuring import WrongAnswer

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.01


def until(
    is_so: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS, look_seconds: float = LOOK_SECONDS
) -> None:
    """Look until it is so. Raises WrongAnswer, naming what was waited for, when it is not within `seconds`.

    Where a look takes time from what is waited for, `look_seconds` lie between two.
    """
    ends = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends:
            raise WrongAnswer(f"Waited {seconds:.0f} s for {what}.")
        time.sleep(look_seconds)
