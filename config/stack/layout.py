"""How a data directory is laid out, numbered, so that one made by an older Earshot can be brought up to date."""

from collections.abc import Callable

from config.stack.place import Place, write_private
from config.stack.screen import Failure

FILE = "version"


def _number_it(place: Place) -> None:
    """Directories from before there were numbers are laid out as in 1."""


# The step at index n makes a layout n + 1 out of a layout n. Each may be cut short anywhere and is then done again.
STEPS: tuple[Callable[[Place], None], ...] = (_number_it,)


def refuse_newer(place: Place) -> None:
    """Raise Failure if a newer Earshot has laid the directory out; to be asked before anything in it is touched."""
    if (number := _number(place)) > len(STEPS):
        raise Failure(
            f"{place.root} is laid out as version {number}, and this Earshot knows versions up to {len(STEPS)} only; "
            "start it with the newer Earshot, or set EARSHOT_DATA to another directory."
        )


def bring_up_to_date(place: Place, steps: tuple[Callable[[Place], None], ...] = STEPS) -> None:
    """Do the steps that the directory still lacks, one number at a time. Call it with the directory locked."""
    for number in range(_number(place), len(steps)):
        steps[number](place)
        write_private(place / FILE, str(number + 1))


def _number(place: Place) -> int:
    file = place / FILE
    try:
        text = file.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as refused:
        raise Failure(f"{file} cannot be read: {refused.strerror}.") from refused
    if not text.isdecimal():
        raise Failure(f"{file} should hold the number of the directory's layout and holds {text[:40]!r}.")
    return int(text)
