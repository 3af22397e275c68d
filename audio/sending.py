"""A recorder without a browser: plays an audio file into the public API and hears what comes of it.

1. Cut the file into chunks of thirty seconds, each an Ogg Opus file that decodes alone.
2. Start a session, watch its socket, send the chunks with their digests and sample ranges.
3. Say how many there were; wait until the session has ended.
"""

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import httpx
import numpy as np
import orjson
from av.container import InputContainer
from numpy.typing import NDArray
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from audio import opus
from audio.errors import Undecodable
from audio.opus import SAMPLE_RATE

CHUNK_SECONDS = 30
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 15.0
TRIES_TO_START = 4
PASSING_STATUSES = {429, 502, 503, 504}


class Unreachable(Exception):
    """There is no server to begin with; the message says where none was found."""


class Refused(Exception):
    """The server will not have it, and sending it again would not help; the message is the server's."""


@dataclass(frozen=True)
class RecordedChunk:
    """`body` is Ogg Opus; samples are counted at `SAMPLE_RATE`, first and last included."""

    index: int
    body: bytes
    first_sample: int
    last_sample: int

    @property
    def start_seconds(self) -> float:
        return self.first_sample / SAMPLE_RATE

    @property
    def end_seconds(self) -> float:
        return (self.last_sample + 1) / SAMPLE_RATE

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of the body."""
        return hashlib.sha256(self.body).digest()


def record(file: Path, *, channels: int, chunk_seconds: int = CHUNK_SECONDS) -> Iterator[RecordedChunk]:
    """The file as chunks, one at a time; memory does not grow with its length. Raises Undecodable."""
    first = 0
    for index, samples in enumerate(_cut(_decoded(file, channels), chunk_seconds * SAMPLE_RATE)):
        last = first + samples.shape[1] - 1
        yield RecordedChunk(index, opus.encode([samples], channels=channels), first, last)
        first = last + 1
    if first == 0:
        raise Undecodable(f"{file} holds no audio that can be decoded.")


def duration_of(file: Path) -> float | None:
    """Seconds the file says it lasts, if it says so. Raises Undecodable for what is no audio file."""
    try:
        with _opened(file) as container:
            return container.duration / av.time_base if container.duration else None
    except (av.error.FFmpegError, OSError) as error:
        raise Undecodable(f"{file} cannot be opened as audio: {error.strerror or type(error).__name__}.") from error


def _opened(file: Path) -> InputContainer:
    """The file itself and nothing else: a name or a list in it may not lead FFmpeg to other files or addresses."""
    opened: InputContainer = av.open(str(file.absolute()), options={"protocol_whitelist": "file", "enable_drefs": "0"})
    return opened


def address_of(session_id: str, index: int) -> str:
    """The path that a chunk is put to."""
    return f"/api/audio/sessions/{session_id}/chunks/{index}"


def headers_of(chunk: RecordedChunk) -> dict[str, str]:
    """What a recorder says of a chunk that it cut just now."""
    return {
        "Content-Type": "audio/ogg",
        "Content-Digest": f"sha-256=:{base64.b64encode(chunk.digest).decode()}:",
        "X-Start-Time": f"{chunk.start_seconds:.6f}",
        "X-Sample-Range": f"{chunk.first_sample}-{chunk.last_sample}/{SAMPLE_RATE}",
        "X-Captured-At": datetime.now(UTC).isoformat(),
    }


def said_by(response: httpx.Response) -> str:
    """A refusal in the server's own words."""
    try:
        error = response.json()["error"]
        return f"{response.status_code} {error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}"


