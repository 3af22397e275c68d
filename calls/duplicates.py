"""Calls of which a company has several, by `id` or by `call_id`: found, and made one.

They came in while a unique index was missing. Which one stays and what it takes over is told in `calls.merging`; every
group is written in one transaction with its counters, so that whatever dies in between, the rest can be done later.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal, Protocol

import structlog
from django.db import transaction

from calls import indexing, live, merging, numbers, store
from calls.documents import Call
from calls.errors import CallError, RetryableCallError
from calls.merging import Group, Merged
from calls.store import duplicates, legacy
from metrics import gauges

log = structlog.get_logger("earshot.duplicates")

GAUGE = "calls.duplicate_groups"
# Groups and segments that one transaction takes, which may not take long.
GROUPS_AT_ONCE = 20
SEGMENTS_AT_ONCE = 2000
_HEADS_AT_ONCE = 1000

State = Literal["merged", "would be merged", "left"]


class Recordings(Protocol):
    """What is known of recordings where they are kept."""

    def with_recording(self, tenant_id: int, call_ids: Collection[str]) -> set[str]:
        """Those of some calls that have one."""

    def hand_over(self, tenant_id: int, from_call_id: str, to_call_id: str) -> None:
        """Let the recording of one call be that of another, which has none; again is the same as once."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """How much there is to clean: groups of calls that are one, and the calls that are too many.

    `by_company`: tenant → its groups. `by_number` and `by_call_id`: values that several calls have.
    """

    groups: int
    too_many: int
    by_number: int
    by_call_id: int
    by_company: dict[int, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to a group, or would be; `why` it was left. Counted is what the call that stayed has taken over."""

    group: Group
    state: State
    why: str = ""
    number: int | None = None
    segments: int = 0
    corrections: int = 0
    notes: int = 0


def analyse(tenant_id: int | None = None) -> Analysis:
    """Look for duplicates and change nothing. As long as it takes. Raises RetryableCallError."""
    shared = list(duplicates.sharing(tenant_id))
    groups = [heads for heads in _groups(keys for _, keys in shared) if len(heads) > 1]
    by_company: dict[int, int] = {}
    for heads in groups:
        by_company[heads[0].tenant_id] = by_company.get(heads[0].tenant_id, 0) + 1
    found = Analysis(
        groups=len(groups),
        too_many=sum(len(heads) - 1 for heads in groups),
        by_number=sum(name == "id" for name, _ in shared),
        by_call_id=sum(name == "call_id" for name, _ in shared),
        by_company=by_company,
    )
    if tenant_id is None:
        gauges.set(GAUGE, found.groups)
    if found.groups:
        log.warning("duplicate_calls", groups=found.groups, too_many=found.too_many, companies=sorted(by_company))
    else:
        log.info("no_duplicate_calls", tenant_id=tenant_id)
    return found


def groups(recordings: Recordings, tenant_id: int | None = None) -> list[Group]:
    """What there is to be merged, company by company. Raises RetryableCallError."""
    found: list[Group] = []
    for heads in _groups(keys for _, keys in duplicates.sharing(tenant_id)):
        recorded = recordings.with_recording(heads[0].tenant_id, {head.call_id for head in heads})
        found += merging.divided(heads, recorded)
    return sorted(found, key=lambda group: (group.kept.tenant_id, group.kept.number, group.kept.call_id))


def preview(found: Sequence[Group]) -> Iterator[Outcome]:
    """What `clean` would do to each group. Raises RetryableCallError."""
    for batch in _batches(found):
        yield from _without_old_segments(batch, _preview)


def clean(found: Sequence[Group], recordings: Recordings) -> Iterator[Outcome]:
    """Make each group one call, a few at a time. What could not be is left as it is. Raises RetryableCallError."""

    def write(batch: Sequence[Group]) -> list[Outcome]:
        for group in batch:
            _hand_over(group, recordings)
        try:
            return _merge(batch)
        except RetryableCallError:
            raise
        except CallError as error:
            if len(batch) > 1:
                return [outcome for group in batch for outcome in write([group])]
            return [Outcome(batch[0], "left", why=error.message)]

    for batch in _batches(found):
        yield from _without_old_segments(batch, write)


