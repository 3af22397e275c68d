"""What the programs say is appended to files of theirs. Each is rotated while it is written."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

# Of a day with many recorders a web server says some ten megabytes.
MOST_BYTES: Final = 50 * 2**20


def rotate(log: Path, *, most_bytes: int = MOST_BYTES) -> None:
    """Set the newest `most_bytes` of a longer file aside as `NAME.1`, in the place of what was there.

    Its writer has it open to append, and goes on at the beginning of an empty file. What is said between the copy and
    that moment is lost. Raises OSError, and leaves all as it is, where there is no room for a copy.
    """
    if not log.exists() or log.stat().st_size <= most_bytes:
        return
    copy = log.with_name(f"{log.name}.new")
    try:
        with log.open("rb") as source, os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as target:
            source.seek(-most_bytes, os.SEEK_END)
            shutil.copyfileobj(source, target)
        copy.replace(log.with_name(f"{log.name}.1"))
    except OSError:
        with suppress(FileNotFoundError):
            copy.unlink()
        raise
    os.truncate(log, 0)
