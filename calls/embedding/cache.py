"""The vectors that were made last, by model and by digest of the text."""

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from calls.embedding.embedder import Vectors


class Counts(NamedTuple):
    """How often a vector was there, and how often not, since this process began; how many there are."""

    hits: int
    misses: int
    kept: int


def digest_of(text: str) -> bytes:
    """SHA-256."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


class RecentVectors:
    """At most `most` vectors; the one not asked for the longest goes first. For many threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._vectors: OrderedDict[tuple[str, bytes], Vectors] = OrderedDict()
        self._lock = Lock()
        self._hits = self._misses = 0

    def find(self, model: str, digest: bytes) -> Vectors | None:
        with self._lock:
            vector = self._vectors.get((model, digest))
            if vector is None:
                self._misses += 1
            else:
                self._hits += 1
                self._vectors.move_to_end((model, digest))
            return vector

    def keep(self, model: str, digest: bytes, vector: Vectors) -> None:
        with self._lock:
            self._vectors[model, digest] = vector
            self._vectors.move_to_end((model, digest))
            while len(self._vectors) > self.most:
                self._vectors.popitem(last=False)

    def counts(self) -> Counts:
        with self._lock:
            return Counts(self._hits, self._misses, len(self._vectors))
