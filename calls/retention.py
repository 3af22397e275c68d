"""Calls that a company keeps no longer: those that began before a moment, but for those that a legal hold is on.

Each goes whole, with its buckets, what older programs kept of it, and what search looks through; deleted ones too. What
else there is of it, as its recording, goes with whoever keeps that, and before it: without the call nobody knows what
of the sound is masked.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import structlog

from calls import live
from calls.erasing import search_index
from calls.store import aged, erasing, legacy_erasing
from metrics.retention import Held

log = structlog.get_logger("earshot.retention")

# Calls that one transaction takes away, which may not take long.
_AT_ONCE = 500


def count(tenant_id: int, *, before: datetime, held: Held) -> tuple[int, int]:
    """How many calls would go, and how many of that age stay because they are held. Changes nothing.

    Raises RetryableCallError.
    """
    every = aged.count(tenant_id, before=before, held=Held())
    going = aged.count(tenant_id, before=before, held=held)
    return going, every - going


def oldest(tenant_id: int) -> datetime | None:
    """When the oldest call began; None when there is none."""
    return aged.first_moment(tenant_id)


def remove(
    tenant_id: int, *, before: datetime, held: Held, first: Callable[[Sequence[str]], object] = lambda call_ids: None
) -> Iterator[int]:
    """Take what is older away for good, the oldest first, batch by batch; tells how many calls went with each.

    `first` is called with the ids of each batch, before anything of it goes. Again is the same as once, also after it
    died anywhere. Raises RetryableCallError, and what `first` does.
    """
    while call_ids := aged.oldest(tenant_id, before=before, held=held, most=_AT_ONCE):
        first(call_ids)
        # The calls last, by which whoever goes on after a crash finds the rest.
        search_index.remove_whole(tenant_id, call_ids)
        legacy_erasing.remove(legacy_erasing.rows_of(tenant_id, call_ids))
        removed = erasing.remove_for_good(tenant_id, call_ids)
        live.changed(tenant_id, call_ids)
        log.info("calls_removed_for_their_age", tenant_id=tenant_id, calls=removed)
        yield removed
