"""Which recording of a directory has which reference."""

from pathlib import Path

import pytest

from audio.analysis.evaluation import recordings


def _line(file: str, speaker: str) -> str:
    return f"SPEAKER {file} 1 0.0 1.0 <NA> <NA> {speaker} <NA> <NA>\n"


def _speakers(directory: Path) -> dict[str, list[str] | None]:
    return {
        recording.name: None if recording.turns is None else [turn.speaker for turn in recording.turns]
        for recording in recordings.find(directory)
    }


def test_find_takes_sound_that_has_words_or_turns_beside_it(tmp_path: Path) -> None:
    for name in ("alone.wav", "read.ogg", "notes.md", "spoken.WAV"):
        (tmp_path / name).touch()
    (tmp_path / "read.txt").write_text("one two")
    (tmp_path / "spoken.rttm").write_text(_line("spoken", "ann"))
    read, spoken = recordings.find(tmp_path)
    assert (read.name, read.text, read.turns) == ("read", "one two", None)
    assert (spoken.name, spoken.text) == ("spoken", None)


def test_a_file_of_the_same_stem_applies_whatever_it_calls_the_recording(tmp_path: Path) -> None:
    (tmp_path / "two-people.wav").touch()
    (tmp_path / "two-people.rttm").write_text(_line("sample", "ann"))
    assert _speakers(tmp_path) == {"two-people": ["ann"]}


def test_a_file_of_many_applies_to_those_whose_names_hold_its_ids_and_the_longest_wins(tmp_path: Path) -> None:
    for name in ("meeting-trn01.wav", "meeting-trn011.wav", "other.wav"):
        (tmp_path / name).touch()
    (tmp_path / "meetings.rttm").write_text(_line("trn01", "ann") + _line("trn011", "bob"))
    assert _speakers(tmp_path) == {"meeting-trn01": ["ann"], "meeting-trn011": ["bob"]}


def test_nothing_is_taken_of_another_recordings_own_file(tmp_path: Path) -> None:
    for name in ("call.wav", "call-2.wav"):
        (tmp_path / name).touch()
    (tmp_path / "call.rttm").write_text(_line("call", "ann"))
    assert _speakers(tmp_path) == {"call": ["ann"]}


def test_find_names_a_file_that_is_no_rttm(tmp_path: Path) -> None:
    (tmp_path / "call.rttm").write_text("SPEAKER call\n")
    with pytest.raises(ValueError, match=r"call\.rttm: line 1"):
        recordings.find(tmp_path)


def test_find_says_that_there_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        recordings.find(tmp_path / "away")
