"""The transcription server elsewhere, played by a real HTTP server that speaks the protocol."""

import email
import json
import threading
import time
import wave
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.analysis import http_engine
from audio.analysis.http_engine import HttpTranscriber, retry_after, words_of
from audio.analysis.transcription import Passage, Transcriber, within
from audio.analysis.voice_activity import Region
from audio.errors import EngineUnavailable, RetryableAudioError, TranscriberAway
from tests import sound
from tests.running import free_port

KEY = "sk-very-secret"
SEGMENT = {"id": 0, "start": 0.0, "end": 1.0, "text": " Good morning.", "avg_logprob": -0.105}
WORDS = [{"word": "Good", "start": 0.1, "end": 0.4}, {"word": "morning.", "start": 0.5, "end": 0.9}]
ANSWER = {"task": "transcribe", "language": "english", "duration": 1.0, "text": "Good morning.", "words": WORDS}


class Received:
    """One request as the server got it."""

    def __init__(self, path, headers, body):
        self.path, self.headers = path, headers
        message = email.message_from_bytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body, policy=HTTP
        )
        self.fields, self.file = {}, b""
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            if name == "file":
                self.file, self.file_name, self.file_type = (
                    part.get_payload(decode=True),
                    part.get_filename(),
                    part.get_content_type(),
                )
            else:
                self.fields.setdefault(name, []).append(part.get_payload(decode=True).decode())

    @property
    def samples(self):
        with wave.open(BytesIO(self.file)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
            return np.frombuffer(file.readframes(file.getnframes()), "<i2")


class Server:
    """Gives its answers one after another, the last one again and again: JSON, or what writes to the handler."""

    def __init__(self):
        self.received, self.answers = [], [ANSWER]
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.received.append(Received(self.path, self.headers, body))
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                if callable(answer):
                    answer(self)
                else:
                    respond(200, json.dumps(answer).encode())(self)

            def do_GET(self):
                respond(405, b"")(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def respond(status, body, **headers):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def cut(handler):
    """A connection that ends in the middle of the answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"words": [')


def dripping(handler):
    """An answer that never stalls for long and never ends."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


def engine_at(server, **settings):
    return HttpTranscriber(server.url, "whisper-1", **{"key": KEY, **settings})


def passage(seconds=1.0, *regions):
    return Passage(sound.noise(seconds), regions or [Region(0.0, seconds)])


def heard(server, *answers):
    server.answers = list(answers)
    return engine_at(server).run(passage())


def test_the_server_gets_the_speech_and_what_is_asked_of_it(server):
    given = Passage(sound.speech()[:32_000], [Region(0.5, 1.5)], language="de")
    engine_at(server).run(given)
    (request,) = server.received
    assert (request.path, request.headers["Authorization"]) == ("/v1/audio/transcriptions", f"Bearer {KEY}")
    assert (request.file_name, request.file_type) == ("speech.wav", "audio/wav")
    assert request.fields == {
        "model": ["whisper-1"],
        "language": ["de"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["word", "segment"],
        "temperature": ["0"],
    }
    assert len(request.samples) == 16_000
    assert np.abs(request.samples / 32767 - given.samples[8000:24_000]).max() < 1 / 32767


def test_without_a_key_none_is_sent(server):
    engine_at(server, key="").run(passage())
    assert "Authorization" not in server.received[0].headers


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/audio/transcriptions"])
def test_the_address_may_be_told_in_full_or_not(server, ending):
    HttpTranscriber(server.url.removesuffix("/v1") + ending, "whisper-1").run(passage())
    assert server.received[0].path == "/v1/audio/transcriptions"


def test_words_come_with_their_times(server):
    engine: Transcriber = engine_at(server)
    words = engine.run(passage())
    assert [(word.text, word.start_time, word.end_time) for word in words] == [
        ("Good", 0.1, 0.4),
        ("morning.", 0.5, 0.9),
    ]


def test_each_stretch_of_speech_is_a_request_and_its_words_lie_where_it_lies(server):
    words = engine_at(server).run(passage(20.0, Region(3.0, 4.0), Region(4.5, 5.0), Region(10.25, 11.25)))
    assert [len(request.samples) for request in server.received] == [32_000, 16_000]
    assert [word.start_time for word in words] == [3.1, 3.5, 10.35, 10.75]


def test_where_nobody_speaks_nobody_is_asked(server):
    assert engine_at(server).run(Passage(sound.silence(1.0), [])) == ()
    assert server.received == []


@pytest.mark.parametrize(
    ("answer", "confidence"),
    [
        ({"words": [{**WORDS[0], "probability": 0.8}], "segments": [SEGMENT]}, 0.8),
        ({"words": WORDS[:1], "segments": [SEGMENT]}, 0.9),
        ({"words": WORDS[:1], "segments": [{**SEGMENT, "start": 0.9}]}, http_engine.UNTOLD),
        ({"words": WORDS[:1]}, http_engine.UNTOLD),
        ({"segments": [{**SEGMENT, "words": [{**WORDS[0], "probability": 0.7}]}]}, 0.7),
        ({"segments": [{**SEGMENT, "text": "Good"}]}, 0.45),
    ],
    ids=["the word's own", "its segment's", "in no segment", "not told", "words in segments", "no words"],
)
def test_how_sure_it_is_comes_from_the_best_that_is_told(server, answer, confidence):
    (word,) = heard(server, answer)
    assert word.text == "Good"
    assert word.confidence == pytest.approx(confidence, abs=0.001)


def test_a_segment_without_words_has_its_text_spread_over_its_time(server):
    words = heard(server, {"segments": [{"start": 0.2, "end": 0.9, "text": " Good morning."}]})
    assert [(word.text, word.start_time, word.end_time) for word in words] == [
        ("Good", 0.2, 0.45),
        ("morning.", 0.45, 0.9),
    ]
    assert words[0].confidence == http_engine.UNTOLD * http_engine.SPREAD


def test_a_server_that_fails_once_is_asked_again_with_success(server):
    server.answers = [respond(500, b"oops"), ANSWER]
    engine = engine_at(server)
    with pytest.raises(TranscriberAway, match="500 Internal Server Error"):
        engine.run(passage())
    assert len(engine.run(passage())) == 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_later(server, status):
    with pytest.raises(RetryableAudioError) as away:
        heard(server, respond(status, KEY.encode(), Retry_After="17"))
    assert (away.value.code, away.value.retry_after_seconds) == ("transcriber_away", 17)
    assert str(status) in away.value.message


@pytest.mark.parametrize(
    ("header", "seconds"), [("17", 17), ("0", 1), ("99999", 300), ("", 5), ("-3", 5), ("Wed, 21 Oct 2015", 5), ("²", 5)]
)
def test_a_wait_is_within_bounds(header, seconds):
    assert retry_after(header) == seconds


@pytest.mark.parametrize(
    ("status", "cure"),
    [(400, "URL"), (401, "KEY"), (403, "KEY"), (404, "MODEL"), (413, "URL"), (302, "URL"), (204, "")],
)
def test_a_refusal_that_lasts_is_told_with_its_cure_and_neither_key_nor_body(server, status, cure):
    with pytest.raises(EngineUnavailable) as refused:
        heard(
            server, respond(status, b"" if status == 204 else f"bad key {KEY}".encode(), Location="http://127.0.0.1:1/")
        )
    assert str(status) in refused.value.message
    assert cure in refused.value.message
    assert KEY not in refused.value.message


@pytest.mark.parametrize("trouble", [cut, lambda handler: handler.connection.close()], ids=["cut", "closed"])
def test_a_connection_that_breaks_is_tried_again_later(server, trouble):
    with pytest.raises(TranscriberAway, match="cannot be reached"):
        heard(server, trouble)


def test_nobody_there_is_tried_again_later():
    engine = HttpTranscriber(f"http://user:hidden@127.0.0.1:{free_port()}", "whisper-1")
    for ask in (lambda: engine.run(passage()), engine.ping):
        with pytest.raises(TranscriberAway) as away:
            ask()
        assert "cannot be reached" in away.value.message
        assert "hidden" not in away.value.message


@pytest.mark.parametrize("slow", [dripping, lambda handler: handler.connection.recv(1)], ids=["dripping", "silent"])
def test_a_server_that_takes_too_long_is_not_waited_for(server, slow):
    server.answers = [slow]
    with pytest.raises(TranscriberAway, match="took too long"):
        engine_at(server, answer_seconds=0.3).run(passage())


@pytest.mark.parametrize(
    "garbage",
    [b"", b"<html>", b"\xff\xfe", b"[]", b"null", b'"text"', b'{"text": "Good"}', b"[" * 100_000, b"1" * 5000],
)
def test_an_answer_that_is_none_is_told(server, garbage):
    with pytest.raises(EngineUnavailable, match="OpenAI's protocol"):
        heard(server, respond(200, garbage))


def test_an_answer_without_end_is_not_read(server, monkeypatch):
    monkeypatch.setattr(http_engine, "LARGEST_ANSWER_BYTES", 1000)
    with pytest.raises(EngineUnavailable, match="far more"):
        heard(server, respond(200, b" " * 2000))


def test_words_that_cannot_be_are_left_out_and_the_others_put_in_order(server):
    words = heard(
        server,
        {
            "words": [
                {"word": "second", "start": 0.5, "end": 0.6, "probability": 7},
                {"word": " first ", "start": -0.5, "end": 0.2, "probability": -1},
                {"word": "later", "start": 30.0, "end": 31.0},
                {"word": "earlier", "start": -3.0, "end": -2.0},
                {"word": "nowhere", "start": float("nan"), "end": 0.5},
                {"word": "endless", "start": 0.1, "end": float("inf")},
                {"word": "huge", "start": 10**400, "end": 10**401},
                {"word": "backwards", "start": 0.8, "end": 0.7},
                {"word": "text", "start": "0.1", "end": True},
                {"word": None, "start": 0.1, "end": 0.2},
                {"word": "\ud800\u0000", "start": 0.1, "end": 0.2},
                {"start": 0.1, "end": 0.2},
                "word",
                None,
            ]
        },
    )
    assert [(word.text, word.start_time, word.end_time, word.confidence) for word in words] == [
        ("first", 0.0, 0.2, 0.0),
        ("second", 0.5, 0.6, 1.0),
        ("backwards", 0.8, 0.8, 0.5),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["words", "segments", "word", "text", "start", "end", "probability", "avg_logprob"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["words", "segments", "text"]), JSON))
def test_whatever_json_comes_words_are_fit_or_there_are_none(answer):
    words = within(words_of(answer), passage())
    assert all(0.0 <= word.start_time <= word.end_time <= 1.0 and 0.0 <= word.confidence <= 1.0 for word in words)


@pytest.mark.parametrize("url", ["", "whisper", "ftp://whisper", "http://", "http://whisper:port", "https:///v1"])
def test_an_address_that_is_none_is_told(url):
    with pytest.raises(EngineUnavailable, match="EARSHOT_TRANSCRIBER_URL"):
        HttpTranscriber(url, "whisper-1").health()


def test_what_else_is_missing_is_told():
    with pytest.raises(EngineUnavailable, match="EARSHOT_TRANSCRIBER_MODEL"):
        HttpTranscriber("http://whisper", "").health()
    with pytest.raises(EngineUnavailable, match="EARSHOT_TRANSCRIBER_KEY"):
        HttpTranscriber("http://whisper", "whisper-1", "sk-\n").health()


def test_settings_that_can_be_right_are_healthy_though_nobody_is_there():
    HttpTranscriber("http://127.0.0.1:1/v1", "whisper-1", KEY).health()


def test_any_answer_is_a_sign_of_life(server):
    engine_at(server).ping()


def test_the_engine_says_what_it_is_and_not_its_key(server):
    engine = engine_at(server)
    assert (engine.name, engine.engine, engine.model, engine.version) == ("transcription", "http", "whisper-1", "v1")
    assert KEY not in repr(engine)
