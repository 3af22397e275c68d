"""Calls that a company keeps no longer, and those that a legal hold keeps."""

from datetime import UTC, datetime, timedelta

import pytest

from calls import editing, retention, store
from calls.models import IndexedCall, IndexedSegment
from calls.store.client import BUCKETS, calls, collection
from metrics.erasing import Identity
from metrics.retention import Held
from tests.builders import make_user
from tests.calls.erasing.talks import (
    PLATFORM,
    counters_are_right,
    document_of,
    documents_of,
    give_to_contact,
    hold_talk,
    index,
    say,
)
from tests.calls.old_rows import old_installation

NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(days=90)
NOTHING = Held()


def hold_old(user, *, days=100, **values):
    call_id = hold_talk(user, **values)
    store.change(tenant_id=user.tenant_id, call_id=call_id, values={"start_time": NOW - timedelta(days=days)})
    return call_id


def there(user):
    return {one["call_id"] for one in calls().find({"tenant_id": user.tenant_id})}


def remove(user, held=NOTHING):
    going, staying = retention.count(user.tenant_id, before=BEFORE, held=held)
    assert sum(retention.remove(user.tenant_id, before=BEFORE, held=held)) == going
    assert retention.count(user.tenant_id, before=BEFORE, held=held) == (0, staying)
    return going


def test_old_calls_go_with_everything_and_young_ones_stay(agent, stranger, settings):
    settings.EARSHOT_BUCKET_SEGMENTS = 4
    old, young, theirs = hold_old(agent), hold_old(agent, days=80), hold_old(stranger)
    for number in range(1, 4):
        say(agent, old, number=number)
    index()
    kept = documents_of(agent, young), documents_of(stranger, theirs)
    assert remove(agent) == 1
    assert documents_of(agent, old) == "[]"
    assert collection(BUCKETS).count_documents({"tenant_id": agent.tenant_id}) == 0
    assert (documents_of(agent, young), documents_of(stranger, theirs)) == kept
    assert {one.call_id for one in IndexedCall.objects.filter(tenant=agent.tenant_id)} == {young}
    assert IndexedSegment.objects.filter(tenant=agent.tenant_id).count() == 4
    assert store.counts(agent.tenant_id) == {None: 1}
    assert counters_are_right(agent.tenant_id)


def test_deleted_calls_go_when_they_are_old(agent, supervisor):
    call_id = hold_old(agent)
    editing.delete(supervisor, call_id)
    assert remove(agent) == 1
    assert there(agent) == set()
    assert store.counts(agent.tenant_id) == {}


@pytest.mark.parametrize("by", ["user", "owner", "assignee", "contact", "identity", "call"])
def test_what_is_held_stays_by_whatever_it_is_held(agent, tenant, by):
    other = make_user(tenant, "agent")
    held, gone = hold_old(agent), hold_old(other, client="someone")
    if by == "contact":
        give_to_contact(agent, held, 95)
    if by in {"owner", "assignee"}:
        name = "owner_id" if by == "owner" else "assigned_to_id"
        store.change(tenant_id=tenant.pk, call_id=held, values={name: 4711})
    holds = {
        "user": Held(user_ids=frozenset({agent.pk})),
        "owner": Held(user_ids=frozenset({4711})),
        "assignee": Held(user_ids=frozenset({4711})),
        "contact": Held(contact_ids=frozenset({95})),
        "identity": Held(identities=frozenset({Identity(PLATFORM, "dana-55")})),
        "call": Held(call_ids=frozenset({held})),
    }
    before = document_of(agent, held)
    assert retention.count(tenant.pk, before=BEFORE, held=holds[by]) == (1, 1)
    assert remove(agent, holds[by]) == 1
    assert there(agent) == {held}
    assert document_of(agent, held) == before
    assert gone not in there(agent)


def test_in_batches_and_the_oldest_first(agent, monkeypatch):
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    assert retention.oldest(agent.tenant_id) is None
    in_order = [hold_old(agent, days=200 - number) for number in range(5)]
    assert abs(retention.oldest(agent.tenant_id) - (NOW - timedelta(days=200))) < timedelta(seconds=1)
    batches = retention.remove(agent.tenant_id, before=BEFORE, held=NOTHING)
    assert next(batches) == 2
    assert there(agent) == set(in_order[2:])
    assert list(batches) == [2, 1]


def test_what_dies_in_between_is_done_by_the_next(agent, monkeypatch):
    monkeypatch.setattr(retention, "_AT_ONCE", 1)
    for _ in range(3):
        hold_old(agent)
    index()
    batches = retention.remove(agent.tenant_id, before=BEFORE, held=NOTHING)
    next(batches)
    batches.close()
    assert len(there(agent)) == 2
    assert remove(agent) == 2
    assert there(agent) == set()
    assert IndexedCall.objects.filter(tenant=agent.tenant_id).count() == 0
    assert counters_are_right(agent.tenant_id)


def test_what_older_programs_kept_of_them_goes_too(agent):
    with old_installation():
        old, young = hold_old(agent), hold_old(agent, days=1)
        collection("call_segments_agent").insert_many(
            {"call_id": call_id, "text": "old", "start_time": 1, "end_time": 2} for call_id in (old, young)
        )
        assert remove(agent) == 1
        assert [one["call_id"] for one in collection("call_segments_agent").find({})] == [young]
