"""What the launcher prints: one aligned line per step, flushed at once so that a pipe sees it in time."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO


class Failure(Exception):
    """The start cannot go on. The message is for the person at the terminal and says what to do."""


class Screen:
    """Plain lines on `stream`; coloured only on a terminal and without NO_COLOR."""

    def __init__(self, environment: Mapping[str, str], stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._colour = stream.isatty() and not environment.get("NO_COLOR")

    def say(self, text: str) -> None:
        # When the reader has gone (a closed pipe, a lost terminal), what runs must not die of that.
        with suppress(OSError):
            print(text, file=self._stream, flush=True)

    def step(self, what: str, state: str, seconds: float, note: str = "") -> None:
        """A step that is done, and how many seconds it took."""
        self.say(f"  {what:<24} {self._green(f'{state:<8}')} {seconds:6.1f} s   {note}".rstrip())

    def _green(self, text: str) -> str:
        return f"\033[32m{text}\033[0m" if self._colour else text
