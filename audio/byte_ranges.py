"""Which part of a resource a `Range` header asks for (RFC 9110, section 14). Pure."""

import re
from typing import Final

from audio.errors import NoSuchRange

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*\Z", re.ASCII | re.IGNORECASE)


def asked(header: str | None, size: int) -> range | None:
    """The bytes that are asked for, of `size` that there are; None for all of them.

    What is not understood asks for all, and so do several ranges at once: a server may answer so. Raises NoSuchRange
    when none of the bytes are there.
    """
    found = _ONE_RANGE.match(header or "")
    first, last = found.groups() if found else ("", "")
    if first:
        stop = min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
        wanted = range(int(first), stop)
    elif last:
        wanted = range(max(0, size - int(last)), size)
    else:
        return None
    if not wanted:
        raise NoSuchRange(f"There are {size} bytes, and none of those that are asked for.", size=size)
    return wanted
