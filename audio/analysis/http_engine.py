"""A transcription server elsewhere that speaks OpenAI's protocol: `POST /v1/audio/transcriptions`.

Many do: OpenAI's own, vLLM, speaches (once faster-whisper-server), LocalAI, whisper.cpp's. Speech goes to it as WAV
and comes back as JSON with words. What it answers is another's, so that everything in it may be wrong or missing.
"""

import asyncio
import json
import math
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from audio import wav
from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.transcription import STAGE, Passage, Word, by_stretch
from audio.errors import AudioError, EngineUnavailable, TranscriberAway

T = TypeVar("T")
PATH = "/audio/transcriptions"
CONNECT_SECONDS = 5.0
# For one stretch of speech. A chunk is of two minutes at most and has few; a task is ended after 200 s.
ANSWER_SECONDS = 90.0
# For all stretches of a passage.
WHOLE_SECONDS = 180.0
# A minute of talk with a time for every word is some 30 KB of JSON.
LARGEST_ANSWER_BYTES = 4 * 2**20
# What a server that is overloaded may ask us to wait.
LONGEST_WAIT_SECONDS = 300

# Seconds. Regions closer than this are one request: words around a pause explain one another, and in longer
# silences Whisper begins to invent.
GAP = 2.0
# How sure a word is of which the server says nothing: no more likely right than wrong.
UNTOLD = 0.5
# Words whose times we have made up are believed so much less than the segment that they come from.
SPREAD = 0.5

# No time or logarithm is larger.
_LARGEST = 1e9
_MAY_PASS = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_CURES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Set EARSHOT_TRANSCRIBER_KEY to a key that it takes.",
    HTTPStatus.FORBIDDEN: "Set EARSHOT_TRANSCRIBER_KEY to a key that may transcribe.",
    HTTPStatus.NOT_FOUND: "See that EARSHOT_TRANSCRIBER_URL and EARSHOT_TRANSCRIBER_MODEL are right.",
}
_CURE = "See that EARSHOT_TRANSCRIBER_URL names a server that speaks OpenAI's protocol for transcription."


@dataclass(frozen=True, slots=True)
class HttpTranscriber:
    """A Transcriber that asks the server at `url`, as `https://host/v1`, for its model called `model`.

    Confidence is a word's own probability where the server tells it; else that of the segment it is in, from
    `avg_logprob`; else `UNTOLD`. A server that gives no words but segments has their text spread over their time, at
    `SPREAD` of their confidence; one that gives neither cannot be used.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    answer_seconds: float = ANSWER_SECONDS

    name: ClassVar[str] = STAGE
    engine: ClassVar[str] = "http"
    # Which version of the model it runs a server does not tell; this is the protocol's.
    version: ClassVar[str] = "v1"

    @property
    def address(self) -> str:
        """Where requests go."""
        base = self.url.rstrip("/")
        if base.endswith(PATH):
            return base
        return base + PATH if base.endswith("/v1") else f"{base}/v1{PATH}"

    @property
    def server(self) -> str:
        """Scheme, host and port, without what a password could be in."""
        parsed = httpx.URL(self.url)
        return f"{parsed.scheme}://{parsed.netloc.decode('ascii', 'replace')}"

    def health(self) -> None:
        """Whether the settings can be right; the server is not asked, for it may come later."""
        try:
            parsed = httpx.URL(self.url)
        except httpx.InvalidURL:
            parsed = httpx.URL()
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise EngineUnavailable(
                "EARSHOT_TRANSCRIBER_URL is not set to an address. Set it to the server's, as https://whisper.example/v1"
            )
        if not self.model:
            raise EngineUnavailable(
                "EARSHOT_TRANSCRIBER_MODEL is not set. Set it to a model that the server has, as whisper-1"
            )
        if not self.key.isascii() or not self.key.isprintable():
            raise EngineUnavailable("EARSHOT_TRANSCRIBER_KEY holds what no key can hold. Copy it again.")

    def load(self) -> None:
        """The server has loaded its model, or does so when it is asked."""
        self.health()

    def ping(self) -> None:
        """Raises TranscriberAway unless something answers HTTP there; what it answers does not matter."""
        asyncio.run(self._bounded(self._get(), seconds=CONNECT_SECONDS))

    def run(self, given: Passage, /) -> tuple[Word, ...]:
        ends = time.monotonic() + WHOLE_SECONDS

        def hear(samples: NDArray[np.float32]) -> list[Word]:
            seconds = min(self.answer_seconds, ends - time.monotonic())
            answer = asyncio.run(self._bounded(self._post(as_wav(samples), given.language), seconds=seconds))
            return words_of(self._parsed(answer))

        return by_stretch(given, hear, gap=GAP)

    async def _bounded(self, exchange: Coroutine[Any, Any, T], *, seconds: float) -> T:
        """The exchange's result within so many seconds, however slowly its bytes drop in."""
        try:
            async with asyncio.timeout(seconds):
                return await exchange
        except (TimeoutError, httpx.TimeoutException):
            raise TranscriberAway(f"The transcription server at {self.server} took too long to answer.") from None
        except httpx.TransportError as failed:
            # Its words hold addresses and what was sent.
            raise TranscriberAway(
                f"The transcription server at {self.server} cannot be reached ({type(failed).__name__})."
            ) from None

    async def _get(self) -> None:
        async with self._client() as client, client.stream("GET", self.address):
            pass

    async def _post(self, body: bytes, language: str) -> bytes:
        fields = {
            "model": self.model,
            "language": language,
            "response_format": "verbose_json",
            # Words for their times, segments for how sure it is, which OpenAI's own server tells of them alone.
            "timestamp_granularities[]": ["word", "segment"],
            "temperature": "0",
        }
        files = {"file": ("speech.wav", body, "audio/wav")}
        async with self._client() as client, client.stream("POST", self.address, data=fields, files=files) as response:
            if response.status_code != HTTPStatus.OK:
                raise self._refusal(response)
            answer = bytearray()
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > LARGEST_ANSWER_BYTES:
                    raise self._useless("answered far more than speech can hold")
            return bytes(answer)

    def _client(self) -> httpx.AsyncClient:
        # A client of its own for each exchange: it belongs to the loop that ends with it, and nothing crosses a fork.
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(self.answer_seconds, connect=CONNECT_SECONDS))

    def _refusal(self, response: httpx.Response) -> AudioError:
        """What a status means. The body is not told: servers repeat keys and speech in it."""
        status = response.status_code
        said = f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)
        if status in _MAY_PASS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(response.headers.get("Retry-After", ""))
            return TranscriberAway(
                f"The transcription server at {self.server} cannot hear this now: {said}.", retry_after_seconds=wait
            )
        cure = _CURES.get(status, _CURE)
        return EngineUnavailable(f"The transcription server at {self.server} refuses the request: {said}. {cure}")

    def _parsed(self, answer: bytes) -> Mapping[str, Any]:
        try:
            parsed = json.loads(answer)
        except (ValueError, RecursionError):
            raise self._useless("answered with something else than JSON") from None
        if not isinstance(parsed, dict) or not {"words", "segments"} & parsed.keys():
            raise self._useless("answered without times: no words and no segments")
        return parsed

    def _useless(self, what: str) -> EngineUnavailable:
        return EngineUnavailable(f"The transcription server at {self.server} {what}. {_CURE}")