class Recorder:
    """One session over HTTP.

    A server that is not there when the session starts is Unreachable. After that everything is repeated until the
    server has it or will not have it; `on_waiting` is told why, each time.
    """

    def __init__(self, url: str, token: str, *, on_waiting: Callable[[str], None] = lambda why: None) -> None:
        self.url = url.rstrip("/")
        self._on_waiting = on_waiting
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30, connect=5),
        )

    def start(self, *, channels: int, subject: str, reference: str = "") -> dict[str, Any]:
        call = {"subject": subject, "platform": "file"}
        body = {"channels": channels, "call": call, "test_session_id": reference}
        return self._json("POST", "/api/audio/sessions", most_tries=TRIES_TO_START, json=body)

    def send(self, session_id: str, chunk: RecordedChunk) -> dict[str, Any]:
        path = address_of(session_id, chunk.index)
        return self._json("PUT", path, content=chunk.body, headers=headers_of(chunk))

    def complete(self, session_id: str, total_chunks: int) -> dict[str, Any]:
        path = f"/api/audio/sessions/{session_id}/complete"
        return self._json("POST", path, json={"total_chunks": total_chunks})

    def read_call(self, call_id: str) -> dict[str, Any]:
        return self._json("GET", f"/api/calls/{call_id}")

    def socket_address(self, session_id: str) -> str:
        """Where to watch the session; good for one handshake within half a minute."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        ticket = self._json("POST", "/api/tickets")["ticket"]
        return f"{scheme}://{parts.netloc}{parts.path}/ws/audio/{session_id}?ticket={ticket}"

    def _json(self, method: str, path: str, *, most_tries: int | None = None, **request: Any) -> dict[str, Any]:
        pause = FIRST_RETRY_SECONDS
        for tries in count(1):
            asked = ""
            try:
                response = self._http.request(method, path, **request)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                why = f"{self.url} does not answer ({type(error).__name__})"
            else:
                if response.status_code < 400:
                    return dict(response.json())
                why = f"{self.url} answered {said_by(response)}"
                if response.status_code not in PASSING_STATUSES:
                    raise Refused(why)
                asked = response.headers.get("Retry-After", "")
            if tries == most_tries:
                raise Unreachable(f"{why}. Is Earshot running there?")
            self._on_waiting(why)
            time.sleep(float(asked) if asked.isdigit() else pause)
            pause = min(pause * 2, LONGEST_RETRY_SECONDS)
        raise AssertionError("count() has no end")


class Watcher(threading.Thread):
    """Hears a session's events in a thread of its own; comes back by itself when it is cut off.

    Each frame goes to `on_frame`. `ended` is set when the session has ended or was found ended.
    """

    def __init__(self, recorder: Recorder, session_id: str, on_frame: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(name="watcher", daemon=True)
        self._recorder = recorder
        self._session_id = session_id
        self._on_frame = on_frame
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                with connect(self._recorder.socket_address(self._session_id), max_size=2**24) as socket:
                    for text in socket:
                        self._take(orjson.loads(text))
                        if self.ended.is_set():
                            return
            except (WebSocketException, OSError, TimeoutError, Refused):
                self.ended.wait(FIRST_RETRY_SECONDS * 2)

    def _take(self, frame: dict[str, Any]) -> None:
        self._on_frame(frame)
        status = frame.get("session", {}).get("status") if frame["type"] == "session" else frame.get("status")
        if frame["type"] in {"session", "session_completed"} and status in {"completed", "failed"}:
            self.ended.set()


def _decoded(file: Path, channels: int) -> Iterator[NDArray[np.float32]]:
    """Blocks of shape (channels, n) at SAMPLE_RATE."""
    resampler = av.AudioResampler("fltp", "stereo" if channels == 2 else "mono", SAMPLE_RATE)
    try:
        with _opened(file) as container:
            for frame in container.decode(audio=0):
                for resampled in resampler.resample(frame):
                    yield _samples(resampled)
            for resampled in resampler.resample(None):
                yield _samples(resampled)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise Undecodable(f"{file} cannot be decoded as audio ({type(error).__name__}).") from error


def _samples(frame: av.AudioFrame) -> NDArray[np.float32]:
    return frame.to_ndarray().astype(np.float32, copy=False)


def _cut(blocks: Iterator[NDArray[np.float32]], length: int) -> Iterator[NDArray[np.float32]]:
    """The same samples in blocks of exactly `length`, but for the last."""
    kept: list[NDArray[np.float32]] = []
    count = 0
    for block in blocks:
        kept.append(block)
        count += block.shape[1]
        while count >= length:
            whole = np.concatenate(kept, axis=1)
            yield whole[:, :length]
            kept = [whole[:, length:]]
            count -= length
    if count:
        yield np.concatenate(kept, axis=1)
