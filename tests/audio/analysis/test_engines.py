"""Which engine hears, by the settings."""

import shutil

import pytest

from audio.analysis import engines
from audio.analysis.pocketsphinx_engine import PocketsphinxTranscriber
from audio.errors import EngineUnavailable
from tests.tiny_whisper import write_scripted


@pytest.fixture
def model(settings, tmp_path):
    settings.EARSHOT_TRANSCRIBER = "auto"
    settings.EARSHOT_WHISPER_MODEL = write_scripted(tmp_path / "small", [" Good", " morning."])
    return settings.EARSHOT_WHISPER_MODEL


@pytest.fixture
def no_model(settings, tmp_path):
    settings.EARSHOT_TRANSCRIBER = "auto"
    settings.EARSHOT_WHISPER_MODEL = tmp_path / "none"
    return settings.EARSHOT_WHISPER_MODEL


def test_a_model_of_whisper_that_is_there_is_taken(model):
    assert (engines.transcriber().engine, engines.transcriber().model) == ("faster-whisper", "small")
    assert not engines.is_draft()
    assert engines.passed_over() == ""
    engines.check()


def test_without_one_the_draft_is_made(no_model):
    assert engines.transcriber() == PocketsphinxTranscriber()
    assert engines.is_draft()
    assert engines.passed_over() == ""
    engines.check()


def test_a_model_that_cannot_be_used_is_passed_over_and_why_is_told(model):
    (model / "tokenizer.json").unlink()
    assert engines.is_draft()
    assert "lacks tokenizer.json" in engines.passed_over()
    engines.check()


def test_an_engine_once_chosen_stays_though_its_model_comes_or_goes(no_model):
    assert engines.is_draft()
    write_scripted(no_model, [" Good"])
    assert engines.is_draft()
    assert engines.passed_over() == "It was not there when this process began."


def test_one_process_has_one_engine(model):
    assert engines.transcriber() is engines.transcriber()


def test_what_is_asked_for_by_name_is_not_replaced_by_something_else(settings, model):
    settings.EARSHOT_TRANSCRIBER = "faster-whisper"
    engines.check()
    shutil.rmtree(model)
    assert engines.transcriber().engine == "faster-whisper"
    with pytest.raises(EngineUnavailable, match="no Whisper model"):
        engines.check()


def test_the_draft_may_be_asked_for_where_there_is_better(settings, model):
    settings.EARSHOT_TRANSCRIBER = "pocketsphinx"
    assert engines.is_draft()
    assert engines.passed_over() == ""


def test_a_server_is_asked_by_its_settings(settings):
    settings.EARSHOT_TRANSCRIBER = "http"
    settings.EARSHOT_TRANSCRIBER_URL = ""
    with pytest.raises(EngineUnavailable, match="EARSHOT_TRANSCRIBER_URL"):
        engines.check()
    settings.EARSHOT_TRANSCRIBER_URL = "http://127.0.0.1:9/v1"
    settings.EARSHOT_TRANSCRIBER_MODEL = "large"
    engines.check()
    assert (engines.transcriber().engine, engines.transcriber().model) == ("http", "large")
    assert not engines.is_draft()
