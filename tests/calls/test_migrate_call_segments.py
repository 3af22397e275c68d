"""`migrate_call_segments`: what older collections hold comes into the calls, all of it and once."""

import io
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from calls import conversations, editing, forgotten, migration, opening
from calls.migration import Outcome
from calls.models import IndexedCall
from calls.store import client, legacy
from crm.management.commands import migrate_call_segments
from crm.models import AuditEntry
from metrics import locks, person_keys
from tests.calls.old_rows import call_of, old_installation, open_call, row, there, write_rows
from tests.running import ROOT
from tests.scale import scaled
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def old_collections(transactional_db):
    with old_installation():
        yield


def migrate(*arguments):
    """What the command says, and the error that it ends with, if any."""
    with pytest.MonkeyPatch.context() as patch:
        said = patch_output(patch)
        try:
            call_command("migrate_call_segments", *arguments)
        except CommandError as error:
            return said.getvalue(), str(error)
    return said.getvalue(), None


def patch_output(patch):
    said = io.StringIO()
    patch.setattr("sys.stdout", said)
    patch.setenv("COLUMNS", "140")
    return said


def texts(user, call_id):
    return [segment["text"] for segment in conversations.read_call(user, call_id)["conversation"]]


def counts(report):
    return {outcome: count for outcome, count in report.rows.items() if count}


def test_rows_come_into_their_calls_in_order_of_time(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "three", 2, 3), row(call_id, "one", "0", "1"))
    write_rows("client", row(call_id, "two", 1, 2))
    said, failed = migrate()
    assert failed is None
    assert "Moved" in said
    call = call_of(agent, call_id)
    assert [(one["speaker"], one["text"]) for one in call["conversation"]] == [
        ("agent", "one"),
        ("client", "two"),
        ("agent", "three"),
    ]
    assert (call["migrated"], call["duration"], call["version"]) == (True, 3, 1)
    assert there("call_segments_agent") == 2
    assert list(AuditEntry.objects.values_list("act", "via")) == [("call.segments_migrated", "command")]


def test_a_read_before_tells_the_same_as_one_after(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 1, 2, segment_id="7"), row(call_id, "no", 1, 2))
    write_rows("client", row(call_id, "maybe", 1), row(call_id, "later", "00:01:00", confidence=80))
    before = conversations.read_call(agent, call_id)
    migrate()
    after = conversations.read_call(agent, call_id)
    assert after["conversation"] == before["conversation"]
    assert after["duration"] == before["duration"] == 60


def test_a_correction_made_before_holds_after(agent):
    call_id = open_call(agent)
    write_rows("client", row(call_id, "I one a refund.", 0, 1))
    (segment,) = conversations.read_call(agent, call_id)["conversation"]
    editing.correct(agent, call_id, segment["segment_id"], text="I want a refund.")
    migrate("--drop")
    assert texts(agent, call_id) == ["I want a refund."]


def test_what_is_moved_is_masked_and_found_again_so(agent):
    call_id = open_call(agent)
    write_rows("client", row(call_id, "My card is 4111 1111 1111", 0, 1), row(call_id, "1111, thanks.", 1, 2))
    migrate()
    assert not any("1111" in one["text"] for one in call_of(agent, call_id)["conversation"])
    assert counts(migration.run(write=False)) == {Outcome.THERE: 2}
    _, failed = migrate("--drop")
    assert failed is None


def test_what_is_moved_is_to_be_searched_anew(agent):
    call_id = open_call(agent)
    IndexedCall.objects.filter(tenant=agent.tenant).delete()
    write_rows("client", row(call_id, "I want a refund.", 0, 1))
    migrate("--dry-run")
    assert not IndexedCall.objects.filter(tenant=agent.tenant).exists()
    migrate()
    assert IndexedCall.objects.get(tenant=agent.tenant, call_id=call_id).stale_since


def test_twice_is_once(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 0, 1), row(call_id, "no", 1, 2))
    migrate()
    before = call_of(agent, call_id)
    again = migration.run(write=True)
    assert counts(again) == {Outcome.THERE: 2}
    assert call_of(agent, call_id) == before


def test_every_row_has_one_outcome(agent, stranger):
    call_id, gone = open_call(agent), open_call(agent)
    editing.delete(agent, gone)
    write_rows(
        "agent",
        row(call_id, "yes", 0, 1),
        row(call_id, "yes", "0.0", "1"),
        row(call_id, "", 0, 1),
        row(call_id, "backwards", 2, 1),
        row(call_id, "never", float("nan"), 1),
        row(gone, "deleted", 0, 1),
        row(None, "of nothing", 0, 1),
        row(4.5, "of half a call", 0, 1),
        row(call_id, "not theirs", 0, 1, tenant_id=stranger.tenant_id),
        {"call_id": call_id, "segments": [{"text": "listed", "start_time": 3}, {"text": "listed", "start_time": 3}]},
    )
    write_rows("client", row("nowhere", "hello?", 0, 1), row("nowhere", "anybody?", 1, 2))
    report = migration.run(write=True)
    assert counts(report) == {
        Outcome.MOVED: 2,
        Outcome.DUPLICATE: 2,
        Outcome.BAD: 5,
        Outcome.ORPHAN: 4,
    }
    assert report.documents == 12
    assert report.rows.total() == 13
    assert any("nowhere" in name for name in report.named[Outcome.ORPHAN])
    assert any("ends before" in name for name in report.named[Outcome.BAD])
    assert texts(agent, call_id) == ["yes", "listed"]


