"""The frames of `/ws/audio/{session_id}`: what may come, what goes out. Pure; nothing here knows a socket.

Every frame is a JSON object `{"type", "seq", "session_id", "at", …}`. `seq` is null for frames that are no events.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

CLOSE_FORBIDDEN: Final = 4403
LARGEST_FRAME_BYTES: Final = 4096

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


def parse(text: str | None) -> Ping | ChunkUploaded | Resume:
    """A client's frame; raises BadFrame."""
    if text is None or len(text.encode()) > LARGEST_FRAME_BYTES:
        raise BadFrame("bad_frame", f"Send JSON text of at most {LARGEST_FRAME_BYTES} bytes.")
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadFrame("bad_frame", "This is not JSON.") from None
    match frame:
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


def frame(kind: str, session_id: str, at: datetime, **content: Any) -> dict[str, Any]:
    return {"type": kind, "session_id": session_id, "at": at, **content}


def encode(frame: dict[str, Any], *, seq: str | None = None) -> str:
    return with_seq(orjson.dumps(frame, option=orjson.OPT_UTC_Z), seq)


def with_seq(encoded: bytes, seq: str | None) -> str:
    """An encoded frame with its `seq` put in front; the frame itself is not parsed again."""
    quoted = orjson.dumps(seq).decode()
    return f'{{"seq":{quoted},{encoded[1:].decode()}'
