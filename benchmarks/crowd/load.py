"""The recorders' process: an order in on standard input, and lines of JSON out: how far they are, then what came of it.

It ends by itself: after the time that the order takes, and as much again as the server is waited for.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.crowd import sound
from benchmarks.crowd.recorder import Recorder, Recording, Times
from benchmarks.crowd.wire import Told, Wire
from config.stack.processes import end_with_parent

# After the last chunk was due, for what had to be sent again.
GRACE_SECONDS = 120.0
_TELL_SECONDS = 1.0


def main() -> None:
    order = orjson.loads(sys.stdin.buffer.read())
    told = asyncio.run(play(order))
    _say(told)


async def play(order: dict[str, Any]) -> dict[str, Any]:
    """Of `{"url", "times", "recordings"}`; what was told is milliseconds where it has no other unit."""
    parts = urlsplit(order["url"])
    times = Times(**order["times"])
    recordings = [Recording(**given) for given in order["recordings"]]
    told = Told()
    wire = Wire(parts.hostname or "127.0.0.1", parts.port or 80, told)
    takes = sound.takes(times.interval)
    began, processor = time.perf_counter(), time.process_time()
    recorders = [Recorder(wire, recording, takes, times) for recording in recordings]
    telling = asyncio.create_task(_tell(recordings, times))
    playing = [asyncio.create_task(recorder.play(began)) for recorder in recorders]
    _, left = await asyncio.wait(playing, timeout=times.total + GRACE_SECONDS)
    for task in left:
        task.cancel()
    await asyncio.gather(*playing, return_exceptions=True)
    for recording, task in zip(recordings, playing, strict=True):
        if not recording.refusal and (task.cancelled() or task.exception()):
            recording.refusal = "not done in time" if task.cancelled() else repr(task.exception())
    telling.cancel()
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "processor_seconds": time.process_time() - processor,
        "chunk_bytes": takes[0].chunk("").size,
        "taken": told.taken,
        "until_taken": told.until_taken,
        "refusals": dict(told.refusals.most_common()),
        "late": told.late,
        "events": told.events,
        "missed": told.missed,
        "opening": told.opening,
        "cut_off": told.cut_off,
        "repeated": told.repeated,
        "recordings": [recording.told() for recording in recordings],
    }


async def _tell(recordings: Sequence[Recording], times: Times) -> None:
    whole = len(recordings) * times.chunks
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        stored = sum(len(recording.acknowledged) for recording in recordings)
        _say({"stored": stored, "share": stored / whole})


def _say(told: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    end_with_parent(signal.SIGKILL)
    main()