def _groups(sharing: Iterable[list[object]]) -> Iterator[list[merging.Head]]:
    """The calls of each group."""
    by_key = merging.grouped(sharing)
    for start in range(0, len(by_key), _HEADS_AT_ONCE):
        some = by_key[start : start + _HEADS_AT_ONCE]
        heads = {head.key: head for head in duplicates.heads([key for keys in some for key in keys])}
        yield from (there for keys in some if (there := [heads[key] for key in keys if key in heads]))


def _batches(found: Sequence[Group]) -> Iterator[list[Group]]:
    """Groups of one company, few enough for one transaction."""
    for _, run in groupby(found, key=lambda group: group.kept.tenant_id):
        batch: list[Group] = []
        size = 0
        for group in run:
            segments = sum(head.segments for head in (group.kept, *group.removed))
            if batch and (len(batch) == GROUPS_AT_ONCE or size + segments > SEGMENTS_AT_ONCE):
                yield batch
                batch, size = [], 0
            batch.append(group)
            size += segments
        yield batch


def _without_old_segments(
    batch: Sequence[Group], work: Callable[[Sequence[Group]], list[Outcome]]
) -> Iterator[Outcome]:
    """Leave those alone whose going calls still have segments in the collections of an older installation."""
    going = {head.call_id for group in batch for head in group.removed if head.call_id != group.kept.call_id}
    rows = legacy.rows_of(sorted(going)) if going and legacy.is_there() else {}
    waiting = [group for group in batch if any(rows.get(head.call_id) for head in group.removed)]
    for group in waiting:
        yield Outcome(group, "left", why="It has older segments: run manage.py migrate_call_segments first.")
    ready = [group for group in batch if group not in waiting]
    if ready:
        yield from work(ready)


def _preview(batch: Sequence[Group]) -> list[Outcome]:
    done = duplicates.look_at(batch, _merged)
    return [_outcome(group, merged, "would be merged", None) for group, merged in zip(batch, done, strict=True)]


def _merge(batch: Sequence[Group]) -> list[Outcome]:
    tenant_id = batch[0].kept.tenant_id
    fresh = iter(numbers.following(sum(group.needs_number for group in batch)))
    given = [next(fresh) if group.needs_number else None for group in batch]
    call_ids = {head.call_id for group in batch for head in (group.kept, *group.removed)}
    with transaction.atomic():
        done = duplicates.merge_all(batch, _merged, given)
        indexing.mark_stale(tenant_id, call_ids)
        live.changed(tenant_id, call_ids)
    return [_outcome(group, merged, "merged", number) for group, merged, number in zip(batch, done, given, strict=True)]


def _merged(kept: Call, others: Sequence[Call]) -> Merged:
    return merging.merged(kept, others, at=datetime.now(UTC))


def _outcome(group: Group, merged: Merged | None, state: State, number: int | None) -> Outcome:
    if merged is None:
        return Outcome(group, "left", why="One of them changed meanwhile: run it again.")
    return Outcome(
        group, state, number=number, segments=merged.segments, corrections=merged.corrections, notes=merged.notes
    )


def _hand_over(group: Group, recordings: Recordings) -> None:
    """Before the calls are merged: a recording is never without a call."""
    kept = group.kept
    others = {head.call_id for head in group.removed} - {kept.call_id}
    recorded = recordings.with_recording(kept.tenant_id, others | {kept.call_id}) if others else set()
    if kept.call_id not in recorded:
        for call_id in recorded:
            recordings.hand_over(kept.tenant_id, call_id, kept.call_id)


def make_unique() -> list[str]:
    """Make the indexes that forbid duplicates, where they are missing. Their names. Raises DuplicateCalls."""
    store.create_collections()
    missing = [index for index in store.indexes() if index.is_unique and index.standing != "there"]
    for index in missing:
        store.create_index(index)
    return [index.name for index in missing]
