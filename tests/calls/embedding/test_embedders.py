"""Vectors are made once, as long as they are remembered."""

import numpy as np
import pytest

from calls.embedding import embedders
from calls.embedding.cache import RecentVectors
from calls.embedding.ollama import Ollama


@pytest.fixture(autouse=True)
def nothing_remembered():
    embedders.forget()
    yield
    embedders.forget()


class Counting:
    """An embedder that keeps what it was asked for."""

    model, dimension, least_similarity = "counting", 2, 0.5

    def __init__(self):
        self.asked = []

    def embed(self, texts, *, seconds):
        self.asked.append(list(texts))
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


def test_only_what_is_not_remembered_is_asked_for_and_each_text_once():
    embedder = Counting()
    first = embedders.embed(embedder, ["a", "bb", "a"], seconds=1)
    again = embedders.embed(embedder, ["bb", "ccc", "a"], seconds=1)
    assert embedder.asked == [["a", "bb"], ["ccc"]]
    assert first[:, 0].tolist() == [1.0, 2.0, 1.0]
    assert again[:, 0].tolist() == [2.0, 3.0, 1.0]
    assert embedders.counts() == (2, 3, 3)


def test_the_one_not_asked_for_the_longest_is_forgotten_first():
    recent, vector = RecentVectors(2), np.zeros(1, dtype=np.float32)
    for digest in (b"a", b"b"):
        recent.keep("model", digest, vector)
    assert recent.find("model", b"a") is vector
    recent.keep("model", b"c", vector)
    assert [recent.find("model", digest) is vector for digest in (b"a", b"b", b"c")] == [True, False, True]
    assert recent.find("another", b"a") is None


def test_the_settings_choose(settings):
    settings.EARSHOT_EMBEDDER = "none"
    assert embedders.chosen() is None
    settings.EARSHOT_EMBEDDER = "ollama"
    assert embedders.chosen() == Ollama(settings.EARSHOT_OLLAMA_URL, settings.EARSHOT_OLLAMA_EMBED_MODEL)
    settings.EARSHOT_EMBEDDER = "minilm"
    embedder = embedders.chosen()
    assert (embedder.model, embedder.dimension) == ("all-MiniLM-L6-v2", 384)
    assert embedders.least_similarity(embedder) == embedder.least_similarity
    settings.EARSHOT_SEARCH_SIMILARITY_PERCENT = 50
    assert embedders.least_similarity(embedder) == 0.5
