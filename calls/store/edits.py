"""What comes into being, goes, and is changed by people; each counted, and each a line in the call's history."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from calls.documents import Call, Correction, FlagReview, HistoryEntry, Note
from calls.store import buckets, counters
from calls.store.client import calls, in_transaction, reachable
from calls.store.expressions import CONCLUSIONS, Document, literal, stages
from calls.store.reading import whole

# Of each, one call keeps at most so many; of its history the last ones.
MOST_CORRECTIONS = 500
MOST_NOTES = 200
MOST_HISTORY = 500
# Times that a batch looks again which of its calls are there, when others put some there at the same moment.
_TRIES = 5
# What the server calls it.
_DUPLICATE = 11000
# Calls that are moved in one transaction, which may not take long.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Inserted:
    """How many of a batch were new, and which were there already."""

    new: frozenset[str]
    known: frozenset[str]


@reachable()
def insert(call: Call) -> bool:
    """Whether it was new: one with its tenant and call_id may be there already."""

    def work(session: ClientSession) -> None:
        calls().insert_one({**call}, session=session)
        counters.add(session, call["tenant_id"], {call["status_id"]: 1})

    try:
        in_transaction(work)
    except DuplicateKeyError as error:
        if "call_id" not in (error.details or {}).get("keyPattern", {}):
            # A number that another call has, which numbers.catch_up keeps from coming.
            raise
        return False
    _spill_if_long(call)
    return True


@reachable()
def insert_many(tenant_id: int, new: Sequence[Call]) -> Inserted:
    """Put in those of a company's calls that are not there yet, all or none, deleted ones being there too."""
    by_id = {call["call_id"]: call for call in new}

    def work(session: ClientSession) -> Inserted:
        known = calls().find(
            {"tenant_id": tenant_id, "call_id": {"$in": list(by_id)}}, {"call_id": True, "_id": False}, session=session
        )
        there = frozenset(one["call_id"] for one in known)
        fresh = [call for call_id, call in by_id.items() if call_id not in there]
        if fresh:
            calls().insert_many([{**call} for call in fresh], session=session)
            counters.add(session, tenant_id, Counter(call["status_id"] for call in fresh))
        return Inserted(new=frozenset(call["call_id"] for call in fresh), known=there)

    done = _tried(work)
    for call_id in done.new:
        _spill_if_long(by_id[call_id])
    return done


def _tried(work: Callable[[ClientSession], Inserted]) -> Inserted:
    for _ in range(_TRIES - 1):
        try:
            return in_transaction(work)
        except BulkWriteError as error:
            # Somebody else was quicker with one of them, and is done by now.
            if any(one["code"] != _DUPLICATE for one in error.details["writeErrors"]):
                raise
    return in_transaction(work)


def _spill_if_long(call: Call) -> None:
    if len(call["conversation"]) > buckets.most_segments():
        buckets.spill(call["tenant_id"], call["call_id"])


@reachable()
def edit(
    filters: Mapping[str, Any],
    *,
    values: Mapping[str, Any],
    told: Collection[str] = (),
    entry: HistoryEntry,
    version: int | None = None,
) -> Call | None:
    """Set fields that people may change. The call as it is then; None when there is none, or it has another version.

    Of those of `told`, the history keeps what they were.
    """
    literals = {name: literal(value) for name, value in values.items()}
    before = {name: {"$ifNull": [f"${name}", None]} for name in sorted(told)}
    found = calls().find_one_and_update(
        _wanted(filters, version),
        _edited(literals, entry, before=before),
        projection={"_id": False},
        return_document=True,
    )
    return whole(found) if found is not None else None


@reachable()
def move(filters: Mapping[str, Any], *, status_id: str | None, entry: HistoryEntry, version: int | None) -> bool:
    """Give a call another status, and count it there. False as for `edit`."""

    def work(session: ClientSession) -> bool:
        update = _edited({"status_id": literal(status_id)}, {**entry, "after": status_id}, before="$status_id")
        before = calls().find_one_and_update(
            _wanted(filters, version), update, projection={"status_id": True, "tenant_id": True}, session=session
        )
        if before is None:
            return False
        was = status_of(before)
        if was != status_id:
            counters.add(session, before["tenant_id"], {was: -1, status_id: 1})
        return True

    return in_transaction(work)


@reachable()
def move_all(tenant_id: int, *, from_status: str, to_status: str, entry: HistoryEntry) -> int:
    """Give all of a company's calls that have one status another one. How many there were.

    In pieces, each of which is counted with its calls: whatever dies in between, the rest can be moved again.
    """
    wanted = {"tenant_id": tenant_id, "deleted": 0, "status_id": {"$in": [from_status, int(from_status)]}}
    update = _edited({"status_id": literal(to_status)}, {**entry, "before": from_status, "after": to_status})

    def work(session: ClientSession) -> int:
        found = calls().find(wanted, {"_id": True}, session=session).limit(_AT_ONCE)
        moved = calls().update_many({"_id": {"$in": [one["_id"] for one in found]}, **wanted}, update, session=session)
        counters.add(session, tenant_id, {from_status: -moved.modified_count, to_status: moved.modified_count})
        return moved.modified_count

    total = 0
    while moved := in_transaction(work):
        total += moved
    return total


