"""What takes a database too long: told by its shape, without a value, and counted.

Whoever holds a connection to a database has its commands looked at; those that took longer than `EARSHOT_SLOW_MS` are
logged as `slow_command` and counted as the operation `slow.{database}`.
"""

import structlog
from django.conf import settings

from metrics import timings

log = structlog.get_logger("earshot.slow")

# Longer shapes say no more about what is slow.
LONGEST_SHAPE = 500


def is_slow(seconds: float) -> bool:
    return seconds * 1000 >= settings.EARSHOT_SLOW_MS


def note(database: str, shape: str, seconds: float) -> None:
    """Tell of a command that was slow. `shape` holds no value that anybody sent."""
    log.warning("slow_command", database=database, shape=shape[:LONGEST_SHAPE], milliseconds=round(seconds * 1000))
    timings.record(f"slow.{database}", seconds)
