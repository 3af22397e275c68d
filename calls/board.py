"""The board: a column for each status, newest calls first; cards move from one to another.

A board is read as of one moment, so that a card which moves meanwhile is in one column, never in two or none.

The counters are kept in the transaction of the move itself, so that no crash makes them wrong. They are compared with
the calls all the same, by beat: whoever writes into the database past us is found out.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from calls import conversations, editing, indexing, live, statuses, store
from calls.documents import Call
from calls.models import CallStatus
from calls.store import Drift, Position
from metrics import locks, timings

log = structlog.get_logger("earshot.board")

# In a filter for a person.
NOBODY = 0
# Of a text that is looked for.
MOST_WORDS = 10
_RECONCILING = "calls.reconcile_counters"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which calls a board shows; all of what is given has to be true.

    `owner`, `assignee` and `user` are people's ids, or NOBODY. A call begins at `since` or later, and before `until`.
    Every word of `text` is part of the subject, in any case. `min_suspicion` 0-1.
    """

    owner: int | None = None
    assignee: int | None = None
    user: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    direction: str = ""
    min_suspicion: float | None = None


EVERYTHING = Filters()


@dataclass(frozen=True, slots=True)
class Column:
    """Calls of one status, newest first, without their conversations; `status` is None for the calls without one.

    `total` is how many there are, or at least, when it is not exact; `end` is where the next page begins, if any.
    """

    status: CallStatus | None
    total: int
    total_is_exact: bool
    calls: list[Call]
    end: Position | None


def columns(
    user: Any,
    filters: Filters = EVERYTHING,
    *,
    limit: int,
    only_numbers: bool = False,
    count_up_to: int = store.MOST_COUNTED_IN_COLUMN,
) -> list[Column]:
    """Every column of the user's company, that of the calls without a known status last; `limit` calls in each.

    Who may not see colleagues' calls gets, and counts, only their own. With `only_numbers`, of a call there is no more
    than its `id`. What no counter knows is counted up to `count_up_to`.
    """
    theirs = statuses.of(user.tenant_id)
    asked = _asked(user, theirs, filters, limit=limit, only_numbers=only_numbers, count_up_to=count_up_to)
    with timings.measured("calls.read_board"):
        found = store.columns_of(asked)
    return [_column(status, found[_named(status)]) for status in [*theirs, None]]


def column(user: Any, filters: Filters, status_id: int | None, *, before: Position | None = None, limit: int) -> Column:
    """One of them, from a position in it. Raises UnknownStatus."""
    theirs = statuses.of(user.tenant_id)
    status = None if status_id is None else statuses.find(user.tenant_id, status_id)
    asked = _asked(user, theirs, filters, limit=limit)
    with timings.measured("calls.read_column"):
        found = store.column_of(asked, _named(status), before=before)
    return _column(status, found)


def cards(user: Any, filters: Filters, call_ids: Collection[str]) -> list[Call]:
    """Those of some calls that there are, that the user may see, and that the filters let through."""
    with timings.measured("calls.read_cards"):
        return store.cards_of(_asked(user, [], filters, limit=0), call_ids)


def move(user: Any, call_id: str, *, status_id: str | int | None, version: int | None) -> Call:
    """Give a call another status; None is none. Raises UnknownCall, StaleVersion, NotAStatus.

    `version` is that of the call which was looked at; without one, the last word counts.
    """
    filters = conversations.readable_by(user, call_id)
    entry = editing.entry_of(user, "moved")

    def write() -> bool:
        wanted = statuses.held(user.tenant_id, status_id)
        return store.move(filters, status_id=wanted, entry=entry, version=version)

    done = indexing.marking(user.tenant_id, call_id, write)
    if done:
        live.changed(user.tenant_id, [call_id])
    return editing.call_after(user, call_id, done=done)


def counts(tenant_id: int) -> dict[str | None, int]:
    """Status → how many of a company's calls have it; None for those without one. Those that none has are left out."""
    return store.counts(tenant_id)


def drifts() -> list[Drift]:
    """Counters that are not what there is. Raises RetryableCallError."""
    return store.reconcile_counters(mend=False)


def reconcile() -> list[Drift] | None:
    """Mend counters that are not what there is, and say which they were; None while somebody else does.

    Raises RetryableCallError.
    """
    # Two who found the same would both add what is between.
    with locks.held_alone(_RECONCILING) as is_ours:
        mended = store.reconcile_counters() if is_ours else None
    if mended is None:
        log.info("counters_left", reason="somebody else compares them")
        return None
    for drift in mended:
        log.warning(
            "counter_mended",
            tenant_id=drift.tenant_id,
            status_id=drift.status_id,
            counted=drift.counted,
            there=drift.there,
        )
    for tenant_id in {drift.tenant_id for drift in mended}:
        live.much_changed(tenant_id)
    return mended


def _named(status: CallStatus | None) -> str | None:
    return None if status is None else str(status.pk)


def _column(status: CallStatus | None, found: store.Column) -> Column:
    return Column(status, found.total, found.total_is_exact, found.calls, found.end)


def _asked(user: Any, theirs: Collection[CallStatus], filters: Filters, **how_many: Any) -> store.Asked:
    own = [] if user.may("calls.read_all") else [{"user_id": user.pk}]
    between = {name: moment for name, moment in (("$gte", filters.since), ("$lt", filters.until)) if moment is not None}
    people = {"user_id": filters.user, "owner_id": filters.owner, "assigned_to_id": filters.assignee}
    return store.Asked(
        tenant_id=user.tenant_id,
        statuses=[str(status.pk) for status in theirs],
        indexed=[
            *own,
            *({name: person} for name, person in people.items() if person),
            *([{"start_time": between}] if between else []),
        ],
        rest=[
            *({name: None} for name, person in people.items() if person == NOBODY),
            *([{"direction": filters.direction}] if filters.direction else []),
            # Of a call that nobody has looked through there is no score.
            *([{"suspicion.score": {"$gte": filters.min_suspicion}}] if filters.min_suspicion else []),
            *({"subject": re.compile(re.escape(word), re.IGNORECASE)} for word in filters.text.split()[:MOST_WORDS]),
        ],
        **how_many,
    )
