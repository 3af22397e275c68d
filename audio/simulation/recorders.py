"""What each recorder does, steady or unruly."""

import asyncio
import random
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from audio.sending import RecordedChunk, Refused, Unreachable, address_of, headers_of
from audio.simulation.plan import Manner, Recording
from audio.simulation.wire import Wire

# How long one stays away that goes away.
AWAY_SECONDS: Final = 3.0


class Recorder:
    """One recording on its way. `on_stored` is called for each chunk when it is acknowledged for the first time."""

    def __init__(
        self, wire: Wire, recording: Recording, *, channels: int, realtime: bool, on_stored: Callable[[], None]
    ) -> None:
        self.wire = wire
        self.recording = recording
        self.channels = channels
        self.realtime = realtime
        self.on_stored = on_stored
        self.came_back = 0

    async def play(self) -> None:
        """From the start of the session to its being called complete. What it may not do is kept as its refusal."""
        try:
            if self.realtime:
                # Nobody begins with anybody else: cut at the same moment, all chunks would come at once.
                await asyncio.sleep(random.uniform(0, self.recording.chunks[0].end_seconds))  # noqa: S311
            self.began = asyncio.get_running_loop().time()
            await self._start()
            match self.recording.manner:
                case Manner.HASTY:
                    await self._send_all(self.recording.chunks[:-1])
                    await self._complete()
                    await self._send_all(self.recording.chunks[-1:])
                case Manner.LEAVES:
                    await self._leave_and_come_back()
                    await self._complete()
                case _:
                    await self._send_all(self.recording.chunks)
                    await self._complete()
        except (Refused, Unreachable) as error:
            self.recording.refusal = str(error)

    async def _start(self) -> None:
        recording = self.recording
        body = {
            "id": recording.session_id,
            "channels": self.channels,
            "test_session_id": f"simulated {recording.number + 1}",
            "call": {"subject": f"Simulated call {recording.number + 1}", "platform": "file"},
        }
        _, session = await self.wire.ask("start", recording.token, "POST", "/api/audio/sessions", json=body)
        recording.call_id = session["call_id"]

    async def _send_all(self, chunks: Sequence[RecordedChunk]) -> None:
        chunks = list(chunks)
        if self.recording.manner is Manner.SHUFFLES:
            # By its number, so that a run can be done again as it was.
            random.Random(self.recording.number).shuffle(chunks)  # noqa: S311
        for chunk in chunks:
            await self._send(chunk)
        if self.recording.manner is Manner.REPEATS:
            await self._put(chunks[-1])
            self.wire.measured.repeats += 1

    async def _send(self, chunk: RecordedChunk) -> None:
        if self.realtime:
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self.began + chunk.end_seconds - now))
        if self.recording.manner is Manner.REPEATS and chunk.index == 0:
            # Twice at the same moment, as from a recorder that took a slow answer for none.
            await asyncio.gather(self._put(chunk), self._put(chunk))
            self.wire.measured.repeats += 1
        else:
            await self._put(chunk)

    async def _put(self, chunk: RecordedChunk) -> None:
        recording = self.recording
        path = address_of(recording.session_id, chunk.index)
        await self.wire.ask(
            "upload", recording.token, "PUT", path, content=chunk.body, headers=lambda: headers_of(chunk)
        )
        if chunk.index not in recording.acknowledged:
            recording.acknowledged.add(chunk.index)
            self.on_stored()

    async def _leave_and_come_back(self) -> None:
        recording = self.recording
        middle = len(recording.chunks) // 2
        await self._send_all(recording.chunks[:middle])
        begun = recording.chunks[middle]
        path = address_of(recording.session_id, begun.index)
        await self.wire.cut_off(recording.token, path, begun.body, headers_of(begun))
        await asyncio.sleep(AWAY_SECONDS)
        self.wire.measured.comebacks += 1
        # It does not know what came through, so it asks for its session by its id and sends what has no answer yet.
        await self._start()
        await self._send_all([chunk for chunk in recording.chunks if chunk.index not in recording.acknowledged])

    async def _complete(self) -> None:
        recording = self.recording
        path = f"/api/audio/sessions/{recording.session_id}/complete"
        total = {"total_chunks": len(recording.chunks)}
        # What is owed is told as a conflict; the total is kept all the same.
        owing = frozenset({HTTPStatus.CONFLICT}) if recording.manner is Manner.HASTY else frozenset()
        await self.wire.ask("complete", recording.token, "POST", path, json=total, accepts=owing)
