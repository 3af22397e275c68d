"""What the programs say is appended to files of theirs. Each is kept within bounds while it is written."""

import os
import shutil
from pathlib import Path
from typing import Final

# Of a day with many recorders a web server says some ten megabytes.
MOST_BYTES: Final = 50 * 2**20


def bound(log: Path, *, most_bytes: int = MOST_BYTES) -> bool:
    """Set a file aside as `NAME.1`, in the place of the one before, when it is too long. Whether it was.

    Its writer has it open to append, and goes on at the beginning of an empty file. What is said between the copy and
    that moment is lost.
    """
    if not log.exists() or log.stat().st_size <= most_bytes:
        return False
    aside = log.with_name(f"{log.name}.1")
    aside.touch(mode=0o600)
    shutil.copyfile(log, aside)
    os.truncate(log, 0)
    return True
