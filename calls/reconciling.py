"""Compares the index of search with the calls, and has made good what is missing on either side.

In memory that does not grow with the calls: some are looked at after the others.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import structlog
from django.db import connection, transaction
from django.db.models import Count

from calls import indexing, store, vector_indexes
from calls.embedding import embedders
from calls.models import IndexedCall, IndexedSegment

log = structlog.get_logger("earshot.indexing")

COMPARED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found.

    Calls without rows, with older ones, with rows that are not what was written; rows without calls; segments without
    vectors.
    """

    missing: int
    outdated: int
    broken: int
    gone: int
    waiting: int


def reconcile() -> Reconciled:
    """Mark calls without rows or with older ones, and rows without calls; have missing vectors made.

    In memory that does not grow with the calls. Raises RetryableCallError.
    """
    missing = outdated = broken = 0
    for some in _listed():
        for tenant_id, run in groupby(some, key=itemgetter(0)):
            calls = list(run)
            changed = {call.call_id: call.at for call in calls}
            known = IndexedCall.objects.of(tenant_id).filter(call_id__in=changed)
            rows = dict(known.values_list("call_id", "changed_at"))
            without = changed.keys() - rows.keys()
            older = {call_id for call_id, at in rows.items() if at is None or at < changed[call_id]}
            older -= set(known.stale().values_list("call_id", flat=True))
            indexing.mark_stale(tenant_id, without | older)
            wrong = _broken(tenant_id, calls) - without - older
            _write_anew(tenant_id, wrong)
            missing, outdated, broken = missing + len(without), outdated + len(older), broken + len(wrong)
    gone = _mark_gone()
    embedder = embedders.chosen()
    waiting = indexing.waiting_for(embedder).count() if embedder else 0
    if waiting:
        indexing.send(indexing.EMBED_TASK)
    vector_indexes.drop_unused()
    found = Reconciled(missing, outdated, broken, gone, waiting)
    log.info("search_reconciled", missing=missing, outdated=outdated, broken=broken, gone=gone, waiting=waiting)
    return found


def mark_all(tenant_id: int | None = None) -> Iterator[int]:
    """Mark every call, all of whose rows are then written, and every row of one that is gone; how many at a time.

    Raises RetryableCallError.
    """
    for some in _listed(tenant_id):
        for tenant, calls in groupby(some, key=itemgetter(0)):
            _mark_all_of(tenant, {call.call_id for call in calls})
        yield len(some)
    yield _mark_gone(tenant_id)


def _mark_all_of(tenant_id: int, call_ids: Collection[str]) -> None:
    """Have every row of some calls written, whether it seems to have changed or not."""
    with transaction.atomic():
        indexing.mark_stale(tenant_id, call_ids)
        IndexedCall.objects.of(tenant_id).filter(call_id__in=call_ids).update(indexed_at=None)


def _write_anew(tenant_id: int, call_ids: Collection[str]) -> None:
    """Drop what there is of some calls; they are found again in a moment."""
    with transaction.atomic():
        indexing.mark_stale(tenant_id, call_ids)
        known = IndexedCall.objects.of(tenant_id).filter(call_id__in=call_ids)
        known.update(indexed_at=None)
        IndexedSegment.objects.filter(call__in=known).delete()


def _broken(tenant_id: int, calls: Sequence[store.Changed]) -> set[str]:
    """Those whose rows somebody else has changed or removed; a person's corrections may join segments or add one."""
    settled = IndexedCall.objects.of(tenant_id).filter(
        call_id__in=[call.call_id for call in calls], stale_since__isnull=True
    )
    counted = dict(settled.annotate(rows=Count("segments")).values_list("call_id", "rows"))
    fewer = {
        call.call_id
        for call in calls
        if not call.has_corrections and counted.get(call.call_id, call.segments) != call.segments
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT call.call_id
            FROM calls_indexedcall AS call JOIN calls_indexedsegment AS segment ON segment.call_id = call.id
            WHERE call.tenant_id = %s AND call.call_id = ANY(%s::text[]) AND call.stale_since IS NULL AND (
                (segment.vector IS NULL AND segment.model <> '')
                OR segment.text_digest <> encode(sha256(convert_to(segment.text, 'UTF8')), 'hex')
            )
            """,
            [tenant_id, list(counted)],
        )
        return fewer | {call_id for (call_id,) in cursor.fetchall()}


def count_calls(tenant_id: int | None = None) -> int:
    """How many `mark_all` would mark, but for those that are gone."""
    return sum(len(some) for some in _listed(tenant_id))


def _listed(tenant_id: int | None = None) -> Iterator[list[store.Changed]]:
    """All calls in MongoDB, some at a time, by tenant."""
    last: tuple[int, str] | None = None
    while some := store.changed(after=last, most=COMPARED_AT_ONCE, tenant_id=tenant_id):
        yield some
        last = some[-1][:2]


def _mark_gone(tenant_id: int | None = None) -> int:
    rows = IndexedCall.objects.filter(stale_since__isnull=True).order_by("pk")
    if tenant_id is not None:
        rows = rows.of(tenant_id)
    last = gone = 0
    while some := list(rows.filter(pk__gt=last).values_list("pk", "tenant_id", "call_id")[:COMPARED_AT_ONCE]):
        last = some[-1][0]
        for tenant, group in groupby(sorted(some, key=itemgetter(1)), key=itemgetter(1)):
            call_ids = {call_id for _, _, call_id in group}
            without = call_ids - store.among(tenant_id=tenant, call_ids=call_ids)
            # Marked, not removed: whoever indexes looks again, and removes it then.
            indexing.mark_stale(tenant, without)
            gone += len(without)
    return gone
