"""Whether workers are there yet, asked by the broker of a stack of their own."""

from pathlib import Path
from typing import Any, Final

import redis
from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from config.stack.place import read_pairs

NAMES: Final = frozenset({"analysis", "transcription", "general"})


def answering(data: Path) -> frozenset[str]:
    """Those of the stack in this data directory that do."""
    broker = read_pairs(data / "run" / "env").get("EARSHOT_REDIS_URL")
    if broker is None:
        return frozenset()
    with Celery(broker=broker, set_as_current=False) as app:
        app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
        try:
            answers: list[dict[str, Any]] = app.control.ping(timeout=0.5, limit=len(NAMES)) or []
        except (redis.RedisError, OperationalError):
            # The connection is that of the start before, at the same address.
            return frozenset()
    return frozenset(name.partition("@")[0] for answer in answers for name in answer)
