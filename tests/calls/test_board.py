"""The counters of the board: exact whatever happens, and mended when somebody writes past us."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from calls import board, opening, statuses, store
from calls.errors import RetryableCallError
from calls.store.client import COUNTERS, calls, collection
from metrics import locks
from tests.builders import make_tenant, make_user
from tests.scale import scaled


@pytest.fixture
def columns(tenant):
    return [str(statuses.create(tenant.pk, {"name": name}).pk) for name in ("New", "Open", "Done")]


def there(tenant):
    found = calls().aggregate(
        [{"$match": {"tenant_id": tenant.pk, "deleted": 0}}, {"$group": {"_id": "$status_id", "count": {"$sum": 1}}}]
    )
    return {one["_id"]: one["count"] for one in found}


def test_many_who_move_cards_at_once_leave_the_counters_exact(supervisor, tenant, columns):
    cards = [opening.create_call(supervisor, {"status_id": columns[0]})[0]["call_id"] for _ in range(20)]
    moves = scaled(60, 1000)

    def work(worker):
        try:
            for step in range(moves // 4):
                card, column = cards[(step * 7 + worker) % len(cards)], columns[(step + worker) % 3]
                board.move(supervisor, card, status_id=column, version=None)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, worker) for worker in range(4)]:
            done.result()
    assert board.counts(tenant.pk) == there(tenant)
    assert sum(board.counts(tenant.pk).values()) == len(cards)


def test_counters_that_somebody_made_wrong_are_mended_and_told(supervisor, tenant, columns, caplog):
    for column in columns[:2]:
        opening.create_call(supervisor, {"status_id": column})
    stranger = make_user(make_tenant(), "supervisor")
    opening.create_call(stranger, {})
    collection(COUNTERS).update_one({"tenant_id": tenant.pk, "status_id": columns[0]}, {"$inc": {"count": 5}})
    collection(COUNTERS).delete_many({"tenant_id": tenant.pk, "status_id": columns[1]})
    ours = [one for one in board.drifts() if one.tenant_id == tenant.pk]
    assert sorted((one.status_id, one.counted, one.there) for one in ours) == [(columns[0], 6, 1), (columns[1], 0, 1)]
    assert len(board.reconcile()) >= 2
    assert board.counts(tenant.pk) == {columns[0]: 1, columns[1]: 1}
    assert board.counts(stranger.tenant_id) == {None: 1}
    assert sum("counter_mended" in record.getMessage() for record in caplog.records) >= 2
    assert board.reconcile() == []


def test_counters_are_mended_by_one_at_a_time(supervisor, tenant, columns):
    opening.create_call(supervisor, {"status_id": columns[0]})
    collection(COUNTERS).update_one({"tenant_id": tenant.pk, "status_id": columns[0]}, {"$inc": {"count": 5}})

    def elsewhere():
        try:
            return board.reconcile()
        finally:
            connections.close_all()

    with locks.held_alone(board._RECONCILING), ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result() is None
    assert board.counts(tenant.pk) == {columns[0]: 6}
    board.reconcile()
    assert board.counts(tenant.pk) == {columns[0]: 1}


def test_without_their_index_counters_are_left_and_the_cure_is_told(db):
    calls().drop_index("tenant_status")
    try:
        with pytest.raises(RetryableCallError, match="create_call_indexes"):
            board.reconcile()
    finally:
        store.create()


def test_statuses_of_older_calls_that_are_numbers_count_with_the_others(supervisor, tenant, columns):
    made = [opening.create_call(supervisor, {"status_id": columns[0]})[0] for _ in range(2)]
    calls().update_one({"tenant_id": tenant.pk, "id": made[0]["id"]}, {"$set": {"status_id": int(columns[0])}})
    board.reconcile()
    assert board.counts(tenant.pk) == {columns[0]: 2}
