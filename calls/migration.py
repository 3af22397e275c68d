"""Moves the segments that an older installation kept in two collections into the conversations of its calls.

Call by call, as many at a time as a batch has, so that it takes the same memory for millions of rows as for a few. What
a call has already is not written again, so stopping at any point and beginning anew ends the same; with its last
segments a call is marked as migrated, and from then on its old rows are not looked for when it is read.

The same pass that writes nothing tells what would be moved, and afterwards whether anything is missing.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from calls import indexing, masking, old_segments
from calls.documents import People, Segment
from calls.errors import CallError, CallTooLarge, MalformedCall
from calls.models import RedactionPolicy
from calls.old_segments import Read, Row
from calls.store import folding, legacy
from calls.store.expressions import Document

USUAL_BATCH = 200
# However few calls that is: what is read at a time.
MOST_ROWS_AT_ONCE = 20_000
# What one update of many may bring, in characters.
MOST_LETTERS_AT_ONCE = 100_000
# Of each kind a report names so many.
MOST_NAMED = 20

Key = tuple[int, str]


class Outcome(StrEnum):
    """What becomes of a row; each has exactly one."""

    MOVED = "moved"
    THERE = "there already"
    DUPLICATE = "duplicates"
    ORPHAN = "orphans"
    BAD = "bad"
    CHANGED = "changed since"
    FORGOTTEN = "of people who were erased"
    OTHERS = "of other companies"


# What a drop would lose. What the pass that writes nothing would move has not been moved.
NOT_IN_CALLS = (Outcome.MOVED, Outcome.CHANGED, Outcome.ORPHAN, Outcome.BAD, Outcome.OTHERS)


@dataclass(slots=True)
class Report:
    """How many rows came to what, of how many calls, and some of them by name."""

    documents: int = 0
    calls: int = 0
    rows: Counter[Outcome] = field(default_factory=Counter)
    named: dict[Outcome, list[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome, count: int, *names: str) -> None:
        if count:
            self.rows[outcome] += count
            told = self.named.setdefault(outcome, [])
            told += names[: MOST_NAMED - len(told)]


class RowsMissing(CallError):
    """What keeps the old collections from being dropped."""

    code = "rows_missing"

    def __init__(self, message: str, report: Report, outcomes: Sequence[Outcome]) -> None:
        super().__init__(message)
        self.report = report
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class _Moving:
    """One call of a batch and what its rows say."""

    key: Key
    head: Document
    read: Read


@dataclass(frozen=True, slots=True)
class _Move:
    """What its rows come to: `words` are to be in the call, `missing` are not there yet, `changed` not as they were."""

    call_id: str
    read: Read
    words: list[Segment]
    missing: list[Segment]
    changed: list[str]
    is_marked: bool

    @property
    def is_small(self) -> bool:
        """Whether many such can be written at once."""
        return sum(len(segment["text"]) for segment in self.missing) <= MOST_LETTERS_AT_ONCE


def run(
    *,
    write: bool,
    tenant_id: int | None = None,
    batch: int = USUAL_BATCH,
    seen: Callable[[int], None] = lambda documents: None,
) -> Report:
    """Go through all rows; move them, or only tell what would be moved. `seen` is told of documents as they are read.

    `tenant_id`: the rows of this company alone, which also has those that name none. May be stopped at any time.
    Raises RetryableCallError.
    """
    report = Report()
    for counted in _batches(legacy.ids_with_counts(), batch, report):
        rows = legacy.rows_of(list(counted))
        for call_id, expected in counted.items():
            # Numbers with a fraction and such: an id to the server, and none that a call can have.
            if expected and not rows[call_id]:
                report.add(Outcome.BAD, expected, f"call_id {call_id}: no call can have this id.")
        whose = _by_call(rows, tenant_id, report)
        _move(whose, report, write=write)
        report.documents += sum(counted.values())
        seen(sum(counted.values()))
    return report


def verify_and_drop(
    *,
    tenant_id: int | None = None,
    without: Collection[Outcome] = (),
    batch: int = USUAL_BATCH,
    seen: Callable[[int], None] = lambda documents: None,
) -> Report:
    """Drop the old collections once every row has been found in its call. `without`: what may be lost.

    Raises RowsMissing, with what was found, and then nothing was dropped; RetryableCallError.
    """
    report = run(write=False, tenant_id=tenant_id, batch=batch, seen=seen)
    missing = [outcome for outcome in NOT_IN_CALLS if report.rows[outcome] and outcome not in without]
    if missing:
        raise RowsMissing("Some old rows are in no call; nothing was dropped.", report, missing)
    if legacy.exact_count() != report.documents:
        raise RowsMissing("Rows were written while they were looked at; nothing was dropped. Run it again.", report, [])
    legacy.drop()
    return report


def _batches(found: Iterator[tuple[str | None, int]], batch: int, report: Report) -> Iterator[dict[str, int]]:
    """Call id → documents, of so many calls or rows at a time."""
    counted: dict[str, int] = {}
    for call_id, documents in found:
        if call_id is None:
            report.documents += documents
            report.add(Outcome.BAD, documents, f"{documents} documents: they name no call.")
            continue
        if documents > legacy.MOST_ROWS:
            report.documents += documents
            report.add(Outcome.BAD, documents, f"call_id {call_id}: {documents} documents are no one call's.")
            continue
        if counted and (len(counted) >= batch or sum(counted.values()) + documents > MOST_ROWS_AT_ONCE):
            yield counted
            counted = {}
        counted[call_id] = documents
    if counted:
        yield counted


def _by_call(rows: dict[str, list[Row]], tenant_id: int | None, report: Report) -> list[_Moving]:
    """The rows by the call that they are of. Those of no call, and of companies that are not meant, are told."""
    unnamed = tenant_id or settings.EARSHOT_LEGACY_TENANT_ID or None
    unsure = [] if unnamed else [call_id for call_id, own in rows.items() if any(row.tenant_id is None for row in own)]
    made = legacy.made(unsure) if unsure else {}
    grouped: dict[Key, list[Row]] = {}
    for call_id, own in rows.items():
        lost = 0
        for row in own:
            company = old_segments.owner(row, made.get(call_id, {}), unnamed=unnamed)
            if company is None:
                lost += 1
            elif tenant_id is not None and company != tenant_id:
                report.add(Outcome.OTHERS, 1)
            else:
                grouped.setdefault((company, call_id), []).append(row)
        if lost:
            why = "several companies have one" if len(made.get(call_id, {})) > 1 else "there is none, or it is younger"
            report.add(Outcome.ORPHAN, lost, f"{call_id} of no company that is named: {why}")
    heads = legacy.heads(grouped)
    moving = []
    for key, own in grouped.items():
        if (head := heads.get(key)) is None:
            report.add(Outcome.ORPHAN, len(own), f"{key[1]} of company {key[0]}: there is no such call")
        else:
            moving.append(_Moving(key, head, old_segments.read(own)))
    return moving


def _move(batch: Sequence[_Moving], report: Report, *, write: bool) -> None:
    by_company: dict[int, list[_Moving]] = {}
    for moving in batch:
        by_company.setdefault(moving.key[0], []).append(moving)
        report.calls += 1
        report.add(Outcome.DUPLICATE, moving.read.duplicates)
        for bad in moving.read.bad:
            report.add(Outcome.BAD, 1, f"{bad.row.place} of call {moving.key[1]}: {bad.why}")
    for tenant_id, theirs in sorted(by_company.items()):
        # Until the end of the transaction nobody is erased of whom something is written.
        with transaction.atomic():
            gone = folding.gone_of(tenant_id, [_people(moving) for moving in theirs])
            policy = RedactionPolicy.of(tenant_id)
            moves = [_move_of(moving, gone, policy) for moving in theirs]
            refused = _write(tenant_id, moves) if write else {}
        for move in moves:
            _tell(report, tenant_id, move, refused.get(move.call_id))


def _move_of(moving: _Moving, gone: frozenset[str], policy: RedactionPolicy) -> _Move:
    tenant_id, call_id = moving.key
    staying = folding.of_others(moving.read.segments, _people(moving), gone=gone)
    words = masking.masked_by(policy, staying, language=moving.head.get("language") or "en")
    there: list[Segment] = list(moving.head.get("conversation", []))
    if "spilled" in moving.head:
        there += legacy.in_buckets(tenant_id, call_id)
    return _Move(
        call_id=call_id,
        read=moving.read,
        words=words,
        missing=folding.missing_in(there, words),
        changed=_changed(there, words),
        is_marked=bool(moving.head.get("migrated")),
    )


def _write(tenant_id: int, moves: Sequence[_Move]) -> dict[str, Outcome]:
    """Call id → why its rows could not be written."""
    todo = [move for move in moves if move.missing or not move.is_marked]
    indexing.mark_stale(tenant_id, (move.call_id for move in todo))
    small = {move.call_id: move.missing for move in todo if move.is_small}
    if legacy.put_into_many(tenant_id, small):
        todo = [move for move in todo if not move.is_small]
    refused = {}
    for move in todo:
        try:
            if not legacy.put(tenant_id=tenant_id, call_id=move.call_id, segments=move.missing):
                refused[move.call_id] = Outcome.ORPHAN
        except (CallTooLarge, MalformedCall):
            refused[move.call_id] = Outcome.BAD
    return refused


def _tell(report: Report, tenant_id: int, move: _Move, refused: Outcome | None) -> None:
    of_call = f"of call {move.call_id} of company {tenant_id}"
    if refused is not None:
        why = "is more than it takes in, or it is no whole call" if refused is Outcome.BAD else "was deleted with it"
        report.add(refused, len(move.read.segments), f"what is said {of_call} {why}")
        return
    report.add(Outcome.FORGOTTEN, len(move.read.segments) - len(move.words))
    report.add(Outcome.MOVED, len(move.missing), *(f"{one['segment_id']} {of_call}" for one in move.missing))
    report.add(Outcome.CHANGED, len(move.changed), *(f"{one} {of_call}" for one in move.changed))
    report.add(Outcome.THERE, len(move.words) - len(move.missing) - len(move.changed))


def _people(moving: _Moving) -> People:
    head = moving.head
    return People(
        user_id=head.get("user_id"),
        contact_id=head.get("contact_id"),
        platform=head.get("platform") or "",
        external_user_id=head.get("external_user_id"),
    )


def _changed(there: Sequence[Segment], old: Sequence[Segment]) -> list[str]:
    """The ids under which a call has something else by now than its old row."""
    said = {old_segments.content(segment) for segment in there}
    ids = {segment["segment_id"] for segment in there}
    return [one["segment_id"] for one in old if one["segment_id"] in ids and old_segments.content(one) not in said]
