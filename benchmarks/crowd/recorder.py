"""What each recorder does, at its own times: most as they should, some as real ones are."""

import asyncio
import base64
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks.crowd.sound import SAMPLE_RATE, Take
from benchmarks.crowd.wire import Refused, Wire

# How long one stays away that was cut off.
AWAY_SECONDS: Final = 1.0
# Of so many recorders one is of each unruly kind, and one in so many watches its own session.
_OF: Final = 20
_WATCHES: Final = 4
_LARGEST_FRAME: Final = 2**24


class Manner(StrEnum):
    STEADY = "steady"
    REPEATS = "sends a chunk twice"
    CUT_OFF = "is cut off in mid-body"
    LATE = "is complete before its last chunk has come"


_MANNERS: Final = {1: Manner.REPEATS, 2: Manner.CUT_OFF, 3: Manner.LATE}


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. Each begins within `ramp`, and then sends a chunk at the end of every `interval`."""

    ramp: float
    interval: float
    chunks: int

    @property
    def total(self) -> float:
        return self.ramp + self.interval * self.chunks


@dataclass(slots=True)
class Recording:
    """One recorder's part. `sent` is, by index, the digest of what went out, `acknowledged` of what the server said it
    has: what was stored and never answered may be there, too."""

    number: int
    token: str
    consents: bool
    session_id: str
    sent: dict[int, str] = field(default_factory=dict)
    acknowledged: dict[int, str] = field(default_factory=dict)
    verdict: str = ""
    refusal: str = ""

    @property
    def manner(self) -> Manner:
        return _MANNERS.get(self.number % _OF, Manner.STEADY)

    @property
    def is_watched(self) -> bool:
        return self.number % _WATCHES == 0

    def told(self) -> dict[str, Any]:
        return {
            "session_id": self.session_id,
            "sent": {str(index): digest for index, digest in self.sent.items()},
            "acknowledged": {str(index): digest for index, digest in self.acknowledged.items()},
            "verdict": self.verdict,
            "refusal": self.refusal,
        }


def _number_of(seq: str | None) -> int:
    """An event's within its epoch, from 1; 0 of what is no event."""
    return int(seq.rpartition("-")[2]) if seq else 0


class Recorder:
    def __init__(self, wire: Wire, recording: Recording, takes: list[Take], times: Times) -> None:
        self.wire, self.recording, self.takes, self.times = wire, recording, takes, times
        self._address = f"/api/audio/sessions/{recording.session_id}"

    async def play(self, began: float) -> None:
        """From its first request to its last. What it may not do is kept as its refusal."""
        # By its number, so that a run can be done again as it was.
        begins = began + random.Random(self.recording.number).random() * self.times.ramp  # noqa: S311
        watching: asyncio.Task[None] | None = None
        try:
            await self._until(begins)
            token = await self._start()
            if self.recording.is_watched:
                watching = asyncio.create_task(self._watch())
            last = self.times.chunks - 1
            for index in range(self.times.chunks):
                await self._until(begins + (index + 1) * self.times.interval)
                if index == last and self.recording.manner is Manner.LATE:
                    await self._complete(token)
                await self._send(token, index)
            await self._complete(token)
        except Refused as refused:
            self.recording.refusal = str(refused)
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _until(self, moment: float) -> None:
        wait = moment - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
            # One that was kept by its server is late by that; only who slept tells how late this process is.
            self.wire.told.late.append((time.perf_counter() - moment) * 1000)

    async def _start(self) -> str:
        """Begin the session, with consent where the company wants it; the token with which its chunks are sent."""
        recording = self.recording
        call = {"subject": f"Call {recording.number + 1}"}
        given = {"id": recording.session_id, "channels": 1, "call": call}
        await self.wire.ask("start", recording.token, "POST", "/api/audio/sessions", json=given)
        if recording.consents:
            said = {"given": True, "by": "The other side", "wording": "May this call be recorded?"}
            await self.wire.ask("consent", recording.token, "POST", f"{self._address}/consent", json=said)
        answer = await self.wire.ask("token", recording.token, "POST", f"{self._address}/upload-token")
        return str(answer.json()["token"])

    async def _send(self, token: str, index: int) -> None:
        recording = self.recording
        take = self.takes[(recording.number + index) % len(self.takes)]
        chunk = take.chunk(f"{recording.session_id}:{index}")
        samples = round(self.times.interval * SAMPLE_RATE)
        headers = {
            "Content-Type": "audio/ogg",
            "Content-Digest": f"sha-256=:{base64.b64encode(chunk.digest).decode()}:",
            "X-Start-Time": f"{index * self.times.interval:.6f}",
            "X-Sample-Range": f"{index * samples}-{(index + 1) * samples - 1}/{SAMPLE_RATE}",
            "X-Captured-At": datetime.now(UTC).isoformat(),
        }
        path = f"{self._address}/chunks/{index}"
        recording.sent[index] = chunk.digest.hex()
        in_the_middle = index == self.times.chunks // 2
        if in_the_middle and recording.manner is Manner.CUT_OFF:
            await self.wire.cut_off(token, path, chunk.pieces, headers)
            await asyncio.sleep(AWAY_SECONDS)
        answer = await self.wire.ask("upload", token, "PUT", path, pieces=chunk.pieces, headers=headers)
        if answer.json()["checksum"] != chunk.digest.hex():
            raise Refused(f"upload: chunk {index} was acknowledged with another digest")
        recording.acknowledged[index] = chunk.digest.hex()
        if in_the_middle and recording.manner is Manner.REPEATS:
            self.wire.told.repeated += 1
            again = await self.wire.ask("upload again", token, "PUT", path, pieces=chunk.pieces, headers=headers)
            if again.status != HTTPStatus.OK:
                raise Refused(f"upload again: chunk {index} was news, {again.status}")

    async def _complete(self, token: str) -> None:
        total = {"total_chunks": self.times.chunks}
        # What is owed is told as a conflict; the total is kept all the same.
        owing = (
            frozenset({HTTPStatus.CONFLICT}) if len(self.recording.acknowledged) < self.times.chunks else frozenset()
        )
        answer = await self.wire.ask("complete", token, "POST", f"{self._address}/complete", json=total, accepts=owing)
        if answer.status == HTTPStatus.OK:
            self.recording.verdict = str(answer.json()["verdict"]["state"])

    async def _watch(self) -> None:
        """Hear the session's events, and come back when cut off: how long each was on its way."""
        told = self.wire.told
        while True:
            try:
                answer = await self.wire.ask("ticket", self.recording.token, "POST", "/api/tickets")
                address = f"ws://{self.wire.host}:{self.wire.port}/ws/audio/{self.recording.session_id}"
                began = time.perf_counter()
                async with connect(
                    f"{address}?ticket={answer.json()['ticket']}",
                    compression=None,
                    max_size=_LARGEST_FRAME,
                    proxy=None,
                    open_timeout=30,
                ) as socket:
                    known = 0
                    async for text in socket:
                        frame = orjson.loads(text)
                        number = _number_of(frame["seq"])
                        if frame["type"] == "session":
                            told.opening.append((time.perf_counter() - began) * 1000)
                            known = number
                        elif number:
                            at = datetime.fromisoformat(frame["at"])
                            told.events.append((datetime.now(UTC) - at).total_seconds() * 1000)
                            told.missed += max(number - known - 1, 0)
                            known = max(number, known)
            except (WebSocketException, OSError, TimeoutError) as error:
                told.refusals[f"socket: {type(error).__name__}"] += 1
                await asyncio.sleep(AWAY_SECONDS)
