"""How often one person or program may ask for what costs much, in a minute."""

from typing import Any

import structlog
from django.conf import settings
from rest_framework.throttling import ScopedRateThrottle

log = structlog.get_logger("earshot.throttling")


class PerMinute(ScopedRateThrottle):
    """Where a view says `throttle_scope = "searches"`, at most EARSHOT_SEARCHES_PER_MINUTE.

    A 429 says how long to wait. It is counted in the cache. While that is away nobody is held up.
    """

    def get_rate(self) -> str:
        return f"{getattr(settings, f'EARSHOT_{self.scope}_PER_MINUTE'.upper())}/min"

    def allow_request(self, request: Any, view: Any) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except Exception as error:
            # Whatever the cache's driver raises means the same here.
            log.warning("not_counted", error=type(error).__name__)
            return True
