"""The number of a data directory's layout."""

from pathlib import Path

import pytest

from config.stack import layout
from config.stack.place import Place
from config.stack.screen import Failure


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "data")
    place.make()
    return place


def test_a_directory_without_a_number_gets_todays(place: Place) -> None:
    layout.bring_up_to_date(place)
    assert (place / layout.FILE).read_text() == f"{len(layout.STEPS)}\n"
    layout.refuse_newer(place)


def test_only_the_steps_that_are_missing_are_done_in_their_order(place: Place) -> None:
    done: list[str] = []
    steps = tuple(lambda place, name=name: done.append(name) for name in ("first", "second", "third"))
    layout.bring_up_to_date(place, steps[:1])
    layout.bring_up_to_date(place, steps)
    layout.bring_up_to_date(place, steps)
    assert done == ["first", "second", "third"]


def test_a_step_that_fails_is_done_again_and_those_before_it_are_not(place: Place) -> None:
    done: list[str] = []

    def first(place: Place) -> None:
        done.append("first")

    def second(place: Place) -> None:
        done.append("second")
        if len(done) == 2:
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever a step raises
        layout.bring_up_to_date(place, (first, second))
    layout.bring_up_to_date(place, (first, second))
    assert done == ["first", "second", "second"]


@pytest.mark.parametrize(("number", "says"), [("99", "version 99, and this Earshot knows"), ("one", "holds 'one'")])
def test_a_newer_number_and_one_that_is_none_are_refused(place: Place, number: str, says: str) -> None:
    (place / layout.FILE).write_text(number)
    with pytest.raises(Failure, match=says):
        layout.refuse_newer(place)


def test_a_directory_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    layout.refuse_newer(Place(tmp_path / "nothing"))
