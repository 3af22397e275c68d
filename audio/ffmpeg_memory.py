"""How much memory FFmpeg may ask for at a time, in the whole process.

A file of ten kilobytes can announce an index of gigabytes, and demuxers make room for all of it before they give the
first packet. FFmpeg has a bound for that, `av_max_alloc`, which PyAV does not offer: it is set in the very libraries
that PyAV has loaded. What would be larger fails as if there were no memory, and the file counts as damaged.
"""

import ctypes
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
    are_bounded = [_is_bounded(library) for library in _libraries()]
    if are_bounded and all(are_bounded):
        return True
    log.warning("ffmpeg_memory_not_bounded")
    return False


def _is_bounded(library: Path) -> bool:
    try:
        ctypes.CDLL(str(library)).av_max_alloc(ctypes.c_size_t(MOST_BYTES))
    except (OSError, AttributeError):
        return False
    return True


def _libraries() -> set[Path]:
    """Every libavutil of PyAV's own: other packages may have brought another into this process.

    Wheels keep theirs beside `av`; a PyAV that was built here uses whichever of the system's is loaded.
    """
    package = Path(av.__file__).parent
    own = {
        found.resolve()
        for place in (package.parent / "av.libs", package / ".dylibs")
        for found in place.glob("libavutil*")
    }
    return own or _loaded()


def _loaded() -> set[Path]:
    if not _LOADED.exists():
        return set()
    mapped = (line.partition("/")[2] for line in _LOADED.read_text().splitlines())
    return {Path(f"/{path}") for path in mapped if "libavutil" in path}
