"""A model is fetched from a hub, which a real HTTP server plays with a model that the test made."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from audio.analysis import whisper_models
from audio.analysis.faster_whisper_engine import FasterWhisperTranscriber
from audio.analysis.transcription import Passage
from audio.analysis.voice_activity import Region
from audio.errors import ModelNotFetched
from tests.running import ROOT, free_port
from tests.tiny_whisper import write_scripted

MODEL = "Somebody/faster-whisper-tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves the files of a directory as one model, large ones by a redirect to another path, as the real one does."""

    def __init__(self, directory):
        self.files = {path.name: path.read_bytes() for path in directory.iterdir()}
        self.files["README.md"] = b"# Tiny"
        self.listed = None
        self.asked, self.cut_at, self.knows_ranges = [], None, True
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append((self.path, self.headers.get("Range")))
                hub.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def listing(self):
        return {
            "id": MODEL,
            "sha": COMMIT,
            "siblings": [
                *(self._listed(name, body) for name, body in self.files.items()),
                {"rfilename": "../../escaped/model.bin", "size": 1, "blobId": "00"},
            ],
        }

    def _listed(self, name, body):
        git = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
        entry = {"rfilename": name, "size": len(body), "blobId": git}
        large = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
        return {**entry, "lfs": large} if name == "model.bin" else entry

    def answer(self, handler):
        path = handler.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path in {f"/api/models/{MODEL}/revision/{revision}" for revision in ("main", "v1", COMMIT)}:
            listed = self.listed if self.listed is not None else json.dumps(self.listing()).encode()
            self._respond(handler, 200, listed)
        elif path == f"/{MODEL}/resolve/{COMMIT}/model.bin":
            self._respond(handler, 302, b"", Location="/elsewhere/model.bin")
        elif name in self.files and path in {f"/{MODEL}/resolve/{COMMIT}/{name}", f"/elsewhere/{name}"}:
            self._give(handler, name)
        else:
            self._respond(handler, 404, b"not found")

    def _give(self, handler, name):
        body, asked = self.files[name], handler.headers.get("Range")
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.knows_ranges else 0
        status = 206 if asked and self.knows_ranges else 200
        part = body[first:]
        self._respond(handler, status, part, cut_at=self.cut_at if name == "model.bin" else None)

    def _respond(self, handler, status, body, *, cut_at=None, **headers):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[:cut_at])

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_scripted(tmp_path_factory.mktemp("made") / "tiny", [" Good", " morning."])


@pytest.fixture
def hub(made):
    hub = Hub(made)
    yield hub
    hub.stop()


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "models" / "whisper"


def fetch(hub, directory, **asked):
    said = []
    whisper_models.fetch(directory, **{"model": MODEL, "hub": hub.url, **asked}, say=said.append)
    return "\n".join(said)


def files_asked(hub):
    return [path for path, _ in hub.asked if "/resolve/" in path]


def test_a_model_is_fetched_tried_and_written_down(hub, directory):
    said = fetch(hub, directory)
    assert f"{MODEL} is in {directory}" in said
    wanted = {"model.bin", "config.json", "tokenizer.json", "vocabulary.json"}
    assert {path.name for path in directory.iterdir()} == wanted | {"earshot-model.json"}
    assert all((directory / name).read_bytes() == hub.files[name] for name in wanted)
    record = json.loads((directory / "earshot-model.json").read_text())
    assert (record["model"], record["revision"], record["from"]) == (MODEL, COMMIT, hub.url)
    digest = hashlib.sha256(hub.files["model.bin"]).hexdigest()
    assert record["files"]["model.bin"] == digest
    engine = FasterWhisperTranscriber(directory)
    assert engine.version == f"1.2.1+{digest[:12]}"
    words = engine.run(Passage(np.zeros(16_000, np.float32), [Region(0.0, 1.0)]))
    assert [word.text for word in words] == ["Good", "morning."]
    assert [path.name for path in directory.parent.iterdir()] == ["whisper"]


def test_it_is_fetched_once(hub, directory):
    fetch(hub, directory)
    asked = len(hub.asked)
    assert "already" in fetch(hub, directory)
    assert len(hub.asked) == asked


