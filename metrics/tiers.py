"""Which tier an hour or a day counts from: one alone, whatever the hourly job and the archive do meanwhile.

Hours go from Redis to MongoDB, days from there into the archive. Which hours wait to be filled is asked first; those
are read from Redis, and only then is it asked which of them have been filled by now: these count from MongoDB, the
others as they were read. Of old days MongoDB is read first, and only then is it asked which of them the archive is
known to hold: these count from there, the others from MongoDB, which lets go of no day before that. So nothing is
missed or counted twice while it moves.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar

from django.conf import settings

from metrics import archived, hours, recent

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

T = TypeVar("T")


def waiting(
    tenant_id: int, since: datetime, until: datetime, read: Callable[[Collection[datetime]], Mapping[datetime, T]]
) -> dict[datetime, T]:
    """What `read` finds in Redis of the hours that count from there: those that wait and have not been filled."""
    running = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    waits = recent.waiting_of(tenant_id, since=since, until=until)
    if not waits:
        return {}
    found = read(waits)
    # Redis keeps an hour until it has been filled: of one that has not been by now, all was there when it was read.
    finished = waits - {running}
    filled = hours.filled(tenant_id, min(finished), max(finished) + _HOUR) if finished else set()
    return {start: found[start] for start in waits - filled}


def hours_since(now: datetime) -> datetime:
    """From when on MongoDB has every hour; of what is older the archive has days."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return midnight - settings.EARSHOT_METRICS_HOURS_DAYS * _DAY


def archived_days(tenant_id: int, since: date, until: date, now: datetime) -> Mapping[date, bool]:
    """The days that have outlived MongoDB's time and that the archive has, and whether it is known to hold them well.

    Both bounds are among them. MongoDB is to be read before this is asked. A day that is not held well counts from
    MongoDB while that has it, and is missing otherwise.
    """
    last = min(until, hours_since(now).date() - _DAY)
    return archived.days_there(tenant_id, since, last) if since <= last else {}