@reachable()
def remove(filters: Mapping[str, Any], *, entry: HistoryEntry) -> bool:
    """Mark a call as deleted, and count it out. False when there is no such call."""

    def work(session: ClientSession) -> bool:
        before = calls().find_one_and_update(
            _wanted(filters, None),
            _edited({"deleted": 1}, entry),
            projection={"status_id": True, "tenant_id": True},
            session=session,
        )
        if before is None:
            return False
        counters.add(session, before["tenant_id"], {status_of(before): -1})
        return True

    return in_transaction(work)


@reachable()
def correct(
    filters: Mapping[str, Any],
    *,
    place: Correction,
    values: Mapping[str, Any],
    entry: HistoryEntry,
    version: int | None = None,
) -> bool:
    """Keep what a person says is right at a place, together with what was said of it before.

    Of a correction that is there already, the place stays. False when there is no such call, it has another
    version, or is full.
    """
    mine = {"$eq": ["$$this.correction_id", literal(place["correction_id"])]}
    there = {"$ifNull": ["$corrections", []]}
    known = {"$arrayElemAt": [{"$filter": {"input": there, "cond": mine}}, 0]}
    others = {"$filter": {"input": there, "cond": {"$not": mine}}}
    merged = {"$mergeObjects": [literal(dict(place)), known, literal(dict(values))]}
    is_known = {"corrections.correction_id": place["correction_id"]}
    has_room = {f"corrections.{MOST_CORRECTIONS - 1}": {"$exists": False}}
    wanted = {**_wanted(filters, version), "$or": [is_known, has_room]}
    return _edit(wanted, {"corrections": {"$concatArrays": [others, [merged]]}}, entry)


@reachable()
def rename_speaker(
    filters: Mapping[str, Any],
    *,
    renamed: Mapping[str, str],
    name: str,
    to: str,
    entry: HistoryEntry,
    version: int | None = None,
) -> bool:
    """Keep whom people mean by the names that a source gives: all of them anew, and the name in corrections too.

    False as for `edit`.
    """
    is_it = {"$eq": ["$$this.speaker", literal(name)]}
    called = {"$cond": [is_it, {"$mergeObjects": ["$$this", {"speaker": literal(to)}]}, "$$this"]}
    corrections = {"$map": {"input": {"$ifNull": ["$corrections", []]}, "in": called}}
    return _edit(_wanted(filters, version), {"renamed": literal(dict(renamed)), "corrections": corrections}, entry)


@reachable()
def append_note(filters: Mapping[str, Any], note: Note, *, entry: HistoryEntry) -> bool:
    """False when there is no such call, or it is full."""
    room = {f"notes.{MOST_NOTES - 1}": {"$exists": False}}
    notes = {"$concatArrays": [{"$ifNull": ["$notes", []]}, [literal(dict(note))]]}
    return _edit({**_wanted(filters, None), **room}, {"notes": notes}, entry)


@reachable()
def review_flag(filters: Mapping[str, Any], review: FlagReview, *, entry: HistoryEntry) -> bool:
    """Keep what somebody said of a flag, in place of what was said of it before. False when there is no such flag.

    A call keeps its version: a verdict changes nothing of what people say in it or of it.
    """
    said = {"$ifNull": ["$suspicion.reviews", []]}
    of_it = {"$eq": ["$$this.flag_id", literal(review["flag_id"])]}
    others = {"$filter": {"input": said, "cond": {"$not": of_it}}}
    known = {"$arrayElemAt": [{"$filter": {"input": said, "cond": of_it}}, 0]}
    before = {"$getField": {"field": "verdict", "input": known}}
    wanted = {**filters, "deleted": 0, "suspicion.reasons.flag_id": review["flag_id"]}
    reviews = {"suspicion.reviews": {"$concatArrays": [others, [literal(dict(review))]]}}
    told = _told(entry, before=before)
    return calls().update_one(wanted, [told, *stages(reviews, CONCLUSIONS)]).matched_count == 1


def status_of(document: Mapping[str, Any]) -> str | None:
    """As it is counted: of calls that older programs wrote, some have a number, or none."""
    status_id = document.get("status_id")
    return None if status_id is None else str(status_id)


def _wanted(filters: Mapping[str, Any], version: int | None) -> Document:
    guard = {} if version is None else {"version": version}
    return {**filters, "deleted": 0, **guard}


def _edit(wanted: Document, values: Document, entry: HistoryEntry) -> bool:
    return calls().update_one(wanted, _edited(values, entry)).matched_count == 1


def _edited(
    values: Document, entry: HistoryEntry | Mapping[str, Any], *, before: str | Document | None = None
) -> list[Document]:
    """The values, the line in the history, and the version by which others see that somebody was quicker.

    `before` is an expression of what goes into the history as it is until now, as a field's name.
    """
    return [_told(entry, before=before), *stages(values, {"version": {"$add": ["$version", 1]}})]


def _told(entry: HistoryEntry | Mapping[str, Any], *, before: str | Document | None) -> Document:
    """The stage that adds a line to the history, before anything else changes."""
    line = literal({name: value for name, value in cast("dict[str, Any]", entry).items() if name != "before"})
    was = {"before": before} if before else {"before": literal(entry["before"])} if "before" in entry else {}
    told = {"$mergeObjects": [line, was]}
    return {
        "$set": {"history": {"$slice": [{"$concatArrays": [{"$ifNull": ["$history", []]}, [told]]}, -MOST_HISTORY]}}
    }
