import os

from config import sign_of_life


def test_a_process_touches_its_file_each_time(settings, tmp_path):
    file = tmp_path / "alive"
    settings.EARSHOT_LIFE_FILE = str(file)
    sign_of_life.give()
    os.utime(file, (0, 0))
    sign_of_life.give()
    assert file.stat().st_mtime > 0


def test_a_file_that_cannot_be_written_keeps_nobody_from_work(settings, tmp_path):
    settings.EARSHOT_LIFE_FILE = str(tmp_path / "nowhere" / "alive")
    sign_of_life.give()
    assert not list(tmp_path.iterdir())


def test_without_a_file_nothing_is_written(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings.EARSHOT_LIFE_FILE = ""
    sign_of_life.give()
    assert not list(tmp_path.iterdir())
