"""What a check of the doctor says."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

# What drivers say → what it means.
_CAUSES = {
    ("refused",): "nothing listens there",
    ("wrongpass", "noauth", "authentication", "password"): "it refuses our name or password",
    ("timed out", "timeout", "timedout", "couldn't get a connection"): "no answer in time",
    ("not known", "getaddrinfo", "resolve host", "no address associated", "failure in name"): "there is no such host",
    ("could not connect", "connection error"): "nothing answers there",
    ("invalid uri", "invalid endpoint", "must specify one of", "must begin with", "port could not be cast"): (
        "the setting cannot be read as an address"
    ),
}


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found, in a sentence, and what to do about it unless all is well.

    `is_away` of a server: nothing can be asked of it.
    """

    state: State
    said: str
    cure: str = ""
    is_away: bool = False


Check = Callable[[], Iterable[Finding]]
ok = partial(Finding, State.OK)
warning = partial(Finding, State.WARNING)
error = partial(Finding, State.ERROR)
skipped = partial(Finding, State.SKIPPED)


def cause_of(failed: BaseException) -> str:
    """Why something failed, in a few words of ours where the drivers' are known; theirs hold addresses and dumps."""
    said = str(failed)
    for signs, words in _CAUSES.items():
        if any(sign in said.lower() for sign in signs):
            return words
    first = next(iter(said.strip().splitlines()), "")
    # A driver that shows its inner state in braces has nothing more to say to people there.
    return first.partition("{")[0].partition("<")[0].strip(" ,:-")[:100] or type(failed).__name__


def seconds_of(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
