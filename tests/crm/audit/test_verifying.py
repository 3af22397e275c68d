"""A company has its own chain verified: at once, or in parts by a task."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from crm.audit import sealing, verifying
from crm.models import AuditBlock, AuditEntry
from metrics import archive
from tests.builders import bearer, make_user

pytestmark = pytest.mark.usefixtures("empty_archive")
ADDRESS = "/api/audit/verification"


@pytest.fixture(autouse=True)
def nothing_verified(db):
    cache.clear()


@pytest.fixture
def privacy(tenant):
    return make_user(tenant, "privacy")


@pytest.fixture
def api(privacy):
    return bearer(privacy)


@pytest.fixture
def sent(monkeypatch):
    """What is sent to the workers, and `sent.do_all()` to do it."""

    class Sent(list):
        def do_all(self):
            while self:
                verifying.go_on(*self.pop(0))

    messages = Sent()
    monkeypatch.setattr(
        verifying.current_app, "send_task", lambda name, args, **options: messages.append(args), raising=False
    )
    return messages


def block_of(actor, did, entries=2):
    for _ in range(entries):
        did(actor)
    sealing.seal()
    return AuditBlock.objects.of_chain(actor.tenant_id).last()


def test_before_anybody_asked_nothing_is_claimed(api):
    answer = api.get(ADDRESS).json()
    assert (answer["state"], answer["agrees"]) == ("none", None)


def test_a_short_chain_is_verified_at_once_and_the_result_can_be_read_again(api, agent, did):
    block_of(agent, did)
    did(agent)
    answer = api.post(ADDRESS)
    found = answer.json()
    assert answer.status_code == 200
    assert (found["state"], found["agrees"]) == ("done", True)
    assert (found["blocks"], found["entries"], found["unsealed"], found["findings"]) == (1, 2, 1, [])
    assert api.get(ADDRESS).json() == found


def test_that_somebody_verified_it_is_written_down(api):
    api.post(ADDRESS)
    api.get(ADDRESS)
    assert [entry.act for entry in AuditEntry.objects.all()] == ["audit.verified"]


def test_what_was_changed_is_found(api, agent, did):
    block_of(agent, did)
    AuditEntry.objects.filter(position=0).update(act="harmless")
    found = api.post(ADDRESS).json()
    assert found["agrees"] is False
    assert found["findings"] == ["Block 1 does not agree with its hash: an entry was changed, added or removed."]


def test_what_was_cut_off_is_found(api, agent, did):
    block_of(agent, did)
    last = block_of(agent, did)
    last.entries.all().delete()
    last.delete()
    (finding,) = api.post(ADDRESS).json()["findings"]
    assert finding.startswith("The archive knows blocks up to 2, the database ends with 1")


def test_another_companys_faults_are_not_told(api, agent, stranger, did):
    block_of(stranger, did)
    block_of(agent, did)
    AuditEntry.objects.filter(tenant=stranger.tenant_id, position=0).update(act="harmless")
    archive.write(sealing.ANCHOR.format(chain=stranger.tenant_id, number=9), b"{}")
    found = api.post(ADDRESS).json()
    assert (found["agrees"], found["blocks"]) == (True, 1)


def test_a_long_chain_is_verified_by_a_task_in_parts(api, agent, did, sent, monkeypatch):
    monkeypatch.setattr(verifying, "MOST_BLOCKS_AT_ONCE", 2)
    # Each part looks at one block, and then its time is up.
    monkeypatch.setattr(verifying, "PART_SECONDS", 0.0)
    for _ in range(4):
        block_of(agent, did)
    answer = api.post(ADDRESS)
    assert (answer.status_code, answer.json()["state"], answer.json()["of_blocks"]) == (202, "running", 4)
    parts = 0
    while sent:
        verifying.go_on(*sent.pop(0))
        parts += 1
    found = api.get(ADDRESS).json()
    assert (found["state"], found["agrees"], found["blocks"], found["entries"]) == ("done", True, 4, 8)
    assert parts == 5, "one for each block, and one that finds the end"


def test_two_who_ask_at_once_have_one_verification(api, agent, did, sent, monkeypatch):
    monkeypatch.setattr(verifying, "MOST_BLOCKS_AT_ONCE", 0)
    block_of(agent, did)
    assert [api.post(ADDRESS).status_code for _ in range(2)] == [202, 202]
    assert len(sent) == 1


def test_a_part_that_comes_twice_or_late_changes_nothing(api, agent, did, sent, monkeypatch):
    monkeypatch.setattr(verifying, "MOST_BLOCKS_AT_ONCE", 0)
    block_of(agent, did)
    api.post(ADDRESS)
    message = list(sent[0])
    sent.do_all()
    verifying.go_on(*message)
    verifying.go_on(agent.tenant_id, "another")
    assert api.get(ADDRESS).json()["blocks"] == 1


def test_one_that_is_not_heard_of_any_more_is_given_up_and_can_begin_anew(api, agent, did, sent, monkeypatch):
    monkeypatch.setattr(verifying, "MOST_BLOCKS_AT_ONCE", 0)
    block_of(agent, did)
    api.post(ADDRESS)
    later = timezone.now() + verifying.GIVEN_UP + timedelta(seconds=1)
    with monkeypatch.context() as then:
        then.setattr(verifying.timezone, "now", lambda: later)
        assert api.get(ADDRESS).json()["state"] == "given_up"
        assert api.post(ADDRESS).status_code == 202
    assert len(sent) == 2


def test_while_the_archive_is_away_nothing_is_claimed(api, agent, did, archive_away):
    did(agent)
    AuditBlock.objects.create(
        tenant=agent.tenant, number=1, entry_count=0, sealed_at=timezone.now(), previous_hash="", hash=""
    )
    assert api.post(ADDRESS).status_code == 503
    assert api.get(ADDRESS).json()["state"] == "none"
