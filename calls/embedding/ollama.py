"""A server elsewhere that speaks Ollama's protocol: `POST /api/embed`.

What it answers is another's, so that everything in it may be wrong or missing.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import ClassVar

import httpx
import numpy as np

from calls.embedding.embedder import Vectors
from calls.errors import BadText, EmbedderAway

PATH = "/api/embed"
CONNECT_SECONDS = 2.0
# To find out the dimension; a model that is not in memory yet is loaded for it.
FIRST_ANSWER_SECONDS = 60.0
# pgvector holds no longer ones.
LARGEST_DIMENSION = 16_000
LARGEST_ANSWER_BYTES = 64 * 2**20
# More is not sent: the server cuts what is longer than its model reads, usually 2048 tokens or fewer.
LONGEST_CHARACTERS = 8000


@dataclass(frozen=True, slots=True)
class Ollama:
    """An Embedder that asks the server at `url`, as `http://127.0.0.1:11434`, for its model called `name`."""

    url: str
    name: str

    # Models differ; most of those that Ollama has give what is unrelated more than MiniLM does.
    least_similarity: ClassVar[float] = 0.55

    @property
    def model(self) -> str:
        return f"ollama/{self.name}"

    @property
    def dimension(self) -> int:
        return _dimension(self)

    @property
    def server(self) -> str:
        """Scheme, host and port, without what a password could be in."""
        try:
            parsed = httpx.URL(self.url)
        except httpx.InvalidURL:
            return "EARSHOT_OLLAMA_URL"
        return f"{parsed.scheme}://{parsed.netloc.decode('ascii', 'replace')}"

    def knows(self, text: str) -> bool:
        """Nobody can ask it."""
        return True

    def embed(self, texts: Sequence[str], *, seconds: float) -> Vectors:
        if not texts:
            return np.empty((0, 0), dtype=np.float32)
        body = {"model": self.name, "input": [text[:LONGEST_CHARACTERS] for text in texts], "truncate": True}
        return self._vectors(self._post(body, seconds), len(texts))

    def _post(self, body: object, seconds: float) -> bytes:
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        answer = bytearray()
        ends = time.monotonic() + seconds
        try:
            with httpx.stream("POST", self.url.rstrip("/") + PATH, json=body, timeout=timeout) as response:
                if response.status_code != HTTPStatus.OK:
                    raise self._refusal(response.status_code)
                for piece in response.iter_bytes():
                    answer += piece
                    if len(answer) > LARGEST_ANSWER_BYTES:
                        raise self._useless("answered far more than vectors can be")
                    if time.monotonic() > ends:
                        # It sends, but byte after byte.
                        raise httpx.ReadTimeout("")
        except httpx.TimeoutException:
            raise EmbedderAway(f"The embedding server at {self.server} took too long to answer.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as failed:
            # Its words hold addresses and what was sent.
            raise EmbedderAway(
                f"The embedding server at {self.server} cannot be reached ({type(failed).__name__}). "
                "See that it runs and that EARSHOT_OLLAMA_URL is right."
            ) from None
        return bytes(answer)

    def _refusal(self, status: int) -> EmbedderAway | BadText:
        """What a status means. The body is not told: servers repeat in it what was said to them."""
        if status == HTTPStatus.BAD_REQUEST:
            return BadText(f"The embedding server at {self.server} refuses a text.")
        if status == HTTPStatus.NOT_FOUND:
            return EmbedderAway(
                f"The embedding server at {self.server} has no model {self.name}. `ollama pull {self.name}` gets it, "
                "or set EARSHOT_OLLAMA_EMBED_MODEL to one that it has."
            )
        return EmbedderAway(f"The embedding server at {self.server} cannot answer this now: {status}.")

    def _vectors(self, answer: bytes, count: int) -> Vectors:
        try:
            vectors = np.array(json.loads(answer)["embeddings"], dtype=np.float32)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            raise self._useless("answered with something else than vectors") from None
        if vectors.ndim != 2 or len(vectors) != count or not 1 <= vectors.shape[1] <= LARGEST_DIMENSION:
            raise self._useless("answered with another number of vectors than were asked for")
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise BadText(f"The embedding server at {self.server} has no direction for a text.")
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit

    def _useless(self, what: str) -> EmbedderAway:
        return EmbedderAway(
            f"The embedding server at {self.server} {what}. See that EARSHOT_OLLAMA_URL names an Ollama server and "
            f"that {self.name} is a model that embeds."
        )


@cache
def _dimension(server: Ollama) -> int:
    """Found out once in each process; a failure is not remembered."""
    return int(server.embed(["dimension"], seconds=FIRST_ANSWER_SECONDS).shape[1])
