"""Calls that a company keeps no longer: those that began before a moment, but for those that a legal hold is on.

Each goes whole, with its buckets, what older programs kept of it, and what search looks through; deleted ones too. What
else there is of it, as its recording, goes with whoever keeps that.
"""

from collections.abc import Iterator
from datetime import datetime

from calls import live
from calls.erasing import search_index
from calls.store import aged, erasing, legacy_erasing
from metrics.erasing import Progress, untold
from metrics.retention import Held

# Calls that one transaction takes away, which may not take long.
_AT_ONCE = 500


def count(tenant_id: int, *, before: datetime, held: Held) -> int:
    """How many calls began before then and are not held. Changes nothing. Raises RetryableCallError."""
    return aged.count(tenant_id, before=before, held=held)


def remove(tenant_id: int, *, before: datetime, held: Held, progress: Progress = untold) -> int:
    """Take them away for good, the oldest first. How many there were; what dies in between is done by the next."""
    return sum(len(some) for some in removing(tenant_id, before=before, held=held, progress=progress))


def removing(tenant_id: int, *, before: datetime, held: Held, progress: Progress = untold) -> Iterator[list[aged.Aged]]:
    """The same batch by batch, for whoever keeps something of each call: those that are gone by now."""
    while some := aged.oldest(tenant_id, before=before, held=held, most=_AT_ONCE):
        call_ids = [one.call_id for one in some]
        # The calls last, by which whoever goes on after a crash finds the rest.
        search_index.remove_whole(tenant_id, call_ids)
        legacy_erasing.remove(legacy_erasing.rows_of(tenant_id, call_ids))
        erasing.remove_for_good(tenant_id, call_ids)
        live.changed(tenant_id, call_ids)
        progress(len(some))
        yield some
