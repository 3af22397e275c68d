"""One crowd against one stack: what was told of it, what was held meanwhile, and what is there afterwards."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from benchmarks.crowd import held
from benchmarks.crowd.held import Held
from benchmarks.crowd.inside import Inside
from benchmarks.crowd.recorder import Times
from benchmarks.crowd.stack import Stack
from config.stack.place import ROOT

_MOST_COMPANIES = 10
# The web server is looked at so often while the crowd plays; a look costs some milliseconds.
_BETWEEN_LOOKS_SECONDS = 5.0
_BETWEEN_ENDS_SECONDS = 2.0
# What waits is told by nobody sooner than it has been put down.
_END_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many recorders. `drained` is for how many seconds the workers are looked at afterwards, when nobody sends;
    `to_the_end` waits until all is heard, which takes as long as it takes and no longer than that."""

    recorders: int
    times: Times
    drained: float = 0.0
    to_the_end: bool = False

    @property
    def chunks(self) -> int:
        return self.recorders * self.times.chunks


@dataclass(frozen=True, slots=True)
class Played:
    """`told` is the recorders' process's own account, `found` what is wrong of what was sent, `verified` what the
    store's own way says of it. `waiting` is how much there was to hear at the end and `later` after `drained` seconds
    more. `load` is the machine's, over the last minute of it."""

    crowd: Crowd
    told: dict[str, Any]
    found: dict[str, list[str]]
    verified: dict[str, int]
    before: Held
    after: Held
    web_peak: float
    waiting: dict[str, Any]
    later: dict[str, Any]
    drained: float
    states: dict[str, int]
    load: float

    @property
    def acknowledged(self) -> int:
        return sum(len(recording["acknowledged"]) for recording in self.told["recordings"])

    def processor_seconds(self) -> Mapping[str, float]:
        """By part of the stack, while the crowd played."""
        began = self.before.processor_seconds
        return {name: now - began.get(name, 0.0) for name, now in sorted(self.after.processor_seconds.items())}

    def grown(self) -> Mapping[str, float]:
        """Megabytes by part of the stack, from before to the end."""
        return {name: now - self.before.megabytes.get(name, 0.0) for name, now in sorted(self.after.megabytes.items())}


def play(stack: Stack, inside: Inside, crowd: Crowd, step: Callable[[float], None]) -> Played:
    """`step` is told how much of it is done, 0 to 1. Raises EOFError when one of its processes dies."""
    companies = max(2, min(_MOST_COMPANIES, crowd.recorders // 10))
    people = inside.ask("hire", people=crowd.recorders, companies=companies)
    recordings = [{"number": number, "session_id": str(uuid.uuid4()), **one} for number, one in enumerate(people)]
    order = {"url": stack.url, "times": asdict(crowd.times), "recordings": recordings}
    before = held.by_parts(stack.launcher)
    told, web_peak = _send(stack, order, step)
    load = os.getloadavg()[0]
    after = held.by_parts(stack.launcher)
    waiting, began = inside.ask("tell"), time.monotonic()
    ids = [recording["session_id"] for recording in recordings]
    if crowd.to_the_end:
        _until_heard(inside, ids, ends=began + crowd.drained)
    else:
        time.sleep(crowd.drained)
    later, drained = inside.ask("tell"), time.monotonic() - began
    return Played(
        crowd=crowd,
        told=told,
        found=inside.ask("prove", recordings=told["recordings"], directory=str(stack.data / "objects")),
        verified=inside.ask("verify", recordings=ids),
        before=before,
        after=after,
        web_peak=max(web_peak, after.megabytes["web"]),
        waiting=waiting,
        later=later,
        drained=drained,
        states=inside.ask("ended", recordings=ids),
        load=load,
    )


def _send(stack: Stack, order: dict[str, Any], step: Callable[[float], None]) -> tuple[dict[str, Any], float]:
    """Have the recorders' process do it. What it tells in the end, and the most that the web server held meanwhile."""
    peak, looked = 0.0, time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd.load"],
        cwd=ROOT,
        env=dict(stack.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise EOFError
        # Tokens are in it, which a command line would show to everybody.
        with suppress(BrokenPipeError), process.stdin as order_book:
            order_book.write(orjson.dumps(order))
        for line in process.stdout:
            said: dict[str, Any] = orjson.loads(line)
            if "recordings" in said:
                return said, peak
            step(said["share"])
            if time.monotonic() - looked > _BETWEEN_LOOKS_SECONDS:
                peak, looked = max(peak, held.web(stack.launcher)), time.monotonic()
        raise EOFError("The recorders' process has ended before they had.")
    finally:
        process.terminate()
        process.wait(_END_SECONDS)


def _until_heard(inside: Inside, ids: list[str], *, ends: float) -> None:
    while time.monotonic() < ends:
        states = inside.ask("ended", recordings=ids)
        if states.get("completed", 0) + states.get("failed", 0) == len(ids):
            return
        time.sleep(_BETWEEN_ENDS_SECONDS)
