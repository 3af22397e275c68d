"""Which embedder there is, by the settings, and its vectors of texts, those of late from memory."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from django.conf import settings

from calls.embedding.cache import Counts, RecentVectors, digest_of
from calls.embedding.embedder import Embedder, Vectors
from calls.embedding.ollama import Ollama
from metrics import counters

# Similarity is set in whole percent.
_PERCENT = 100


def chosen() -> Embedder | None:
    """The embedder of the settings; None when meaning is not searched."""
    if settings.EARSHOT_EMBEDDER == "none":
        return None
    if settings.EARSHOT_EMBEDDER == "ollama":
        return Ollama(settings.EARSHOT_OLLAMA_URL, settings.EARSHOT_OLLAMA_EMBED_MODEL)
    # Loads numpy's and the tokenizer's libraries, for which who asks a server has no use.
    from calls.embedding.minilm import MiniLM  # noqa: PLC0415

    return MiniLM()


def least_similarity(embedder: Embedder) -> float:
    """The cosine from which texts count as alike: as set, else the embedder's own."""
    percent: int = settings.EARSHOT_SEARCH_SIMILARITY_PERCENT
    return percent / _PERCENT if percent else embedder.least_similarity


def embed(embedder: Embedder, texts: Sequence[str], *, seconds: float) -> Vectors:
    """A row for each text, in one request for all those that are not remembered. Raises as the embedder does."""
    digests = [digest_of(text) for text in texts]
    found: dict[bytes, Vectors] = {}
    missing: dict[bytes, str] = {}
    for digest, text in zip(digests, texts, strict=True):
        if digest in found or digest in missing:
            continue
        vector = _recent().find(embedder.model, digest)
        if vector is None:
            missing[digest] = text
        else:
            found[digest] = vector
    if found:
        counters.add(counters.EMBEDDING_CACHE_HITS, len(found))
    if missing:
        made = embedder.embed(list(missing.values()), seconds=seconds)
        for digest, vector in zip(missing, made, strict=True):
            # A copy: a row would hold the whole batch in memory.
            found[digest] = vector.copy()
            _recent().keep(embedder.model, digest, found[digest])
    return np.stack([found[digest] for digest in digests])


def counts() -> Counts:
    """Of this process's memory of vectors."""
    return _recent().counts()


def forget() -> None:
    """Empty this process's memory of vectors, and its counts."""
    _recent.cache_clear()


@cache
def _recent() -> RecentVectors:
    return RecentVectors(settings.EARSHOT_EMBEDDING_CACHE)
