"""Whisper on models that the tests make: what we do with it, not how well it hears."""

import json
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.faster_whisper_engine import FasterWhisperTranscriber
from audio.analysis.transcription import Passage, Transcriber
from audio.analysis.voice_activity import Region, detect
from audio.errors import EngineUnavailable
from tests import sound
from tests.running import ROOT
from tests.tiny_whisper import write_random, write_scripted

GREETING = [" Good", " morning,", " this", " is", " a", " call."]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def scripted(models) -> FasterWhisperTranscriber:
    return FasterWhisperTranscriber(write_scripted(models / "greeting", GREETING))


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a network was asked")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def test_words_come_with_their_text_times_and_confidence(scripted) -> None:
    words = scripted.run(Passage(sound.noise(4.0), [Region(0.0, 4.0)]))
    assert [word.text for word in words] == ["Good", "morning,", "this", "is", "a", "call."]
    assert [word.start_time for word in words] == pytest.approx([0.0, 0.24, 0.48, 0.72, 0.96, 1.2], abs=0.03)
    assert words[-1].end_time == pytest.approx(1.44, abs=0.03)
    assert all(word.confidence > 0.9 for word in words)


def test_words_lie_where_their_stretch_of_speech_lies(scripted) -> None:
    """Two stretches farther apart than a pause are heard one by one, and the silence between them not at all."""
    words = scripted.run(Passage(sound.noise(20.0), [Region(3.0, 5.5), Region(11.25, 14.0)]))
    assert [word.text for word in words] == ["Good", "morning,", "this", "is", "a", "call."] * 2
    assert [words[0].start_time, words[6].start_time] == pytest.approx([3.0, 11.25], abs=0.03)


def test_regions_that_only_a_pause_parts_are_heard_in_one_go(scripted) -> None:
    words = scripted.run(Passage(sound.noise(8.0), [Region(1.0, 2.0), Region(2.4, 3.0), Region(4.0, 5.0)]))
    assert len(words) == len(GREETING)


def test_words_that_are_put_into_silence_are_dropped(scripted) -> None:
    """The model says its six words whatever it hears; speech ends after the second."""
    words = scripted.run(Passage(sound.noise(8.0), [Region(1.0, 1.4), Region(2.3, 3.0)]))
    assert [word.text for word in words] == ["Good", "morning,", "call."]


def test_no_speech_gives_no_words(scripted) -> None:
    assert scripted.run(Passage(sound.silence(3.0), [])) == ()


def test_a_stretch_too_short_to_hold_a_word_is_survived(scripted) -> None:
    words = scripted.run(Passage(sound.silence(1.0), [Region(0.5, 0.505)]))
    assert all(0.5 <= word.start_time <= word.end_time <= 1.0 for word in words)


def test_a_decoder_that_goes_round_in_a_circle_is_not_believed(models) -> None:
    looping = FasterWhisperTranscriber(write_scripted(models / "looping", [" thanks", " for", " watching!"] * 15))
    assert looping.run(Passage(sound.noise(20.0), [Region(0.0, 20.0)])) == ()


@pytest.mark.parametrize("seed", [4, 8, 11])
def test_whatever_a_model_says_its_words_are_in_order_within_the_speech(models, seed) -> None:
    engine: Transcriber = FasterWhisperTranscriber(write_random(models / f"random-{seed}", seed=seed))
    speech = np.concatenate([sound.silence(3.0), sound.speech()[: 12 * SAMPLE_RATE]])
    passage = Passage(speech, detect(speech).regions)
    words = engine.run(passage)
    assert words
    assert all(3.0 <= word.start_time <= word.end_time <= 15.0 for word in words)
    assert all(before.start_time <= after.start_time for before, after in pairwise(words))
    assert all(0.0 <= word.confidence <= 1.0 for word in words)
    assert engine.run(passage) == words


def test_a_model_of_many_languages_is_told_which(models) -> None:
    engine = FasterWhisperTranscriber(write_scripted(models / "many", [" שלום"], languages=("en", "he")))
    hebrew = Passage(sound.noise(2.0), [Region(0.0, 2.0)], language="he")
    assert [word.text for word in engine.run(hebrew)] == ["שלום"]


def test_a_language_that_the_model_does_not_know_is_refused(scripted) -> None:
    with pytest.raises(EngineUnavailable, match="does not know the language 'he'"):
        scripted.run(Passage(sound.noise(2.0), [Region(0.0, 2.0)], language="he"))


def test_the_engine_says_what_it_is(scripted) -> None:
    assert (scripted.name, scripted.engine, scripted.model) == ("transcription", "faster-whisper", "greeting")
    assert scripted.version == "1.2.1"


def test_the_version_tells_one_model_from_another_where_its_digest_is_recorded(scripted, tmp_path) -> None:
    directory = shutil.copytree(scripted.directory, tmp_path / "greeting")
    (directory / "earshot-model.json").write_text(json.dumps({"files": {"model.bin": "0123456789abcdef"}}))
    assert FasterWhisperTranscriber(directory).version == "1.2.1+0123456789ab"
    (directory / "earshot-model.json").write_text("[]")
    assert FasterWhisperTranscriber(directory).version == "1.2.1"


def test_a_whole_model_is_healthy(scripted) -> None:
    scripted.health()


def test_a_directory_that_is_not_there_is_told(tmp_path) -> None:
    with pytest.raises(EngineUnavailable, match=r"no Whisper model at .*nowhere.*make models"):
        FasterWhisperTranscriber(tmp_path / "nowhere").health()


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_model_without_one_of_its_files_is_refused_before_anybody_looks_for_it_elsewhere(
    scripted, tmp_path, name
) -> None:
    directory = shutil.copytree(scripted.directory, tmp_path / "partial")
    (directory / name).unlink()
    said = f"lacks {name.replace('.json', '.*') if name.startswith('vocabulary') else name}"
    engine = FasterWhisperTranscriber(directory)
    for ask in (engine.health, engine.load):
        with pytest.raises(EngineUnavailable) as refused:
            ask()
        assert said in refused.value.message
        assert "make models" in refused.value.message


def test_a_damaged_model_is_told(scripted, tmp_path) -> None:
    directory = shutil.copytree(scripted.directory, tmp_path / "damaged")
    whole = (directory / "model.bin").read_bytes()
    (directory / "model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EngineUnavailable, match="damaged"):
        FasterWhisperTranscriber(directory).load()


def test_without_its_packages_the_module_imports_and_says_what_is_missing(scripted) -> None:
    script = f"""
import sys
from pathlib import Path
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *a: None if name.split(".")[0] in {{"ctranslate2", "tqdm"}} else find(name, *a)
from audio.analysis.faster_whisper_engine import FasterWhisperTranscriber
from audio.errors import EngineUnavailable
try:
    FasterWhisperTranscriber(Path({str(scripted.directory)!r})).health()
except EngineUnavailable as error:
    print(error.message)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "not installed: ctranslate2, tqdm. `make models` installs them." in told.stdout
