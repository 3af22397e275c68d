"""How long a company keeps its figures, where that is shorter than the installation does: whole days, in every tier.

A day that has ended before the given moment goes from MongoDB (`hours/removing.py`), from the archive and from Redis.
That it went on purpose is noted before, so that nobody fills, rebuilds or archives it again. A day stays while
something of it waits in Redis to be filled; and the whole of one stays on which somebody did something on whom a legal
hold is, since figures of channels and days cannot be told apart by person. Figures know no calls.

Days in the archive have whole objects, which go with all their versions. Of MongoDB what can go when is said there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import structlog

from metrics import person_keys, recent
from metrics.archived import keeping, reading
from metrics.erasing import Identity
from metrics.hours import removing

log = structlog.get_logger("earshot.retention")


@dataclass(frozen=True, slots=True)
class Held:
    """What a company's legal holds are on. A call is held when it is named, and when anybody in it is."""

    user_ids: frozenset[int] = frozenset()
    contact_ids: frozenset[int] = frozenset()
    identities: frozenset[Identity] = frozenset()
    call_ids: frozenset[str] = frozenset()


class _Days(NamedTuple):
    """Those that go, and those of the same age that stay: for a hold, or because they are not over yet."""

    going: set[date]
    held: set[date]
    waiting: set[date]


def count(tenant_id: int, *, before: datetime, held: Held) -> tuple[int, int]:
    """How many days of figures would go, and how many of that age stay because somebody who did something is held.

    Changes nothing. Raises RetryableMetricsError.
    """
    days = _days(tenant_id, _day_of(before), held)
    return len(days.going), len(days.held)


def oldest(tenant_id: int) -> datetime | None:
    """When the oldest day begins of which there are figures; None for none."""
    days = [day for day in (removing.oldest(tenant_id), keeping.oldest(tenant_id)) if day is not None]
    return datetime.combine(min(days), datetime.min.time(), UTC) if days else None


def remove(tenant_id: int, *, before: datetime, held: Held) -> Iterator[int]:
    """Let go what is older, a day at a time in the archive and then all of them in the other tiers; tells how many.

    A day is told of once it is gone everywhere. Again is the same as once, also after it died anywhere. Raises
    RetryableMetricsError.
    """
    end = _day_of(before)
    days = _days(tenant_id, end, held)
    kept = days.held | days.waiting
    removing.note(tenant_id, end, kept=kept)
    for day in sorted(keeping.days_before(tenant_id, end) - kept):
        keeping.remove(tenant_id, day)
        # Nothing is counted yet: the day may be in another tier too.
        yield 0
    for hour in recent.there():
        if hour.tenant_id == tenant_id and hour.start.date() < end and hour.start.date() not in kept:
            recent.drop_filled(hour)
    # Also where no day goes: of earlier ones some rows may have had to wait for a session to end.
    removing.remove(tenant_id, days.going, before=end, kept=kept)
    if days.going:
        log.info("figures_removed", tenant_id=tenant_id, days=len(days.going), held=len(days.held))
        yield len(days.going)


def _days(tenant_id: int, end: date, held: Held) -> _Days:
    in_archive = keeping.days_before(tenant_id, end)
    there = removing.days_there(tenant_id, end) | in_archive
    waiting = {hour.start.date() for hour in recent.waiting() if hour.tenant_id == tenant_id}
    of_holds = _naming(tenant_id, end, held, in_archive) & there
    return _Days(there - of_holds - waiting, of_holds, {day for day in waiting if day < end})


def _naming(tenant_id: int, end: date, held: Held, in_archive: set[date]) -> set[date]:
    """The days on which somebody who is held did something."""
    people: list[tuple[str, str | None]] = [(person_keys.of_user(user_id), None) for user_id in held.user_ids]
    people += [(identity.external_user_id, identity.platform) for identity in held.identities]
    keys = [person_keys.of_user(user_id) for user_id in held.user_ids]
    keys += [person_keys.of_external(*identity) for identity in held.identities]
    return removing.days_naming(tenant_id, people, end) | reading.days_naming(tenant_id, keys, in_archive)


def _day_of(before: datetime) -> date:
    return before.astimezone(UTC).date()
