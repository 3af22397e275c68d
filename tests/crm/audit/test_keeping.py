"""The log's own retention: entries go by whole blocks, and what proves that there were some stays."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.utils import timezone

from crm.audit import keeping, sealing, verification
from crm.models import AuditBlock, AuditEntry
from metrics import archive
from metrics.retention import Held
from tests.builders import make_contact, make_session, make_user

pytestmark = pytest.mark.usefixtures("empty_archive")
DAY = timedelta(days=1)
NOBODY = Held()


@pytest.fixture
def block(did, monkeypatch):
    """A sealed block of so many days ago, of somebody who did something twice."""

    def make(actor, days_ago, subject=""):
        then = timezone.now() - days_ago * DAY
        with monkeypatch.context() as earlier:
            earlier.setattr("crm.audit.acts.timezone.now", lambda: then)
            for _ in range(2):
                did(actor, subject=subject)
            sealing.seal()
        return AuditBlock.objects.of_chain(actor.tenant_id).last()

    return make


def removed(tenant_id, days, held=NOBODY):
    return sum(keeping.remove(tenant_id, before=timezone.now() - days * DAY, held=held))


def findings():
    return [finding.message for finding in verification.verify().findings]


def test_blocks_that_are_older_lose_their_entries_and_the_chain_goes_on(agent, block):
    old, older, young = block(agent, 50), block(agent, 41), block(agent, 39)
    assert keeping.count(agent.tenant_id, before=timezone.now() - 40 * DAY, held=NOBODY) == (4, 0)
    assert removed(agent.tenant_id, 40) == 4
    assert set(AuditEntry.objects.values_list("block", flat=True)) == {young.pk}
    assert [block.emptied_at is not None for block in AuditBlock.objects.all()] == [True, True, False]
    assert AuditBlock.objects.filter(hash__in=[old.hash, older.hash], entry_count=2).count() == 2
    assert findings() == []
    assert verification.verify().emptied == 2


def test_again_is_the_same_as_once(agent, block):
    block(agent, 50)
    assert [removed(agent.tenant_id, 40), removed(agent.tenant_id, 40)] == [2, 0]


def test_what_is_not_sealed_yet_stays_whatever_its_age(agent, did):
    did(agent)
    AuditEntry.objects.update(at=timezone.now() - 90 * DAY)
    assert removed(agent.tenant_id, 40) == 0
    assert AuditEntry.objects.count() == 1


def test_another_companys_log_and_the_sites_stay(agent, stranger, block):
    block(agent, 50)
    block(stranger, 50)
    removed(agent.tenant_id, 40)
    assert AuditEntry.objects.of_chain(stranger.tenant_id).count() == 2


def test_somebody_who_is_held_keeps_the_blocks_that_name_them_and_all_that_follow(agent, supervisor, block):
    block(supervisor, 60)
    block(agent, 55)
    block(supervisor, 50)
    held = Held(user_ids=frozenset({agent.pk}))
    assert keeping.count(agent.tenant_id, before=timezone.now() - 40 * DAY, held=held) == (2, 4)
    assert removed(agent.tenant_id, 40, held) == 2
    assert findings() == []


@pytest.mark.parametrize("kind", ["call", "recording", "contact", "person"])
def test_what_is_held_is_found_by_what_an_entry_is_about(agent, supervisor, block, kind):
    session = make_session(agent)
    contact = make_contact(agent.tenant, "Ada")
    subjects = {
        "call": (f"call:{session.call_id}", Held(call_ids=frozenset({session.call_id}))),
        "recording": (f"recording:{session.pk}", Held(call_ids=frozenset({session.call_id}))),
        "contact": (f"contact:{contact.pk}", Held(contact_ids=frozenset({contact.pk}))),
        "person": (f"person:{agent.pk}", Held(user_ids=frozenset({agent.pk}))),
    }
    subject, held = subjects[kind]
    block(supervisor, 60, subject)
    assert removed(agent.tenant_id, 40, held) == 0
    assert removed(agent.tenant_id, 40) == 2


def test_a_block_that_the_archive_does_not_know_as_it_is_is_not_emptied(agent, block):
    first, second = block(agent, 60), block(agent, 55)
    archive.write(sealing.anchor_of(second)[0], b"{}")
    assert removed(agent.tenant_id, 40) == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.emptied_at is not None, second.emptied_at) == (True, None)
    assert [finding.partition(":")[0] for finding in findings()] == ["Block 2 is not the one that the archive knows"]


def test_many_blocks_go_some_at_a_time(agent, block, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_BLOCKS", 1)
    for days_ago in (60, 55, 50):
        block(agent, days_ago)
    going = keeping.remove(agent.tenant_id, before=timezone.now() - 40 * DAY, held=NOBODY)
    next(going)
    going.close()
    assert AuditBlock.objects.filter(emptied_at=None).count() == 2, "a worker has died"
    assert removed(agent.tenant_id, 40) == 4


def test_the_admins_own_log_goes_by_the_same_age(agent, stranger):
    for user, days_ago in [(agent, 50), (agent, 10), (stranger, 50)]:
        entry = LogEntry.objects.create(user=user, action_flag=CHANGE, object_repr="Ada")
        LogEntry.objects.filter(pk=entry.pk).update(action_time=timezone.now() - days_ago * DAY)
    assert removed(agent.tenant_id, 40) == 1
    assert LogEntry.objects.count() == 2


# --- Emptied otherwise than by retention ---


def emptied_by_hand(block, *, days_ago=0):
    block.entries.all().delete()
    AuditBlock.objects.filter(pk=block.pk).update(emptied_at=timezone.now() - days_ago * DAY)


def test_a_block_that_was_emptied_in_the_middle_is_found(agent, block):
    block(agent, 60)
    emptied_by_hand(block(agent, 50))
    assert findings() == ["Block 2 was emptied before older ones: entries were removed otherwise than by retention."]


def test_a_block_that_was_emptied_too_early_is_found(agent, block):
    emptied_by_hand(block(agent, 20))
    assert findings() == ["Block 1 was emptied before it was 30 days old, as retention never does."]


def test_a_block_that_was_emptied_and_filled_again_is_found(agent, block, did):
    emptied = block(agent, 60)
    emptied_by_hand(emptied)
    did(agent)
    AuditEntry.objects.update(block=emptied, position=0)
    assert findings() == ["Block 1 was emptied, and has entries again."]


def test_an_emptied_block_that_the_archive_does_not_know_is_found(agent, block):
    emptied = block(agent, 60)
    removed(agent.tenant_id, 40)
    archive.erase(sealing.anchor_of(emptied)[0])
    assert findings() == ["Block 1 was emptied, and the archive does not know it: nothing proves what it was."]


def test_an_emptied_block_that_was_made_anew_is_found(agent, block):
    emptied = block(agent, 60)
    block(agent, 10)
    removed(agent.tenant_id, 40)
    AuditBlock.objects.filter(pk=emptied.pk).update(hash="0" * 64)
    assert [finding.partition(":")[0] for finding in findings()] == [
        "Block 1 is not the one that the archive knows",
        "Block 2 does not follow block 1.",
    ]


def test_entries_that_vanished_without_a_word_are_still_found(agent, block):
    make_user(agent.tenant, "privacy")
    block(agent, 60).entries.all().delete()
    assert findings() == ["Block 1 does not agree with its hash: an entry was changed, added or removed."]
