"""Whether Redis has room for segments. Tasks, and recordings on their way, are in it too, and are worth more."""

import time
from functools import lru_cache
from typing import Final, cast

import structlog

from metrics.errors import NoRoomForSegments
from metrics.recent import clients

log = structlog.get_logger("earshot.recent")

# Of the memory that Redis may have; what is above it is for everything else.
MOST_SHARE: Final = 0.8
# So old is what a process knows of it, at most.
LOOKS_EVERY_SECONDS: Final = 5


def check() -> None:
    """Raises NoRoomForSegments."""
    if not _is_there(int(time.monotonic() / LOOKS_EVERY_SECONDS)):
        raise NoRoomForSegments("Redis is nearly full and takes no segments for the moment. Try again in a while.")


@lru_cache(maxsize=1)
def _is_there(turn: int) -> bool:
    """Looked at once in each turn."""
    facts = cast("dict[str, int]", clients.patient().info("memory"))
    most = facts["maxmemory"] or facts["total_system_memory"]
    if facts["used_memory"] <= MOST_SHARE * most:
        return True
    log.error("no_room_for_segments", used_bytes=facts["used_memory"], most_bytes=most)
    return False
