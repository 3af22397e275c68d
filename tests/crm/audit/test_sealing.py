"""Sealing, and what verification finds when somebody has been at the log since."""

import io
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from crm import tokens
from crm.audit import acts, sealing, verification
from crm.models import AuditBlock, AuditEntry, Token
from metrics import archive, keyring
from tests.builders import make_session, make_user
from tests.scale import scaled


@pytest.fixture(autouse=True)
def empty_archive(transactional_db):
    """Block numbers begin again with each test's empty database, and so must their anchors."""
    for name in list(archive.names("audit/")):
        archive.erase(name)


def did(actor, act="recording.listed", subject=""):
    acts.write(act, actor=actor, subject=subject, via="api")


def sealed_block(actor, entries=3):
    for _ in range(entries):
        did(actor)
    sealing.seal()
    return AuditBlock.objects.order_by("-pk").first()


def findings():
    return [finding.message for finding in verification.verify().findings]


def test_entries_become_a_block_and_their_names_pseudonyms(agent, session):
    did(agent, "recording.read", f"recording:{session.pk}")
    sealing.seal()
    entry = AuditEntry.objects.get()
    assert (entry.block.number, entry.position) == (1, 0)
    assert entry.actor == keyring.known_pseudonym(agent.tenant_id, f"user:{agent.pk}")
    assert str(session.pk) not in entry.subject
    assert entry.subject.startswith("recording:")
    assert findings() == []


def test_a_recording_is_named_under_the_key_of_whom_it_belongs_to(tenant, agent, session):
    did(make_user(tenant, "supervisor"), "recording.read", f"recording:{session.pk}")
    sealing.seal()
    under_owner = keyring.known_pseudonym(tenant.pk, f"user:{agent.pk}", f"recording:{session.pk}")
    assert AuditEntry.objects.get().subject == f"recording:{under_owner}"


def test_a_call_and_a_token_too(tenant, agent, session):
    supervisor = make_user(tenant, "supervisor")
    tokens.issue(agent, name="recorder")
    for subject in (f"call:{session.call_id}", f"token:{Token.objects.get().pk}"):
        did(supervisor, f"{subject.partition(':')[0]}.read", subject)
    sealing.seal()
    for entry, thing in zip(AuditEntry.objects.all(), ("call", "token"), strict=True):
        subject = f"call:{session.call_id}" if thing == "call" else f"token:{Token.objects.get().pk}"
        assert entry.subject == f"{thing}:{keyring.known_pseudonym(tenant.pk, f'user:{agent.pk}', subject)}"


def test_somebody_has_the_same_pseudonym_whether_they_act_or_are_acted_upon(tenant, agent):
    did(make_user(tenant, "admin"), "person.changed", f"person:{agent.pk}")
    did(agent)
    sealing.seal()
    changed, acted = AuditEntry.objects.all()
    assert changed.subject == f"person:{acted.actor}"


def test_destroying_a_key_makes_entries_anonymous_and_leaves_the_chain_whole(agent, session):
    did(agent, "recording.read", f"recording:{session.pk}")
    sealing.seal()
    keyring.destroy(agent.tenant_id, f"user:{agent.pk}")
    assert keyring.known_pseudonym(agent.tenant_id, f"user:{agent.pk}") is None
    assert findings() == []


def test_each_company_has_a_chain_of_its_own_and_the_site_too(agent, stranger, django_user_model):
    root = django_user_model.objects.create(username="root", is_superuser=True)
    for actor in (agent, stranger, root, agent):
        did(actor)
    sealing.seal()
    assert set(AuditBlock.objects.values_list("tenant_id", "number", "entry_count")) == {
        (agent.tenant_id, 1, 2),
        (stranger.tenant_id, 1, 1),
        (None, 1, 1),
    }
    assert findings() == []


def test_what_is_not_about_a_person_that_we_know_is_sealed_too(agent):
    for subject in ("recording:not-a-uuid", "call:gone", "token:999999999", "person:x", "row:audiosession/1", "x"):
        did(agent, "row.read", subject)
    acts.write("token.made", actor=None, subject="token:5", via="command", tenant_id=agent.tenant_id)
    assert sealing.seal() == 7
    assert findings() == []


def test_sealing_twice_is_as_once(agent):
    did(agent)
    assert (sealing.seal(), sealing.seal()) == (1, 0)
    assert AuditBlock.objects.count() == 1


def test_two_sealers_at_once_are_as_one(agent):
    count = scaled(20, 2000)
    for _ in range(count):
        did(agent)

    def seal(_):
        try:
            return sealing.seal()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(seal, range(4))) == count
    assert AuditEntry.objects.filter(block=None).count() == 0
    assert findings() == []


def test_more_than_a_block_holds_becomes_several(agent, monkeypatch):
    monkeypatch.setattr(sealing, "MOST_ENTRIES", 3)
    sealed_block(agent, entries=8)
    assert list(AuditBlock.objects.values_list("entry_count", flat=True)) == [3, 3, 2]
    assert findings() == []