def test_a_dry_run_says_the_same_and_changes_nothing(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 0, 1), row("nowhere", "hello?", 0, 1))
    before = call_of(agent, call_id)
    said, failed = migrate("--dry-run")
    assert failed is None
    assert "to be moved" in said
    assert "nowhere" in said
    assert "no index on call_id; it would be made" in said
    assert "Nothing was changed." in said
    assert call_of(agent, call_id) == before
    assert legacy.missing_indexes() == ["call_segments_agent"]
    assert not AuditEntry.objects.exists()


def test_an_index_is_made_first_and_said_so(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 0, 1))
    said, _ = migrate()
    assert "call_segments_agent had no index on call_id; it has one now." in said
    assert legacy.missing_indexes() == []
    said, _ = migrate()
    assert "had no index" not in said


def test_there_may_be_nothing_to_move(agent):
    said, failed = migrate()
    assert (failed, "no older collections" in said) == (None, True)


def test_what_was_verified_is_dropped(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 0, 1))
    write_rows("client", row(call_id, "no", 1, 2))
    said, failed = migrate("--drop")
    assert failed is None
    assert "Saved:" in said
    assert not legacy.is_there()
    assert texts(agent, call_id) == ["yes", "no"]
    assert "call.old_segments_dropped" in AuditEntry.objects.values_list("act", flat=True)


@pytest.mark.parametrize(
    ("wrong", "told", "option"),
    [({"call_id": "nowhere"}, "nowhere", "--drop-orphans"), ({"text": ""}, "It has no text.", "--drop-bad")],
)
def test_what_is_in_no_call_keeps_all_from_being_dropped(agent, wrong, told, option):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 0, 1), {**row(call_id, "no", 1, 2), **wrong})
    _, failed = migrate("--drop")
    assert "nothing was dropped" in failed
    assert told in failed
    assert option in failed
    assert there("call_segments_agent") == 2
    _, failed = migrate("--drop", option)
    assert failed is None
    assert not legacy.is_there()


def test_words_that_were_changed_in_the_call_are_told_before_anything_is_dropped(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 0, 1))
    migrate()
    client.calls().update_one({"call_id": call_id}, {"$set": {"conversation.0.text": "no"}})
    _, failed = migrate("--drop")
    assert "1 changed since" in failed
    assert call_id in failed
    assert there("call_segments_agent") == 1
    _, failed = migrate("--drop", "--drop-changed")
    assert (failed, texts(agent, call_id)) == (None, ["no"])


def test_verification_names_what_a_call_has_lost(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "yes", 0, 1), row(call_id, "no", 1, 2, segment_id="lost"))
    migrate()
    client.calls().update_one({"call_id": call_id}, {"$pull": {"conversation": {"text": "no"}}})
    with pytest.raises(migration.RowsMissing) as refused:
        migration.verify_and_drop()
    assert refused.value.report.named[Outcome.MOVED] == [f"agent-lost of call {call_id} of company {agent.tenant_id}"]
    assert there("call_segments_agent") == 2


def test_the_words_of_one_company_are_moved_alone(agent, stranger):
    ours, theirs = open_call(agent), open_call(stranger)
    write_rows(
        "agent",
        row(ours, "ours", 0, 1, tenant_id=agent.tenant_id),
        row(theirs, "theirs", 0, 1, tenant_id=stranger.tenant_id),
    )
    _, failed = migrate("--tenant-id", str(agent.tenant_id), "--drop")
    assert "1 of other companies" in failed
    assert call_of(agent, ours)["conversation"]
    assert not call_of(stranger, theirs)["conversation"]
    _, failed = migrate("--drop")
    assert failed is None


def test_rows_without_a_company_are_those_of_the_one_that_is_named(agent, stranger):
    call_id = open_call(agent)
    open_call(stranger, call_id)
    write_rows("agent", row(call_id, "whose?", 0, 1))
    said, _ = migrate()
    assert "several companies have one" in said
    migrate("--tenant-id", str(agent.tenant_id))
    assert texts(agent, call_id) == ["whose?"]
    assert texts(stranger, call_id) == []


def test_words_of_somebody_erased_are_not_moved_and_do_not_keep_the_rest(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "mine", 0, 1))
    write_rows("client", row(call_id, "theirs", 1, 2))
    forgotten.forget(agent.tenant_id, person_keys.of_user(agent.pk))
    _, failed = migrate("--drop")
    assert failed is None
    assert [one["text"] for one in call_of(agent, call_id)["conversation"]] == ["theirs"]


