"""Taking the data back, as `make clean DATA=1` does."""

from pathlib import Path

import pytest

from config.stack import layout
from config.stack.place import Place
from config.stack.removal import ask, remove
from config.stack.screen import Failure


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "data")
    place.make()
    layout.bring_up_to_date(place)
    (place / "objects" / "bucket").mkdir()
    (place / "objects" / "bucket" / "chunk").write_bytes(b"sound")
    (place / "demo-password").write_text("open sesame")
    return place


def test_all_that_earshot_made_goes_and_the_directory_with_it(place: Place) -> None:
    assert str(place.root) in remove(place)
    assert not place.root.exists()


def test_data_that_a_running_stack_holds_stays(place: Place) -> None:
    with place.locked("http://127.0.0.1:8123"), pytest.raises(Failure, match=r"already runs .* at http://127"):
        remove(place)
    assert (place / "objects" / "bucket" / "chunk").read_bytes() == b"sound"


def test_the_programs_of_a_running_stack_are_not_removed_either(place: Place) -> None:
    with place.locked("http://127.0.0.1:8123"), pytest.raises(Failure, match="already runs"):
        ask(place)
    assert "The data stays" in ask(place)


def test_what_somebody_else_put_there_stays_and_is_named(place: Place) -> None:
    (place / "thesis.txt").write_text("years of work")
    assert remove(place).endswith("still there: thesis.txt.")
    assert [path.name for path in place.root.iterdir()] == ["thesis.txt"]


def test_a_directory_that_holds_no_data_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert remove(Place(tmp_path)) == f"There is no data in {tmp_path}."
    assert (tmp_path / "run").exists()