@pytest.mark.parametrize(
    "tamper",
    [
        lambda: AuditEntry.objects.filter(block__number=2, position=1).update(act="recording.read"),
        lambda: AuditEntry.objects.filter(block__number=2, position=0).update(actor="0" * 32),
        lambda: AuditEntry.objects.filter(block__number=2, position=0).update(at=timezone.now()),
        lambda: AuditEntry.objects.filter(block__number=2, position=2).delete(),
        lambda: AuditEntry.objects.create(
            tenant_id=AuditBlock.objects.get(number=2).tenant_id,
            at=timezone.now(),
            act="x",
            block=AuditBlock.objects.get(number=2),
            position=3,
        ),
    ],
    ids=["act", "actor", "time", "removed", "added"],
)
def test_an_entry_that_was_tampered_with_is_found(agent, tamper):
    for _ in range(3):
        sealed_block(agent)
    tamper()
    assert findings() == ["Block 2 does not agree with its hash: an entry was changed, added or removed."]


@pytest.mark.parametrize("where", ["another company", "the site"])
def test_an_entry_that_was_moved_out_of_its_companys_sight_is_found(agent, stranger, where):
    for _ in range(3):
        sealed_block(agent)
    elsewhere = stranger.tenant_id if where == "another company" else None
    AuditEntry.objects.filter(block__number=2, position=1).update(tenant_id=elsewhere)
    assert findings() == ["Block 2 has an entry that was moved out of its company."]


def test_an_entry_of_the_site_that_was_moved_into_a_company_is_found(agent):
    acts.write("person.made", actor=None, subject="", via="command")
    sealing.seal()
    AuditEntry.objects.update(tenant_id=agent.tenant_id)
    assert findings() == ["Block 1 has an entry that was moved out of its company."]


def test_a_block_that_was_removed_is_found(agent):
    for _ in range(3):
        sealed_block(agent)
    AuditEntry.objects.filter(block__number=2).delete()
    AuditBlock.objects.filter(number=2).delete()
    assert findings() == ["Block 2 is missing."]


def test_a_chain_that_was_cut_off_at_its_end_is_found_by_its_anchors(agent):
    for _ in range(3):
        sealed_block(agent)
    AuditEntry.objects.filter(block__number__gte=2).delete()
    AuditBlock.objects.filter(number__gte=2).delete()
    [finding] = findings()
    assert finding.startswith("The archive knows blocks up to 3, the database ends with 1")


def test_a_chain_of_which_nothing_is_left_is_found_by_its_anchors(agent):
    sealed_block(agent)
    AuditEntry.objects.all().delete()
    AuditBlock.objects.all().delete()
    [finding] = findings()
    assert finding.startswith("The archive knows blocks up to 1, the database ends with 0")


def test_a_chain_that_was_made_anew_from_its_first_block_is_found_by_its_anchors(agent):
    for _ in range(2):
        sealed_block(agent)
    AuditEntry.objects.filter(block__number=1, position=0).update(act="harmless")
    previous = "0" * 64
    for block in AuditBlock.objects.all():
        block.previous_hash = previous
        block.hash = previous = sealing.block_hash(
            chain=str(block.tenant_id),
            number=block.number,
            sealed_at=block.sealed_at,
            previous=block.previous_hash,
            entries=[sealing.as_sealed(entry) for entry in block.entries.order_by("position")],
        )
        block.save()
    assert [finding.partition(":")[0] for finding in findings()] == [
        "Block 1 is not the one that the archive knows",
        "Block 2 is not the one that the archive knows",
    ]


def test_an_anchor_that_was_removed_is_found(agent):
    block = sealed_block(agent)
    archive.erase(sealing.anchor_of(block)[0])
    assert findings() == ["Block 1 has lost its anchor in the archive."]


@pytest.mark.parametrize("content", [b"junk", b"[]", b"\xff"])
def test_an_anchor_that_was_overwritten_is_found_whatever_it_says(agent, content):
    block = sealed_block(agent)
    archive.write(sealing.anchor_of(block)[0], content)
    archive.write("audit/no/anchor", b"of ours")
    assert [finding.partition(":")[0] for finding in findings()] == ["Block 1 is not the one that the archive knows"]


def test_the_command_says_in_a_sentence_that_the_archive_is_away(agent, archive_away):
    with pytest.raises(CommandError, match="Nothing can be said"):
        call_command("verify_audit")


def test_what_could_not_be_anchored_is_anchored_the_next_time(agent):
    block = sealed_block(agent)
    archive.erase(sealing.anchor_of(block)[0])
    AuditBlock.objects.update(anchored_at=None)
    assert findings() == [], "it never had one"
    sealing.seal()
    assert archive.exists(sealing.anchor_of(block)[0])
    block.refresh_from_db()
    assert block.anchored_at is not None


def sealed_while_the_archive_was_away(actor, blocks):
    """Blocks that have no anchor yet."""
    for _ in range(blocks):
        sealed_block(actor, entries=1)
    for block in AuditBlock.objects.all():
        archive.erase(sealing.anchor_of(block)[0])
    AuditBlock.objects.update(anchored_at=None)


