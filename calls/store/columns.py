"""The columns of a board: the newest calls of each status, and how many there are, all as of one moment.

One command reads the counters and, joined to them by `$unionWith`, one range of an index for each status, newest first.
At one snapshot: read without one, a call that is moved meanwhile is in two columns, or in none.

Calls whose status the company does not know (any more) belong to those without one. The counters tell whether there are
any; then the last column is read again, at the same snapshot.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pymongo import DESCENDING
from pymongo.client_session import ClientSession

from calls.documents import Call
from calls.store import counters
from calls.store.client import CALLS, COUNTERS, at_one_moment, calls, collection, reachable
from calls.store.expressions import Document, literal
from calls.store.listing import Position
from metrics.mongo_clients import DEADLINE_MS

# Of one column: where no index knows the answer, and where no counter does.
MOST_LOOKED_AT = 10_000
# Of all columns together, however many there are; within the deadline, also of calls that are not in memory.
MOST_LOOKED_AT_IN_ALL = 60_000
MOST_COUNTED_IN_COLUMN = 10_000
# More digits than 64 bits hold.
_LONGEST_NUMBER = 18
# Calls that are sent in one answer of the server, which goes up to 16 MB.
_AT_ONCE = 1_000_000
_NEWEST = {"start_time": DESCENDING, "id": DESCENDING}
_FOR_A_CARD: Document = {
    **dict.fromkeys(
        [
            "id",
            "call_id",
            "subject",
            "type",
            "direction",
            "platform",
            "language",
            "status_id",
            "status",
            "start_time",
            "end_time",
            "duration",
            "version",
            "suspicion.score",
            "suspicion.reasons.flag_id",
            "suspicion.reasons.kind",
            "suspicion.reasons.weight",
            "suspicion.reviews.flag_id",
            "suspicion.reviews.verdict",
            "verdict.state",
            "contact_id",
            "external_user_id",
            "session_id",
            "owner_id",
            "user_id",
            "assigned_to_id",
        ],
        True,
    ),
    "_id": False,
}
# All of it stands in the index.
_NUMBERS: Document = {"id": True, "status_id": True, "start_time": True, "_id": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of a company's calls, and how many of each status.

    `statuses` are those that have a column of their own, as calls name them. `indexed` is what an index is asked for,
    `rest` what the calls themselves have to be looked at for: then `look_at` calls of a column at most, newest first,
    and the next page goes on behind them. What no counter knows is counted among those, up to `count_up_to`.
    """

    tenant_id: int
    statuses: Sequence[str]
    indexed: Sequence[Document] = ()
    rest: Sequence[Document] = ()
    limit: int = 100
    only_numbers: bool = False
    look_at: int = MOST_LOOKED_AT
    count_up_to: int = MOST_COUNTED_IN_COLUMN

    @property
    def is_everything(self) -> bool:
        return not self.indexed and not self.rest


@dataclass(frozen=True, slots=True)
class Column:
    """Calls of one status, newest first, without their conversations; `end` is where the next page begins, if any.

    `total` is how many there are, or at least, when it is not exact.
    """

    total: int
    calls: list[Call]
    end: Position | None
    total_is_exact: bool = True


@dataclass(slots=True)
class _Found:
    """What the parts of one command have come to, by status."""

    counts: dict[str | None, int] = field(default_factory=dict)
    calls: defaultdict[str | None, list[Call]] = field(default_factory=lambda: defaultdict(list))
    counted: dict[str | None, int] = field(default_factory=dict)
    ends: dict[str | None, Position] = field(default_factory=dict)
    # Those of which not all was looked at to count.
    unseen: set[str | None] = field(default_factory=set)


@reachable()
def columns_of(asked: Asked, *, at_one_snapshot: bool = True) -> dict[str | None, Column]:
    """Status → its column; None for the calls that have none, or one that is not known."""
    return _read(asked, [*asked.statuses, None], at_one_snapshot=at_one_snapshot)


@reachable()
def column_of(asked: Asked, status_id: str | None, *, before: Position | None = None) -> Column:
    """One of them, from a position in it."""
    return _read(asked, [status_id], before)[status_id]


@reachable()
def cards_of(asked: Asked, call_ids: Collection[str]) -> list[Call]:
    """Those of some calls that are asked for, as a column has them."""
    named = {"tenant_id": asked.tenant_id, "call_id": {"$in": list(call_ids)}, "deleted": 0}
    found = calls().find(_all_of(named, asked.indexed, asked.rest), _FOR_A_CARD, max_time_ms=DEADLINE_MS)
    return [_as_a_call(one) for one in found]


