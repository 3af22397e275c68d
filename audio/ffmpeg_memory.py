"""How much memory FFmpeg may ask for at a time, in the whole process.

A file of ten kilobytes can announce an index of gigabytes, and demuxers make room for all of it before they give the
first packet. FFmpeg has a bound for that, `av_max_alloc`, which PyAV does not offer: it is set in the very library that
PyAV has loaded. What would be larger fails as if there were no memory, and the file counts as damaged.
"""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import structlog

log = structlog.get_logger("earshot.ffmpeg")

# Several times the largest upload, and the index of all packets that one may have; our own encoding needs some too.
MOST_BYTES: Final = 32 * 2**20
_LOADED = Path("/proc/self/maps")


def bound() -> bool:
    """Set the bound; again is the same as once. Whether it could be: other checks then have to do."""
    for library in _libraries():
        try:
            ctypes.CDLL(str(library)).av_max_alloc(ctypes.c_size_t(MOST_BYTES))
        except (OSError, AttributeError):
            continue
        return True
    log.warning("ffmpeg_memory_not_bounded")
    return False


def _libraries() -> Iterator[Path]:
    """Where libavutil may be: as this process has it loaded, else where the wheels of PyAV keep it."""
    if _LOADED.exists():
        for line in _LOADED.read_text().splitlines():
            path = line.partition("/")
            if "libavutil" in path[2]:
                yield Path(f"/{path[2]}")
    package = Path(av.__file__).parent
    for place in (package.parent / "av.libs", package / ".dylibs"):
        yield from place.glob("libavutil*")
