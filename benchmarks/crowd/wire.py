"""The recorders' way to the server: bare HTTP/1.1, a connection for each request.

A server closes what is idle for some seconds, so that a recorder that sends every half minute connects anew each time.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import orjson

# What may be asked again as it is.
PASSING: Final = frozenset({429, 502, 503, 504})
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 15.0
# A recorder in a browser waits so long for an answer.
PATIENCE_SECONDS: Final = 60.0
_LARGEST_HEAD: Final = 64 * 2**10


class Refused(Exception):
    """The server will not have it, and asking again would not help."""


@dataclass(slots=True)
class Told:
    """Milliseconds by kind of request, for each that had an answer other than to come back.

    `taken` is of its last try alone; `until_taken` from its first one on, with all that were turned away and all waits.
    `refusals` counts what was asked again, by kind and reason. `late` is by how much recorders' turns came too late,
    which is this process's own slowness and none of the server's. `missed` are events that an open socket was not told.
    """

    taken: dict[str, list[float]] = field(default_factory=dict)
    until_taken: dict[str, list[float]] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    events: list[float] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)
    cut_off: int = 0
    repeated: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Wire:
    def __init__(self, host: str, port: int, told: Told) -> None:
        self.host, self.port, self.told = host, port, told

    async def ask(
        self,
        kind: str,
        token: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        pieces: Sequence[bytes] = (),
        headers: Mapping[str, str] | None = None,
        accepts: frozenset[int] = frozenset(),
    ) -> Answer:
        """The answer, asked for again as often as the server cannot be had or asks to come back. Raises Refused."""
        if json is not None:
            pieces, headers = (orjson.dumps(json),), {"Content-Type": "application/json"}
        head = self._head(token, method, path, pieces, headers or {})
        began = time.perf_counter()
        for tries in count():
            asked = 0.0
            sent = time.perf_counter()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await self._once(head, pieces)
            except (OSError, EOFError, TimeoutError) as error:
                self.told.refusals[f"{kind}: {type(error).__name__}"] += 1
            else:
                if answer.status not in PASSING:
                    now = time.perf_counter()
                    self.told.taken.setdefault(kind, []).append((now - sent) * 1000)
                    self.told.until_taken.setdefault(kind, []).append((now - began) * 1000)
                    if answer.status >= 400 and answer.status not in accepts:
                        raise Refused(f"{kind}: {answer.status} {answer.body[:300].decode(errors='replace')}")
                    return answer
                self.told.refusals[f"{kind}: {answer.status}"] += 1
                asked = float(answer.headers.get("retry-after") or 0)
            pause = max(asked, min(FIRST_PAUSE_SECONDS * 2**tries, LONGEST_PAUSE_SECONDS))
            # So that those that were refused together do not come back together.
            await asyncio.sleep(pause * random.uniform(1, 1.5))  # noqa: S311
        raise AssertionError("count() has no end")

    async def cut_off(self, token: str, path: str, pieces: Sequence[bytes], headers: Mapping[str, str]) -> None:
        """Begin to put a body and be gone halfway, as a laptop is that is shut."""
        self.told.cut_off += 1
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(self._head(token, "PUT", path, pieces, headers))
            body = b"".join(pieces)
            writer.write(body[: len(body) // 2])
            await writer.drain()
            writer.transport.abort()

    def _head(self, token: str, method: str, path: str, pieces: Sequence[bytes], headers: Mapping[str, str]) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            f"Authorization: Bearer {token}",
            f"Content-Length: {sum(map(len, pieces))}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def _once(self, head: bytes, pieces: Sequence[bytes]) -> Answer:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=_LARGEST_HEAD)
        try:
            writer.write(head)
            for piece in pieces:
                writer.write(piece)
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            body = await reader.readexactly(int(told.get("content-length", 0)))
            return Answer(int(first.split()[1]), told, body)
        finally:
            writer.transport.abort()
