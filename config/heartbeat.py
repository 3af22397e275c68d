"""When beat last sent something, so that its silence can be told from outside. It may be forgotten with the cache."""

from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

_KEY = "beat"
# The sweep goes out most often; after two that did not, beat counts as silent.
_SHORTEST_SECONDS = 120


def note(*_: Any, **__: Any) -> None:
    """Now. What beat does must not hang on whether this can be kept."""
    with suppress(Exception):
        cache.set(_KEY, timezone.now(), timeout=max(_SHORTEST_SECONDS, 2 * settings.EARSHOT_SWEEP_SECONDS))


def last() -> datetime | None:
    """When it was; None when that is too long ago. Raises what the cache raises when it does not answer."""
    return cast("datetime | None", cache.get(_KEY))