def test_a_block_that_the_archive_knows_otherwise_keeps_no_other_from_its_anchor(agent, monkeypatch):
    monkeypatch.setattr(sealing, "MOST_ANCHORS", 2)
    sealed_while_the_archive_was_away(agent, 4)
    for block in AuditBlock.objects.filter(number__lte=2):
        archive.write(sealing.anchor_of(block)[0], b"{}")
    for _ in range(2):
        sealing.seal()
    assert list(AuditBlock.objects.unanchored().values_list("number", flat=True)) == [1, 2]
    sealed_block(agent)
    assert list(AuditBlock.objects.unanchored().values_list("number", flat=True)) == [1, 2]


@contextmanager
def four_at_once(operation):
    """The store answers this operation only when four of it have been asked."""
    together = threading.Barrier(4)

    def wait(**request):
        together.wait(timeout=20)

    events = archive._client(os.getpid()).meta.events
    events.register(f"before-send.s3.{operation}", wait)
    try:
        yield
    finally:
        events.unregister(f"before-send.s3.{operation}", wait)


def test_anchors_are_written_side_by_side(agent, django_assert_max_num_queries):
    sealed_while_the_archive_was_away(agent, 4)
    with four_at_once("PutObject"), django_assert_max_num_queries(3):
        sealing.seal()
    assert not AuditBlock.objects.unanchored().exists()


def test_anchors_are_read_side_by_side(agent):
    for _ in range(4):
        sealed_block(agent, entries=1)
    with four_at_once("GetObject"):
        assert findings() == []


def test_more_blocks_than_are_looked_at_together_are_all_looked_at(agent, monkeypatch):
    monkeypatch.setattr(verification, "ANCHORS_AT_ONCE", 2)
    for _ in range(5):
        sealed_block(agent, entries=1)
    archive.erase(sealing.anchor_of(AuditBlock.objects.get(number=5))[0])
    assert verification.verify().blocks == 5
    assert findings() == ["Block 5 has lost its anchor in the archive."]


def test_finding_what_waits_for_an_anchor_does_not_read_the_blocks_that_have_one(tenant):
    now = timezone.now()
    AuditBlock.objects.bulk_create(
        AuditBlock(tenant=tenant, number=number, entry_count=0, sealed_at=now, anchored_at=now)
        for number in range(1, 2001)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_auditblock")
    assert "audit_block_unanchored" in AuditBlock.objects.unanchored().order_by("-pk")[:10].explain()


def too_long_ago(settings):
    return timezone.now() - sealing.PATIENCE - timedelta(seconds=settings.EARSHOT_SEAL_SECONDS + 60)


def test_entries_that_nobody_seals_are_found_and_fail_the_command(agent, settings):
    for _ in range(3):
        did(agent)
    assert findings() == [], "they may wait for a moment"
    then = too_long_ago(settings)
    AuditEntry.objects.filter(pk__gt=AuditEntry.objects.first().pk).update(at=then)
    expected = f"2 entries have not been sealed since {then:%Y-%m-%d %H:%M} UTC, so nothing guards them yet."
    assert [(found.chain, found.message) for found in verification.verify().findings] == [
        (str(agent.tenant_id), expected)
    ]
    with pytest.raises(CommandError):
        call_command("verify_audit", stdout=io.StringIO())
    sealing.seal()
    assert findings() == []


def test_sealing_that_was_planned_less_often_may_take_longer(agent, settings):
    did(agent)
    AuditEntry.objects.update(at=too_long_ago(settings))
    settings.EARSHOT_SEAL_SECONDS += 3600
    assert findings() == []


def test_blocks_that_nobody_anchors_are_found(agent, settings, monkeypatch):
    then = too_long_ago(settings)
    with monkeypatch.context() as earlier:
        earlier.setattr(sealing.timezone, "now", lambda: then)
        sealed_while_the_archive_was_away(agent, 2)
    assert findings() == [f"2 blocks have had no anchor in the archive since {then:%Y-%m-%d %H:%M} UTC."]
    sealing.seal()
    assert findings() == []


def test_the_command_says_in_a_sentence_that_all_agrees(agent):
    sealed_block(agent)
    did(agent)
    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    assert said.getvalue().strip() == (
        "The audit log agrees with its seals: 1 chains, 1 blocks, 3 entries; 1 entries wait to be sealed."
    )


def test_the_command_fails_and_names_what_differs(agent):
    sealed_block(agent)
    AuditEntry.objects.filter(position=0).update(act="harmless")
    said = io.StringIO()
    with pytest.raises(CommandError, match="not sealed as it should be"):
        call_command("verify_audit", stdout=said)
    assert f"chain {agent.tenant_id}: Block 1 does not agree with its hash" in said.getvalue()


def test_sealing_many_entries_takes_few_queries(agent, django_assert_max_num_queries):
    sessions = [make_session(agent) for _ in range(3)]
    for _, session in zip(range(100), itertools.cycle(sessions), strict=False):
        did(agent, "recording.read", f"recording:{session.pk}")
    with django_assert_max_num_queries(25):
        sealing.seal()