def as_wav(samples: NDArray[np.float32]) -> bytes:
    """Mono samples at 16 kHz as a WAV file of 16 bits."""
    pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
    return wav.header(len(pcm), channels=1, sample_rate=SAMPLE_RATE) + pcm.tobytes()


def retry_after(header: str, *, otherwise: int = 5) -> int:
    """The seconds that `Retry-After` asks for, within bounds; a date or nonsense is `otherwise`."""
    asked = int(header) if header.isascii() and header.isdecimal() and len(header) < 10 else otherwise
    return min(max(asked, 1), LONGEST_WAIT_SECONDS)


def words_of(answer: Mapping[str, Any]) -> list[Word]:
    """The words in an answer's JSON, as far as they make sense; `transcription.within` sees to their times."""
    segments = _dicts(answer.get("segments"))
    told = _dicts(answer.get("words")) or [word for segment in segments for word in _dicts(segment.get("words"))]
    words = [word for entry in told if (word := _word(entry, segments)) is not None]
    return words or [word for segment in segments for word in _spread(segment)]


def _word(entry: Mapping[str, Any], segments: Sequence[Mapping[str, Any]]) -> Word | None:
    text, start, end = entry.get("word"), _number(entry.get("start")), _number(entry.get("end"))
    if not isinstance(text, str) or start is None or end is None:
        return None
    told = _number(entry.get("probability"))
    return Word(text, start, end, told if told is not None else _confidence_at((start + end) / 2, segments))


def _spread(segment: Mapping[str, Any]) -> Iterator[Word]:
    """A segment's text as words, each as long as its letters make it."""
    text, start, end = segment.get("text"), _number(segment.get("start")), _number(segment.get("end"))
    if not isinstance(text, str) or start is None or end is None or end < start:
        return
    words = text.split()
    # A space is as long as a letter, and the last word has one too.
    letters = sum(len(word) + 1 for word in words)
    begins = start
    for word in words:
        ends = begins + (end - start) * (len(word) + 1) / letters
        yield Word(word, begins, ends, _confidence(segment) * SPREAD)
        begins = ends


def _confidence_at(moment: float, segments: Sequence[Mapping[str, Any]]) -> float:
    for segment in segments:
        start, end = _number(segment.get("start")), _number(segment.get("end"))
        if start is not None and end is not None and start <= moment <= end:
            return _confidence(segment)
    return UNTOLD


def _confidence(segment: Mapping[str, Any]) -> float:
    """The likelihood of the mean token, as Whisper tells it in a logarithm."""
    logarithm = _number(segment.get("avg_logprob"))
    return UNTOLD if logarithm is None else math.exp(min(logarithm, 0.0))


def _number(value: object) -> float | None:
    """A finite number; JSON as Python reads it has NaN, infinities and integers too large for any time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _LARGEST else None


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
