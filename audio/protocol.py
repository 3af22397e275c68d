"""The frames of `/ws/audio/{session_id}`, and what may come on every socket. Pure; nothing here knows one.

Every frame is a JSON object `{"type", "seq", "session_id", "at", …}`. `seq` is null for frames that are no events.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

import orjson

CLOSE_FORBIDDEN: Final = 4403
# Of RFC 6455 and its registry: against the rules of the house; come again later.
CLOSE_FLOODED: Final = 1008
CLOSE_TRY_LATER: Final = 1013
LARGEST_FRAME_BYTES: Final = 4096
# A page sends three frames a minute; one that has slept or is being tried out, a handful at once.
FRAMES_AT_ONCE: Final = 40
FRAMES_PER_SECOND: Final = 10
# So many beyond that, without a pause in which the allowance fills up, are no mistake any more.
MOST_EXCESS: Final = 1000
COMPLAIN_EVERY_SECONDS: Final = 1.0

_SEQ = re.compile(r"[0-9a-f]{8}-[0-9]{1,12}\Z")


class BadFrame(Exception):
    """A frame that is not understood; it is answered with an `error` frame, the socket stays open."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class ChunkUploaded:
    """A hint that nothing depends on."""


@dataclass(frozen=True, slots=True)
class Resume:
    seq: str


class Verdict(Enum):
    """What is to be done with a frame that has come: answer it, say that it is too many, drop it, close the socket."""

    TAKE = auto()
    COMPLAIN = auto()
    DROP = auto()
    CLOSE = auto()


class Allowance:
    """How many frames one socket may send: FRAMES_AT_ONCE, and FRAMES_PER_SECOND grow again. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(FRAMES_AT_ONCE)
        self._at = clock()
        self._excess = 0
        self._complained_at: float | None = None

    def judge(self) -> Verdict:
        """Of one more frame."""
        now = self._clock()
        self._left = min(FRAMES_AT_ONCE, self._left + (now - self._at) * FRAMES_PER_SECOND)
        self._at = now
        if self._left >= FRAMES_AT_ONCE:
            self._excess = 0
        if self._left >= 1:
            self._left -= 1
            return Verdict.TAKE
        self._excess += 1
        if self._excess > MOST_EXCESS:
            return Verdict.CLOSE
        if self._complained_at is not None and now - self._complained_at < COMPLAIN_EVERY_SECONDS:
            return Verdict.DROP
        self._complained_at = now
        return Verdict.COMPLAIN


def read(text: str | None) -> Any:
    """What a client's frame holds, whatever it is; raises BadFrame for what is no JSON text of a frame's length."""
    if text is None or len(text.encode(errors="surrogatepass")) > LARGEST_FRAME_BYTES:
        raise BadFrame("bad_frame", f"Send JSON text of at most {LARGEST_FRAME_BYTES} bytes.")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadFrame("bad_frame", "This is not JSON.") from None


def parse(text: str | None) -> Ping | ChunkUploaded | Resume:
    """A client's frame; raises BadFrame."""
    match read(text):
        case {"type": "ping"}:
            return Ping()
        case {"type": "chunk_uploaded"}:
            return ChunkUploaded()
        case {"type": "resume", "seq": str(seq)} if _SEQ.match(seq):
            return Resume(seq)
        case {"type": "resume"}:
            raise BadFrame("bad_seq", 'A resume frame needs the "seq" of the last event that arrived.')
        case _:
            raise BadFrame("unknown_type", 'The types are "ping", "resume" and "chunk_uploaded".')


def parse_ping(text: str | None) -> Ping:
    """A frame to a socket that only tells; raises BadFrame."""
    match read(text):
        case {"type": "ping"}:
            return Ping()
        case _:
            raise BadFrame("unknown_type", 'The only type is "ping".')


def too_many_frames() -> BadFrame:
    return BadFrame(
        "too_many_frames",
        f"Send at most {FRAMES_PER_SECOND} frames a second. Those beyond it are not answered; a flood ends the socket.",
    )


def unavailable() -> BadFrame:
    """To a `resume` that cannot be answered now."""
    return BadFrame("unavailable", "Events cannot be read for a moment. A snapshot follows as soon as they can.")


def frame(kind: str, session_id: str, at: datetime, **content: Any) -> dict[str, Any]:
    return {"type": kind, "session_id": session_id, "at": at, **content}


def encode(frame: dict[str, Any], *, seq: str | None = None) -> str:
    return with_seq(orjson.dumps(frame, option=orjson.OPT_UTC_Z), seq)


def with_seq(encoded: bytes, seq: str | None) -> str:
    """An encoded frame with its `seq` put in front; the frame itself is not parsed again."""
    quoted = orjson.dumps(seq).decode()
    return f'{{"seq":{quoted},{encoded[1:].decode()}'
