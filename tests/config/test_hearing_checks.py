"""What is said at the start, and by the doctor, of the engines of hearing."""

import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from structlog.testing import capture_logs

from config.celery import refuse_what_cannot_hear
from config.findings import State
from config.hearing_checks import CHECKS
from tests.running import ROOT, free_port
from tests.tiny_whisper import write_scripted


def of_transcript():
    return [(finding.state, finding.said) for finding in CHECKS["Transcript"]()]


@pytest.fixture
def model(settings, tmp_path):
    settings.EARSHOT_TRANSCRIBER = "auto"
    settings.EARSHOT_WHISPER_MODEL = write_scripted(tmp_path / "small", [" Good", " morning."])
    return settings.EARSHOT_WHISPER_MODEL


def test_a_draft_is_called_one(settings, tmp_path):
    settings.EARSHOT_TRANSCRIBER, settings.EARSHOT_WHISPER_MODEL = "auto", tmp_path / "none"
    [(state, said)] = of_transcript()
    assert state == State.OK
    assert "pocketsphinx, en-us: loads in" in said
    assert "a draft" in said
    assert "make models" in said


def test_whisper_is_loaded(model):
    [(state, said)] = of_transcript()
    assert state == State.OK
    assert said.startswith("faster-whisper, small: loads in")


def test_a_model_that_is_passed_over_is_a_warning(model):
    (model / "vocabulary.json").unlink()
    [(state, said), (other, _)] = of_transcript()
    assert (state, other) == (State.WARNING, State.OK)
    assert "lacks vocabulary.*" in said


@pytest.mark.parametrize("missing", [True, False])
def test_a_model_that_was_asked_for_and_cannot_be_used_is_an_error(settings, model, missing):
    settings.EARSHOT_TRANSCRIBER = "faster-whisper"
    if missing:
        (model / "model.bin").unlink()
    else:
        (model / "model.bin").write_bytes(b"not a model")
    [(state, said)] = of_transcript()
    assert state == State.ERROR
    assert ("lacks model.bin" if missing else "damaged") in said


def test_a_server_that_is_away_is_an_error(settings):
    settings.EARSHOT_TRANSCRIBER = "http"
    settings.EARSHOT_TRANSCRIBER_URL = f"http://127.0.0.1:{free_port()}"
    [(state, said)] = of_transcript()
    assert state == State.ERROR
    assert "cannot be reached" in said


def test_nothing_is_prepared_for_an_engine_that_cannot_be_used(settings, tmp_path):
    settings.EARSHOT_TRANSCRIBER, settings.EARSHOT_WHISPER_MODEL = "faster-whisper", tmp_path / "none"
    with pytest.raises(CommandError, match="no Whisper model"):
        call_command("prepare")


def test_a_worker_that_could_not_transcribe_refuses_to_start(tmp_path):
    model = tmp_path / "none"
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "-c", "1", "-Q", "rollup,transcription"],
        cwd=ROOT,
        env={**os.environ, "EARSHOT_TRANSCRIBER": "faster-whisper", "EARSHOT_WHISPER_MODEL": str(model)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip().startswith(f"There is no Whisper model at {model}. `make models`")


def test_so_does_one_of_all_queues_and_one_of_others_is_not_concerned(settings, tmp_path):
    settings.EARSHOT_TRANSCRIBER, settings.EARSHOT_WHISPER_MODEL = "faster-whisper", tmp_path / "none"
    for options in ({}, {"queues": None}, {"queues": []}):
        with pytest.raises(SystemExit, match="no Whisper model"):
            refuse_what_cannot_hear(options)
    refuse_what_cannot_hear({"queues": ["rollup", "storage"]})


def test_a_worker_that_passes_a_model_over_says_so_in_its_log(model):
    (model / "config.json").unlink()
    with capture_logs() as logged:
        refuse_what_cannot_hear({"queues": ["transcription"]})
    [entry] = logged
    assert (entry["event"], entry["log_level"]) == ("whisper_passed_over", "warning")
    assert "lacks config.json" in entry["reason"]
