"""Recordings with what was really said beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audio.analysis.evaluation import rttm
from audio.analysis.evaluation.rttm import SpokenTurn
from audio.containers import CONTAINERS

EXTENSIONS = frozenset(f".{container.extension}" for container in CONTAINERS)


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound file; who speaks when in it and what is said, each None when nobody wrote it down."""

    path: Path
    turns: tuple[SpokenTurn, ...] | None
    text: str | None

    @property
    def name(self) -> str:
        return self.path.stem


def find(directory: Path) -> list[Recording]:
    """The recordings of a directory, itself without those below it, that have a reference; by name.

    The words are in the text file of the same stem. The turns are in the RTTM file of the same stem, whatever it
    calls the recording when it tells of one only; else in any RTTM file whose id for it is part of the stem, the
    longest such id. Raises NotADirectoryError; ValueError for an RTTM file that is none.
    """
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is no directory.")
    told = {path: _read(path) for path in sorted(directory.glob("*.rttm"))}
    return list(_with_reference(directory, told))


def _with_reference(directory: Path, told: dict[Path, dict[str, tuple[SpokenTurn, ...]]]) -> Iterator[Recording]:
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() not in EXTENSIONS:
            continue
        words = path.with_suffix(".txt")
        text = words.read_text(encoding="utf-8") if words.is_file() else None
        turns = _turns(path, told)
        if text is not None or turns is not None:
            yield Recording(path, turns, text)


def _turns(path: Path, told: dict[Path, dict[str, tuple[SpokenTurn, ...]]]) -> tuple[SpokenTurn, ...] | None:
    own = told.get(path.with_suffix(".rttm"))
    if own is not None:
        return next(iter(own.values())) if len(own) == 1 else own.get(path.stem)
    # Of another recording's own file nothing is taken: its id may be a word as short as `call`.
    others = {
        file: turns
        for source, files in told.items()
        if not any(source.with_suffix(extension).is_file() for extension in EXTENSIONS)
        for file, turns in files.items()
    }
    fitting = [file for file in others if file in path.stem]
    return others[max(fitting, key=len)] if fitting else None


def _read(path: Path) -> dict[str, tuple[SpokenTurn, ...]]:
    try:
        return rttm.read(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