def _read(
    asked: Asked, wanted: Sequence[str | None], before: Position | None = None, *, at_one_snapshot: bool = True
) -> dict[str | None, Column]:
    asked = replace(asked, look_at=min(asked.look_at, MOST_LOOKED_AT_IN_ALL // len(wanted)))

    def work(session: ClientSession | None) -> _Found:
        parts = [(CALLS, part) for status_id in wanted for part in _parts_of(asked, status_id, [status_id], before)]
        found = _gathered(asked, [(COUNTERS, counters.summing(asked.tenant_id)), *parts], session)
        unknown = [status_id for status_id in found.counts if status_id not in {None, *asked.statuses}]
        if unknown and None in wanted:
            whole = [None, *unknown]
            again = _gathered(asked, [(CALLS, part) for part in _parts_of(asked, None, whole, before)], session)
            found.calls[None] = again.calls[None]
            found.counted |= again.counted
            found.ends |= again.ends
            found.unseen |= again.unseen
            found.counts[None] = sum(found.counts.get(status_id, 0) for status_id in whole)
        return found

    found = at_one_moment(work) if at_one_snapshot else work(None)
    return {status_id: _column_of(asked, found, status_id) for status_id in wanted}


def _parts_of(
    asked: Asked, column: str | None, status_ids: Sequence[str | None], before: Position | None
) -> Iterator[list[Document]]:
    """What is read for one column, whose calls have one of the statuses."""
    there = _all_of({"tenant_id": asked.tenant_id, "deleted": 0, "status_id": _any_of(status_ids)}, asked.indexed)
    newest: list[Document] = [{"$match": _all_of(there, _behind(before))}, {"$sort": _NEWEST}]
    looking: list[Document] = [{"$limit": asked.look_at}, {"$match": _all_of({}, asked.rest)}] if asked.rest else []
    name = {"column": literal(column)}
    if asked.limit:
        fields = _NUMBERS if asked.only_numbers else _FOR_A_CARD
        yield [*newest, *looking, {"$limit": asked.limit + 1}, {"$project": fields}]
        if looking:
            end = {**name, "end": ["$start_time", "$id"], "_id": False}
            yield [*newest, {"$skip": asked.look_at - 1}, {"$limit": 1}, {"$project": end}]
    if not asked.is_everything:
        in_order: list[Document] = [{"$sort": _NEWEST}, *looking] if looking else []
        yield [{"$match": there}, *in_order, {"$limit": asked.count_up_to + 1}, {"$count": "counted"}, {"$set": name}]
        if looking:
            unseen = {**name, "unseen": literal("older ones"), "_id": False}
            yield [{"$match": there}, {"$sort": _NEWEST}, {"$skip": asked.look_at}, {"$limit": 1}, {"$project": unseen}]


def _gathered(asked: Asked, parts: Sequence[tuple[str, list[Document]]], session: ClientSession | None) -> _Found:
    """All of them in one command and, up to 16 MB, one answer."""
    if not parts:
        return _Found()
    (first, pipeline), *others = parts
    joined = [{"$unionWith": {"coll": name, "pipeline": part}} for name, part in others]
    cursor = collection(first).aggregate(
        [*pipeline, *joined], session=session, maxTimeMS=DEADLINE_MS, batchSize=_AT_ONCE
    )
    found, known = _Found(), set(asked.statuses)
    for one in cursor:
        if "count" in one:
            found.counts[one["_id"]] = int(one["count"])
        elif "counted" in one:
            found.counted[one["column"]] = one["counted"]
        elif "unseen" in one:
            found.unseen.add(one["column"])
        elif "end" in one:
            found.ends[one["column"]] = tuple(one["end"])
        else:
            call = _as_a_call(one)
            found.calls[call["status_id"] if call["status_id"] in known else None].append(call)
    return found


def _column_of(asked: Asked, found: _Found, status_id: str | None) -> Column:
    there = found.calls[status_id]
    end = found.ends.get(status_id)
    if len(there) > asked.limit:
        there = there[: asked.limit]
        end = (there[-1]["start_time"], there[-1]["id"]) if there else None
    if asked.is_everything:
        return Column(found.counts.get(status_id, 0), there, end)
    total = found.counted.get(status_id, 0)
    is_exact = total <= asked.count_up_to and status_id not in found.unseen
    return Column(max(min(total, asked.count_up_to), len(there)), there, end, total_is_exact=is_exact)


def _any_of(status_ids: Sequence[str | None]) -> Any:
    forms: list[Any] = []
    for status_id in status_ids:
        forms.append(status_id)
        # Of calls that older programs wrote, some have a number.
        if status_id is not None and status_id.isascii() and status_id.isdigit() and len(status_id) <= _LONGEST_NUMBER:
            forms.append(int(status_id))
    return {"$in": forms} if len(forms) > 1 else forms[0]


def _behind(position: Position | None) -> list[Document]:
    if position is None:
        return []
    moment, number = position
    same_moment = {"start_time": moment, "id": {"$lt": number}}
    return [{"start_time": {"$lte": moment}}, {"$or": [{"start_time": {"$lt": moment}}, same_moment]}]


def _all_of(first: Document, *conditions: Sequence[Document]) -> Document:
    every = [one for some in conditions for one in some]
    return {**first, "$and": every} if every else first


def _as_a_call(found: Document) -> Call:
    status_id = found.get("status_id")
    found["status_id"] = None if status_id is None else str(status_id)
    return cast("Call", found)
