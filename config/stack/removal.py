"""For `make clean`: whether anybody runs on the data directory, and with `--data` takes it back. Needs no package."""

import os
import shutil
import sys
from pathlib import Path

from config.stack.place import DIRECTORIES, OTHERS, Place, data_directory
from config.stack.screen import Failure


def remove(place: Place) -> str:
    """Remove what Earshot has made there and say so. Raises Failure when a running one holds it.

    What else lies in the directory stays: somebody may have named one that has more in it.
    """
    if not (place / "secrets").is_dir():
        return f"There is no data in {place.root}."
    place.make()
    with place.locked():
        for name in (*DIRECTORIES, *OTHERS):
            _remove(place / name)
    left = sorted(path.name for path in place.root.iterdir())
    if left:
        return f"Removed the data in {place.root}; not Earshot's and still there: {', '.join(left)}."
    place.root.rmdir()
    return f"Removed {place.root}: databases, recordings, logs and secrets."


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def ask(place: Place) -> str:
    """Raises Failure when somebody runs on the data there: the programs they run are about to be removed."""
    if (place / "secrets").is_dir():
        place.make()
        with place.locked():
            pass
    return "The data stays; make clean DATA=1 removes it too."


if __name__ == "__main__":
    try:
        act = remove if sys.argv[1:] == ["--data"] else ask
        print(act(Place(data_directory(os.environ))))
    except Failure as failure:
        sys.exit(str(failure))
    except OSError as refused:
        sys.exit(f"{refused.filename} cannot be removed: {refused.strerror}.")
