"""A simulation from the first recorder to the last check."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from audio.simulation import checking
from audio.simulation.figures import Measured, Outcome, latencies
from audio.simulation.memory import Watch
from audio.simulation.plan import Manner, Recording
from audio.simulation.recorders import Recorder
from audio.simulation.wire import Wire

# A server that is there answers sooner; one that is starting may be tried again by whoever started it.
PATIENCE_TO_BEGIN_SECONDS = 2.0
BETWEEN_LOOKS_AT_MEMORY_SECONDS = 1.0


class Progress(Protocol):
    """Told how far it is: chunks stored, calls sent, chunks heard, calls checked."""

    def stored(self) -> None: ...
    def sent(self) -> None: ...
    def heard(self, chunks: int) -> None: ...
    def checked(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """`wait`: for the workers, before it is looked whether all has been heard."""

    url: str
    recordings: Sequence[Recording]
    channels: int = 1
    realtime: bool = False
    wait: bool = True


async def simulate(wanted: Wanted, progress: Progress, memory: Watch | None = None) -> Outcome:
    """Play all recordings at once, wait until they have been heard, and check them. In a process's main thread.

    Raises Unreachable or Refused when there is no server, or it will not have the first token, to begin with.
    """
    measured = Measured()
    recordings = wanted.recordings
    async with Wire(wanted.url, measured, connections=len(recordings)) as wire, _watched(memory):
        for token in {recording.token for recording in recordings}:
            await wire.ask("list", token, "GET", "/api/audio/sessions?limit=1", patience=PATIENCE_TO_BEGIN_SECONDS)
        began = time.monotonic()
        await _play(wire, wanted, progress)
        sending_seconds = time.monotonic() - began
        began = time.monotonic()
        if wanted.wait:
            await _interruptible(checking.wait_until_heard(wire, recordings, on_heard=progress.heard))
        waiting_seconds = time.monotonic() - began
        found = await checking.check(wire, recordings, heard=wanted.wait, on_checked=progress.checked)
    acknowledged = sum(len(recording.acknowledged) for recording in recordings)
    return Outcome(
        calls=len(recordings),
        chunks=acknowledged,
        bytes=sum(len(chunk.body) for one in recordings for chunk in one.chunks if chunk.index in one.acknowledged),
        sound_seconds=round(sum(recording.seconds for recording in recordings), 1),
        sending_seconds=round(sending_seconds, 1),
        waiting_seconds=round(waiting_seconds, 1),
        uploads_per_second=round(acknowledged / sending_seconds, 1),
        unruly=any(recording.manner is not Manner.STEADY for recording in recordings),
        realtime=wanted.realtime,
        waited_for_workers=wanted.wait,
        latency=latencies(measured.taken),
        latency_with_retries=latencies(measured.until_taken),
        retries=dict(measured.retries.most_common()),
        repeated_chunks=measured.repeats,
        came_back=measured.comebacks,
        segments=found.segments,
        lost=found.lost,
        doubled=found.doubled,
        unfinished=found.unfinished,
        memory=memory.told() if memory else {},
    )


async def _play(wire: Wire, wanted: Wanted, progress: Progress) -> None:
    async def one(recording: Recording) -> None:
        recorder = Recorder(
            wire, recording, channels=wanted.channels, realtime=wanted.realtime, on_stored=progress.stored
        )
        await recorder.play()
        progress.sent()

    await asyncio.gather(*(one(recording) for recording in wanted.recordings))


async def _interruptible(waiting: Coroutine[Any, Any, None]) -> None:
    """Ctrl-C ends the wait and nothing else: what has been sent is checked all the same."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(waiting)
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await asyncio.gather(task, return_exceptions=True)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    if not task.cancelled():
        task.result()


@asynccontextmanager
async def _watched(memory: Watch | None) -> AsyncIterator[None]:
    """Looks at the stack's memory while the block runs, and once more when it has ended."""
    if memory is None:
        yield
        return
    task = asyncio.create_task(_look_again_and_again(memory.look))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        memory.look()


async def _look_again_and_again(look: Callable[[], None]) -> None:
    while True:
        await asyncio.to_thread(look)
        await asyncio.sleep(BETWEEN_LOOKS_AT_MEMORY_SECONDS)
