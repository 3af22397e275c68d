"""What is told to who watches over the site from elsewhere: traces by OpenTelemetry, errors by Sentry.

1. Both are off until a setting names a receiver, EARSHOT_OTLP_ENDPOINT or EARSHOT_SENTRY_DSN. Of one that is off
   nothing is even imported: `start` finds its module by name.
2. What leaves is listed, and the rest stays: `traces.py` keeps the attributes of a span that are in its list,
   `errors.py` makes a report of where in the code something went wrong. Neither holds a name, an address, an id that
   somebody sent, a token, a header, a value of a row, or a byte of a body.
3. A receiver that is away costs nobody anything: both send from a thread of their own and drop what they cannot.
"""

from django.conf import settings
from django.utils.module_loading import import_string


def start(process: str) -> None:
    """Begin to tell, in a process of this kind: web, worker or beat."""
    watch_errors(process)
    watch_traces(process)


def watch_errors(process: str) -> None:
    if settings.EARSHOT_SENTRY_DSN:
        import_string("config.watching.errors.start")(settings.EARSHOT_SENTRY_DSN, process)


def watch_traces(process: str) -> None:
    if settings.EARSHOT_OTLP_ENDPOINT:
        import_string("config.watching.traces.start")(settings.EARSHOT_OTLP_ENDPOINT, process)
