"""What a backup, a restore and a verification tell whoever watches."""

from typing import Protocol


class Progress(Protocol):
    def begin(self, what: str, total: int | None = None) -> None:
        """Something has begun, of so many things where that is known."""

    def advance(self, things: int, size: int = 0) -> None:
        """So many more of them are done, of so many bytes."""

    def end(self, said: str) -> None:
        """It is done, and that is what came of it."""


class Untold:
    """Nobody watches."""

    def begin(self, what: str, total: int | None = None) -> None:
        pass

    def advance(self, things: int, size: int = 0) -> None:
        pass

    def end(self, said: str) -> None:
        pass
