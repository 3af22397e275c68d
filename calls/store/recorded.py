"""What a piece of code asks MongoDB, kept while somebody wants to know."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

_here = local()


class RecordedCommands(CommandListener):
    """Of a thread that records nothing it costs a look at whether it does."""

    def started(self, event: CommandStartedEvent) -> None:
        commands: list[dict[str, Any]] | None = getattr(_here, "commands", None)
        if commands is not None:
            commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing: what was asked is known."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing, as for one that succeeded."""


@contextmanager
def recorded() -> Iterator[list[dict[str, Any]]]:
    """The commands that this thread sends within, in their order."""
    commands: list[dict[str, Any]] = []
    _here.commands = commands
    try:
        yield commands
    finally:
        _here.commands = None
