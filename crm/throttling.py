"""How often one person or program may ask for what costs much, in a minute."""

from functools import cache
from typing import Any, cast

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script
from rest_framework.throttling import BaseThrottle

from metrics.redis_clients import connected, is_passing

log = structlog.get_logger("earshot.throttling")

KEY = "throttle:{scope}:{person_id}"
WINDOW_SECONDS = 60
# What is only counted there is not worth waiting for.
PATIENCE_SECONDS = 0.5
# Counted in one step, so that a hundred at once are no better than one after another.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('TTL', KEYS[1])}
"""


class PerMinute(BaseThrottle):
    """Where a view says `throttle_scope = "searches"`, at most EARSHOT_SEARCHES_PER_MINUTE.

    The minute begins with the first request, and a 429 says how much of it is left. It is counted in the cache, by
    person; while that is away nobody is held up.
    """

    _seconds_left = WINDOW_SECONDS

    def allow_request(self, request: Any, view: Any) -> bool:
        scope = getattr(view, "throttle_scope", None)
        if scope is None:
            return True
        most: int = getattr(settings, f"EARSHOT_{scope}_PER_MINUTE".upper())
        key = KEY.format(scope=scope, person_id=request.user.pk)
        try:
            count, self._seconds_left = cast("list[int]", _count()(keys=[key], args=[WINDOW_SECONDS]))
        except redis.RedisError as error:
            if not is_passing(error):
                raise
            log.warning("not_counted", error=type(error).__name__)
            return True
        return count <= most

    def wait(self) -> float:
        return max(self._seconds_left, 1)


@cache
def _count() -> Script:
    return connected(settings.EARSHOT_CACHE_URL, patience_seconds=PATIENCE_SECONDS).register_script(_COUNT)
