"""`evaluate` over a directory of recordings: what it measures, says and writes."""

import io
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command

from tests import sound
from tests.sound import SAMPLE_RATE


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The reader's first words as a recording with words and turns, the same without words, and one of nothing."""
    body = sound.encode(sound.speech()[: 7 * SAMPLE_RATE], container="wav")
    for name in ("read", "spoken", "neither"):
        (tmp_path / f"{name}.wav").write_bytes(body)
    (tmp_path / "read.txt").write_text(sound.speech_text().splitlines()[0])
    for name in ("read", "spoken"):
        (tmp_path / f"{name}.rttm").write_text(f"SPEAKER {name} 1 0.3 6.6 <NA> <NA> reader <NA> <NA>\n")
    return tmp_path


def evaluate(*arguments: str | Path) -> str:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", said)
        patch.setenv("COLUMNS", "100")
        call_command("evaluate", *map(str, arguments))
    return said.getvalue()


def test_evaluate_says_how_well_each_recording_is_heard_and_writes_it_down(directory: Path) -> None:
    said = evaluate(directory, "--json", directory / "figures.json")
    assert "neither" not in said
    assert "pocketsphinx 5" in said
    assert "1 of 1" in said
    assert "speakers counted right" in said
    assert "2 of 2" in said
    figures = orjson.loads((directory / "figures.json").read_bytes())
    assert figures["engines"]["speakers"].startswith("resemblyzer")
    read, spoken = figures["recordings"][str(directory)]
    assert read["seconds"] == pytest.approx(7.0)
    assert 0.0 <= read["word_error_rate"] < 0.6
    assert spoken["word_error_rate"] is None
    assert read["found"] == spoken["found"]
    assert read["found"]["speakers"] == read["speakers"] == 1
    assert read["found"]["error"]["0.25"] <= read["found"]["error"]["0.00"] < 0.2
    assert read["one_for_all"]["speakers"] == 1
    assert read["speech_missed"] < 0.2
    assert all(read["stage_seconds"][stage] > 0.0 for stage in ("decode", "voice_activity", "speakers"))
    assert spoken["stage_seconds"]["transcription"] == 0.0


def test_evaluate_says_that_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    (tmp_path / "neither.wav").write_bytes(sound.encode(sound.silence(1.0), container="wav"))
    with pytest.raises(CommandError, match="no recording with its words or its turns"):
        evaluate(tmp_path)


def test_evaluate_names_the_file_that_is_no_sound(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    (tmp_path / "broken.txt").write_text("one two")
    with pytest.raises(CommandError, match=r"broken\.wav"):
        evaluate(tmp_path)


def test_evaluate_says_that_there_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no directory"):
        evaluate(tmp_path / "away")
