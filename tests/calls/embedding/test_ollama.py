"""A server of vectors is another's: slow, away, or saying what it likes."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from calls.embedding.ollama import Ollama
from calls.errors import BadText, EmbedderAway


@contextmanager
def server(answer):
    """An address; `answer` makes status and body of what was asked."""
    asked, over = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body))
            status, said = answer(body, over)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", asked
    finally:
        over.set()
        http.shutdown()
        thread.join()
        http.server_close()


def test_texts_go_there_in_one_request_and_come_back_as_unit_vectors():
    with server(lambda body, _: (200, {"embeddings": [[3.0, 4.0]] * len(body["input"])})) as (url, asked):
        embedder = Ollama(f"{url}/", "some-model")
        vectors = embedder.embed(["one", "two"], seconds=5)
        assert embedder.dimension == 2
        assert embedder.dimension == 2
    np.testing.assert_allclose(vectors, [[0.6, 0.8]] * 2)
    assert (vectors.dtype, embedder.model) == (np.float32, "ollama/some-model")
    assert asked[0] == ("/api/embed", {"model": "some-model", "input": ["one", "two"], "truncate": True})
    assert len(asked) == 2, "the dimension is asked for once"


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (200, b"no JSON", EmbedderAway),
        (200, b"[" * 100_000, EmbedderAway),
        (200, {}, EmbedderAway),
        (200, [], EmbedderAway),
        (200, {"embeddings": []}, EmbedderAway),
        (200, {"embeddings": [[1.0], [1.0]]}, EmbedderAway),
        (200, {"embeddings": [["x"]]}, EmbedderAway),
        (200, {"embeddings": [[]]}, EmbedderAway),
        (200, {"embeddings": [[1e999]]}, BadText),
        (200, {"embeddings": [[0.0, 0.0]]}, BadText),
        (400, {"error": "input length exceeds maximum context length"}, BadText),
        (404, {"error": "model not found"}, EmbedderAway),
        (500, {}, EmbedderAway),
        (302, {}, EmbedderAway),
    ],
)
def test_whatever_it_says_is_an_error_of_ours_that_does_not_tell_what_was_said(status, said, error):
    with server(lambda *_: (status, said)) as (url, _), pytest.raises(error) as raised:
        Ollama(url, "some-model").embed(["a secret"], seconds=5)
    assert "secret" not in raised.value.message
    assert "context" not in raised.value.message


def test_one_that_does_not_answer_is_given_up_after_the_seconds_it_has():
    def silent(_, over):
        over.wait(60)
        return 200, {}

    with server(silent) as (url, _), pytest.raises(EmbedderAway, match="too long"):
        Ollama(url, "some-model").embed(["text"], seconds=0.2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[", "ftp://127.0.0.1", "http://x:y@z:0"])
def test_an_address_where_nobody_is_is_the_one_error(url):
    with pytest.raises(EmbedderAway) as raised:
        Ollama(url, "some-model").embed(["text"], seconds=1)
    assert "x:y" not in raised.value.message