def test_a_long_call_is_moved_whole(agent):
    call_id = open_call(agent)
    many = [row(call_id, f"word {second}", second, second + 1) for second in range(scaled(1000, 20_000))]
    write_rows("agent", *reversed(many))
    _, failed = migrate("--drop")
    assert failed is None
    assert texts(agent, call_id) == [one["text"] for one in many]
    assert "spilled" in call_of(agent, call_id)


def test_a_call_that_cannot_be_written_to_does_not_keep_the_others_from_it(agent):
    call_id, malformed = open_call(agent), f"malformed-{agent.pk}"
    client.calls().insert_one(
        {"tenant_id": agent.tenant_id, "call_id": malformed, "id": -agent.pk, "deleted": 0},
        bypass_document_validation=True,
    )
    write_rows("agent", row(call_id, "yes", 0, 1), row(malformed, "no", 0, 1))
    report = migration.run(write=True)
    client.calls().delete_one({"call_id": malformed})
    assert counts(report) == {Outcome.MOVED: 1, Outcome.BAD: 1}
    assert malformed in report.named[Outcome.BAD][0]
    assert texts(agent, call_id) == ["yes"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--dry-run", "--drop"], "--dry-run changes nothing"),
        (["--drop-orphans"], "needs --drop"),
        (["--batch", "0"], "--batch"),
        (["--tenant-id", "999999999"], "no company"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, why):
    _, failed = migrate(*arguments)
    assert why in failed


def test_help_has_an_example():
    assert "Examples: manage.py migrate_call_segments" in migrate_call_segments.Command.help


def test_half_a_call_that_was_moved_is_read_whole_and_ends_whole(agent):
    call_id = open_call(agent)
    rows = [row(call_id, f"word {second}", second, second + 1) for second in range(6)]
    write_rows("agent", *rows[:3])
    migrate()
    client.calls().update_one({"call_id": call_id}, {"$unset": {"migrated": True}})
    write_rows("agent", *rows[3:])
    expected = [one["text"] for one in rows]
    assert texts(agent, call_id) == expected
    assert counts(migration.run(write=True)) == {Outcome.MOVED: 3, Outcome.THERE: 3}
    assert [one["text"] for one in call_of(agent, call_id)["conversation"]] == expected


# Twice as many, with all their rows, are still one batch.
CALLS = scaled(60, 800)
PER_SIDE = 5


def test_killed_in_the_middle_it_goes_on_and_nothing_is_lost_or_doubled(agent, stranger):
    """The later company's turn does not come, because somebody is being erased there."""
    first, second = sorted((agent, stranger), key=lambda user: user.tenant_id)
    ids = {user: [f"killed-{user.pk}-{number}" for number in range(CALLS)] for user in (first, second)}
    for user, call_ids in ids.items():
        opening.insert_calls([new_call(user, call_id) for call_id in call_ids])
        for side in ("agent", "client"):
            write_rows(side, *(one for call_id in call_ids for one in said_in(call_id, side)))
    with transaction.atomic(), being_erased_from(second.tenant_id), running() as process:
        wait_until(lambda: migrated(first) == CALLS, what="one company's calls to be moved")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert migrated(second) == 0
    _, failed = migrate("--drop")
    assert failed is None, failed
    for user, call_ids in ids.items():
        for call_id in call_ids:
            said = call_of(user, call_id)["conversation"]
            expected = [*said_in(call_id, "agent"), *said_in(call_id, "client")]
            assert sorted(one["text"] for one in said) == sorted(one["text"] for one in expected)
            assert [one["start_time"] for one in said] == sorted(one["start_time"] for one in expected)


def new_call(user, call_id):
    return opening.NewCall(
        tenant_id=user.tenant_id,
        call_id=call_id,
        user_id=user.pk,
        platform="old",
        external_user_id=None,
        start_time=datetime.now(UTC),
        type="call",
        summary="",
        metadata={},
        segments=[],
        duration=0.0,
    )


def said_in(call_id, side):
    return [row(call_id, f"{side} {second}", second, second + 0.5) for second in range(PER_SIDE)]


def migrated(user):
    return client.calls().count_documents({"tenant_id": user.tenant_id, "migrated": True})


@contextmanager
def being_erased_from(tenant_id):
    """Until the transaction ends, nothing is written about anybody of the company."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [locks.number_of(f"forgotten/calls/{tenant_id}")])
    yield


def running():
    """The command in a process of its own, on this test's databases."""
    database = urlsplit(os.environ["EARSHOT_DATABASE_URL"])
    address = urlunsplit(database._replace(path=f"/{connection.settings_dict['NAME']}"))
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate_call_segments", "--batch", str(2 * CALLS)],
        cwd=ROOT,
        env={**os.environ, "EARSHOT_DATABASE_URL": address},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
