"""A file that says when this process last went round its loop, for who looks from outside whether it hangs.

Those that have no port to be asked at give it: workers, beat and the intake. It is wanted where something restarts or
reports what hangs, as a health check in docker-compose.yml does; without EARSHOT_LIFE_FILE nothing is written.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings


def give(*_: Any, **__: Any) -> None:
    """Now. What a process does must not hang on whether it can say so."""
    if settings.EARSHOT_LIFE_FILE:
        with suppress(OSError):
            Path(settings.EARSHOT_LIFE_FILE).touch()