def test_another_revision_takes_the_place_of_the_first(hub, directory):
    fetch(hub, directory)
    fetch(hub, directory, revision="v1")
    assert json.loads((directory / "earshot-model.json").read_text())["asked"] == "v1"
    assert [path.name for path in directory.parent.iterdir()] == ["whisper"]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_what_was_cut_is_gone_on_with(hub, directory, knows_ranges):
    hub.cut_at, hub.knows_ranges = 100_000, knows_ranges
    with pytest.raises(ModelNotFetched, match="goes on with it"):
        fetch(hub, directory)
    assert not directory.exists()
    came = set(files_asked(hub)) - {f"/{MODEL}/resolve/{COMMIT}/model.bin"}
    hub.cut_at, hub.asked = None, []
    fetch(hub, directory)
    assert ("/elsewhere/model.bin", "bytes=100000-") in hub.asked
    assert not came & set(files_asked(hub))
    assert (directory / "model.bin").read_bytes() == hub.files["model.bin"]


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_what_has_come_damaged_is_not_kept(hub, directory, name):
    hub.listed = json.dumps(hub.listing()).encode()
    whole = hub.files[name]
    hub.files[name] = whole[:-1] + b"?"
    with pytest.raises(ModelNotFetched, match="damaged"):
        fetch(hub, directory)
    assert not directory.exists()
    hub.files[name] = whole
    fetch(hub, directory)
    assert (directory / name).read_bytes() == whole


def test_a_model_that_does_not_load_is_not_put_in_place(hub, directory):
    hub.files["model.bin"] = b"whole, and no model"
    with pytest.raises(ModelNotFetched, match="cannot be loaded"):
        fetch(hub, directory)
    assert not directory.exists()


def test_without_a_network_nothing_is_left_behind(tmp_path, directory):
    with pytest.raises(ModelNotFetched) as failed:
        whisper_models.fetch(directory, hub=f"http://127.0.0.1:{free_port()}", say=print)
    assert "cannot be reached" in failed.value.message
    assert f"put them into {directory}" in failed.value.message
    assert "is kept" not in failed.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_there_is_not_is_told(hub, directory):
    with pytest.raises(ModelNotFetched, match=r"no model Somebody/else at main .*404"):
        fetch(hub, directory, model="Somebody/else")
    assert not directory.parent.exists()


def test_a_model_of_another_kind_is_told(hub, directory):
    del hub.files["vocabulary.json"]
    with pytest.raises(ModelNotFetched, match=r"no vocabulary\.\*.*Systran/faster-whisper-small"):
        fetch(hub, directory)


@pytest.mark.parametrize(
    "garbage", [b"", b"<html>", b"[]", b"{}", b'{"sha": "../..", "siblings": []}', b'{"sha": "00", "siblings": [7]}']
)
def test_a_hub_that_is_none_is_told(hub, directory, garbage):
    hub.listed = garbage
    with pytest.raises(ModelNotFetched, match="nothing that a model hub would"):
        fetch(hub, directory)
    assert not directory.parent.exists()


def test_a_model_put_there_by_hand_is_tried_written_down_and_left_alone(hub, directory, made):
    shutil.copytree(made, directory)
    assert "by hand" in fetch(hub, directory)
    assert "already" in fetch(hub, directory)
    assert hub.asked == []
    digest = hashlib.sha256((made / "model.bin").read_bytes()).hexdigest()
    assert FasterWhisperTranscriber(directory).version == f"1.2.1+{digest[:12]}"


def test_what_is_no_model_is_left_alone(hub, directory):
    directory.mkdir(parents=True)
    (directory / "letters.txt").write_text("mine")
    with pytest.raises(ModelNotFetched, match="Move it away"):
        fetch(hub, directory)
    assert (directory / "letters.txt").read_text() == "mine"


def run(data, *arguments, **variables):
    """The command as `make models` runs it, without any stack."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    return subprocess.run(
        [sys.executable, "-m", "config.fetch_models", *arguments],
        cwd=ROOT,
        env={**inherited, "EARSHOT_DATA": str(data), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_fetches_into_the_data_directory(hub, tmp_path):
    done = run(tmp_path, f"{MODEL}@v1", HF_ENDPOINT=f"{hub.url}/")
    assert done.returncode == 0, done.stderr
    FasterWhisperTranscriber(tmp_path / "models" / "whisper").health()


def test_the_command_fails_in_one_paragraph_and_without_a_traceback(tmp_path):
    failed = run(tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert failed.returncode == 1
    assert failed.stderr.startswith("http://127.0.0.1:")
    assert failed.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
