"""Whether what was sent is there: everything is read back through the API and held against it."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from audio.sending import Refused, Unreachable
from audio.simulation.plan import Recording
from audio.simulation.wire import Wire

ENDED: Final = frozenset({"completed", "failed"})
# What two workers of a small machine may take for each second of sound, and at least, before nobody waits for them.
PATIENCE_PER_SECOND: Final = 2.0
LEAST_PATIENCE_SECONDS: Final = 180.0
BETWEEN_LOOKS_SECONDS: Final = 2.0
# So many at once: what is checked is the store and not the server's patience.
MOST_AT_ONCE: Final = 8


@dataclass(slots=True)
class Found:
    """What is wrong, in words, and how many segments there are in all calls."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    segments: int = 0

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.unfinished)


async def wait_until_heard(
    wire: Wire, recordings: Sequence[Recording], *, on_heard: Callable[[int], None] = lambda chunks: None
) -> None:
    """Wait until every session has ended, or until patience with the workers runs out, which grows with the work.

    A few are looked at in turn, so that the looking is no load of its own. `on_heard` is told how many chunks have
    ended, as far as it was seen.
    """
    waiting = deque(recording for recording in recordings if not recording.refusal)
    until = time.monotonic() + LEAST_PATIENCE_SECONDS + PATIENCE_PER_SECOND * sum(one.seconds for one in waiting)
    ended: dict[str, int] = {}
    while waiting:
        seen = [waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(waiting)))]
        for recording in seen:
            chunks = await _chunks_of(wire, recording)
            ended[recording.session_id] = sum(chunk["processing_status"] in ENDED for chunk in chunks)
            if ended[recording.session_id] < len(recording.chunks) or not await _has_ended(wire, recording):
                waiting.append(recording)
        on_heard(sum(ended.values()))
        if time.monotonic() > until:
            return
        if waiting:
            await asyncio.sleep(BETWEEN_LOOKS_SECONDS)


async def _has_ended(wire: Wire, recording: Recording) -> bool:
    return (await _session_of(wire, recording))["status"] in ENDED


async def check(
    wire: Wire,
    recordings: Sequence[Recording],
    *,
    heard: bool,
    on_checked: Callable[[], None] = lambda: None,
) -> Found:
    """Read every session, its chunks and its call. `heard`: they are to have been heard by now too."""
    turns = asyncio.Semaphore(MOST_AT_ONCE)

    async def one(recording: Recording) -> Found:
        found = Found()
        async with turns:
            name = f"Call {recording.number + 1} ({recording.session_id})"
            if recording.refusal:
                found.lost.append(f"{name} could not be sent: {recording.refusal}")
            try:
                await _check_one(wire, recording, name, heard=heard, found=found)
            except (Refused, Unreachable) as error:
                found.lost.append(f"{name} cannot be read back: {error}")
            on_checked()
            return found

    together = Found()
    for found in await asyncio.gather(*(one(recording) for recording in recordings)):
        together.lost += found.lost
        together.doubled += found.doubled
        together.unfinished += found.unfinished
        together.segments += found.segments
    return together


async def _check_one(wire: Wire, recording: Recording, name: str, *, heard: bool, found: Found) -> None:
    chunks = await _chunks_of(wire, recording)
    compare_chunks(recording, name, chunks, found)
    session = await _session_of(wire, recording)
    verdict = session["verdict"]
    if verdict["state"] != "complete":
        found.lost.append(f"{name} is {verdict['state']}; owed {verdict['owed']}, gaps {verdict['gaps']}")
    if not heard:
        return
    if session["status"] != "completed":
        found.unfinished.append(f"{name} is {session['status']}")
    for chunk in chunks:
        if chunk["processing_status"] != "completed":
            why = f": {chunk['error']}" if chunk["error"] else ""
            found.unfinished.append(f"{name}, chunk {chunk['chunk_index']} is {chunk['processing_status']}{why}")
    _, call = await wire.ask("read", recording.token, "GET", f"/api/calls/{recording.call_id}")
    compare_segments(name, chunks, call["conversation"], found)


def compare_chunks(recording: Recording, name: str, chunks: Iterable[dict[str, Any]], found: Found) -> None:
    """Each chunk that was sent is there once, with the digest that was sent, and nothing else is."""
    there: dict[int, list[str]] = {}
    for chunk in chunks:
        there.setdefault(chunk["chunk_index"], []).append(chunk["checksum"])
    for sent in recording.chunks:
        digests = there.pop(sent.index, [])
        acknowledged = "acknowledged" if sent.index in recording.acknowledged else "never acknowledged"
        if not digests:
            found.lost.append(f"{name}, chunk {sent.index} is not there; it was {acknowledged}")
        elif sent.digest.hex() not in digests:
            found.lost.append(f"{name}, chunk {sent.index} is there with another digest than was sent")
        if len(digests) > 1:
            found.doubled.append(f"{name}, chunk {sent.index} is there {len(digests)} times")
    found.doubled += [f"{name}, chunk {index} is there and was never sent" for index in sorted(there)]


def compare_segments(
    name: str, chunks: Iterable[dict[str, Any]], segments: Sequence[dict[str, Any]], found: Found
) -> None:
    """Each segment is in the call once, and every chunk in which words were heard has some."""
    found.segments += len(segments)
    for segment_id, times in Counter(segment["segment_id"] for segment in segments).items():
        if times > 1:
            found.doubled.append(f"{name}, segment {segment_id} is in the call {times} times")
    told = {segment["chunk_index"] for segment in segments}
    for chunk in chunks:
        if chunk["transcription"] and chunk["chunk_index"] not in told:
            found.lost.append(f"{name}, chunk {chunk['chunk_index']} holds speech that is not in the call")


async def _session_of(wire: Wire, recording: Recording) -> dict[str, Any]:
    _, session = await wire.ask("read", recording.token, "GET", f"/api/audio/sessions/{recording.session_id}")
    return dict(session)


async def _chunks_of(wire: Wire, recording: Recording) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    page: str | None = f"/api/audio/sessions/{recording.session_id}/chunks?limit=1000"
    while page:
        _, answer = await wire.ask("read", recording.token, "GET", page)
        rows += answer["results"]
        page = answer["next"]
    return rows
