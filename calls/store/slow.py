"""Slow commands to MongoDB, by their shape: which fields they ask for and by what, never for which values."""

from collections.abc import Mapping, Sequence
from threading import local
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from metrics import slow, timings

# What of a command says why it is slow.
_TELLING = ("filter", "query", "q", "pipeline", "sort", "updates", "deletes", "update", "limit")
# All others change something, or begin and end what does.
_READS = {"aggregate", "count", "distinct", "find", "getMore"}
_DEEPEST = 6
_MOST_FIELDS = 30


class SlowCommands(CommandListener):
    """Remembers a command while it runs and counts how long that took, which is all that most of them cost."""

    def __init__(self) -> None:
        # A command starts and ends in one thread.
        self._running = local()

    def started(self, event: CommandStartedEvent) -> None:
        self._running.command = event.command

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._ended(event)

    def failed(self, event: CommandFailedEvent) -> None:
        self._ended(event, failed=True)

    def _ended(self, event: CommandSucceededEvent | CommandFailedEvent, *, failed: bool = False) -> None:
        command = getattr(self._running, "command", None)
        self._running.command = None
        seconds = event.duration_micros / 1e6
        timings.record("mongodb.read" if event.command_name in _READS else "mongodb.write", seconds, failed=failed)
        if command is not None and slow.is_slow(seconds):
            slow.note("mongodb", shape_of(event.command_name, command), seconds)


def shape_of(name: str, command: Mapping[str, Any]) -> str:
    """The command, its collection, and what it asks for with a question mark for every value."""
    collection = command.get(name)
    told = {part: _shape(command[part], _DEEPEST) for part in _TELLING if part in command and part != name}
    return f"{name} {collection if isinstance(collection, str) else ''} {told}"


def _shape(value: Any, levels: int) -> Any:
    if levels == 0:
        return "…"
    if isinstance(value, Mapping):
        # A literal's names are somebody's values too.
        return {
            key: "?" if key == "$literal" else _shape(item, levels - 1)
            for key, item in list(value.items())[:_MOST_FIELDS]
        }
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_shape(item, levels - 1) for item in value[:2]] + (["…"] if len(value) > 2 else [])
    return "?"
