"""`clean_duplicate_calls`: several calls of one id become one, and nothing that was said is lost."""

import io
import os
import signal
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import orjson
import pytest
from bson import ObjectId
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audio.models import AudioSession
from calls import board, conversations, editing, opening, statuses, store
from calls import tasks as call_tasks
from calls.documents import Segment
from calls.models import IndexedCall
from calls.store.client import BUCKETS, CALLS, calls, collection
from crm.models import AuditEntry
from metrics import gauges
from tests.builders import make_session
from tests.calls.indexed import index
from tests.calls.old_rows import old_installation, row, write_rows
from tests.running import ROOT
from tests.waiting import wait_until

UNIQUE = ("tenant_call_id", "tenant_number")


@pytest.fixture(autouse=True)
def without_unique_indexes():
    """As in an installation that had none; whatever a test leaves behind goes."""
    for name in (CALLS, BUCKETS):
        collection(name).delete_many({})
    for name in UNIQUE:
        calls().drop_index(name)
    yield
    calls().delete_many({})
    store.create()
    board.reconcile()


def clean(*arguments):
    """What the command says, and the error that it ends with, if any."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", told)
        patch.setenv("COLUMNS", "200")
        try:
            call_command("clean_duplicate_calls", *arguments)
        except CommandError as error:
            return told.getvalue(), str(error)
    return told.getvalue(), None


def said(*texts, mark):
    """What an agent says, two seconds apart."""
    return [
        Segment(
            segment_id=f"{mark}-{position}",
            speaker="agent",
            text=text,
            start_time=position * 2.0,
            end_time=position * 2.0 + 1.5,
            confidence=0.9,
        )
        for position, text in enumerate(texts)
    ]


def make_call(user, call_id, *texts, **details):
    made, _ = opening.create_call(user, {"call_id": call_id, **details}, said(*texts, mark=call_id))
    return calls().find_one({"tenant_id": user.tenant_id, "id": made["id"]})


def make_twin(call, *texts, **values):
    """Another call like it, that says something else; written past us, as it once may have been."""
    twin = {**call, "_id": ObjectId(), **values}
    if texts:
        twin["conversation"] = said(*texts, mark=f"twin-{len(texts)}")
    calls().insert_one(twin)
    board.reconcile()
    return twin


def of_company(tenant):
    return list(calls().find({"tenant_id": tenant.pk}).sort("id"))


def texts_of(call):
    return [segment["text"] for segment in call["conversation"]]


def are_unique():
    return all(calls().index_information().get(name, {}).get("unique") for name in UNIQUE)


@pytest.mark.parametrize("modes", [[], ["--analyze-only", "--execute"], ["--dry-run", "--execute"]])
def test_exactly_one_mode_is_demanded(db, modes):
    assert clean(*modes)[1]


def test_the_longest_stays_with_what_the_others_say_beside(supervisor, tenant, tmp_path):
    status = str(statuses.create(tenant.pk, {"name": "New"}).pk)
    short = make_call(supervisor, "twice", "Hello", "Goodbye", status_id=status)
    long = make_twin(short, "Hello", "Who is it?", "Goodbye")
    answer, failed = clean("--analyze-only")
    assert failed is None
    assert "1 groups of calls that are one, 1 calls too many" in answer
    report = tmp_path / "report.json"
    answer, failed = clean("--tenant_id", str(tenant.pk), "--dry-run", "--report", str(report))
    assert failed is None
    assert "Nothing was changed." in answer
    assert len(of_company(tenant)) == 2
    [told] = orjson.loads(report.read_bytes())["groups"]
    assert (told["kept"]["segments"], told["removed"][0]["segments"], told["merged"]["segments"]) == (3, 2, 1)

    answer, failed = clean("--execute", "--report", str(report))
    assert failed is None
    [kept] = of_company(tenant)
    assert kept["_id"] == long["_id"]
    # "Hello" is said by the same at the same time in both; "Goodbye" at another.
    assert texts_of(kept) == ["Hello", "Goodbye", "Who is it?", "Goodbye"]
    assert board.counts(tenant.pk) == {status: 1}
    assert not board.reconcile()
    assert are_unique()
    assert "tenant_number" in answer
    assert orjson.loads(report.read_bytes())["groups"][0]["state"] == "merged"
    assert AuditEntry.objects.filter(act="call.duplicates_merged", tenant_id=tenant.pk).count() == 1
    assert clean("--execute")[1] is None


def test_of_equally_long_ones_the_newest_stays(supervisor, tenant):
    old = make_call(supervisor, "twice", "Hello")
    new = make_twin(old, start_time=old["start_time"] + timedelta(hours=1))
    make_twin(old, start_time=old["start_time"] - timedelta(hours=1))
    clean("--execute")
    assert [call["_id"] for call in of_company(tenant)] == [new["_id"]]


def test_calls_are_one_over_a_number_and_a_call_id_but_never_across_companies(supervisor, stranger, tenant):
    first = make_call(supervisor, "a", "One")
    second = make_call(supervisor, "b", "Two")
    make_twin(second, "Three", id=first["id"])
    elsewhere = make_twin(first, tenant_id=stranger.tenant_id)
    _, failed = clean("--execute")
    assert failed is None
    [kept] = of_company(tenant)
    assert sorted(texts_of(kept)) == ["One", "Three", "Two"]
    assert [call["_id"] for call in of_company(stranger.tenant)] == [elsewhere["_id"]]
    history = conversations.read_call(supervisor, kept["call_id"])["history"]
    assert sum(line["act"] == "merged" for line in history) == 2


def test_what_people_wrote_on_any_of_them_is_kept_and_search_looks_again(supervisor, tenant):
    noted = make_call(supervisor, "noted", "Hello", "Where is my parcel?")
    editing.note(supervisor, "noted", "Call back on Monday")
    editing.correct(supervisor, "noted", noted["conversation"][0]["segment_id"], text="Good morning")
    index()
    longer = make_call(supervisor, "longer", "a", "b", "c")
    calls().update_one({"_id": longer["_id"]}, {"$set": {"id": noted["id"]}})
    clean("--execute")
    call = conversations.read_call(supervisor, "longer")
    assert [note["text"] for note in call["notes"]] == ["Call back on Monday"]
    assert "Good morning" in texts_of(call)
    assert {"noted", "text_corrected", "merged"} <= {line["act"] for line in call["history"]}
    index()
    assert list(IndexedCall.objects.of(tenant.pk).values_list("call_id", flat=True)) == ["longer"]


def test_what_is_long_is_merged_through_its_buckets(supervisor, tenant, settings):
    settings.EARSHOT_BUCKET_SEGMENTS = 10
    words = [f"word {number}" for number in range(40)]
    long = make_call(supervisor, "long", *words)
    assert "spilled" in long
    make_twin({name: value for name, value in long.items() if name != "spilled"}, "What?", *words[:5])
    _, failed = clean("--execute")
    assert failed is None
    whole = texts_of(conversations.read_call(supervisor, "long"))
    assert sorted(whole) == sorted(["What?", *words, *words[:5]])
    outside = collection(BUCKETS).find({"tenant_id": tenant.pk, "call_id": "long"})
    assert 0 < sum(len(bucket["conversation"]) for bucket in outside) < len(whole)


def test_a_recording_stays_with_its_call(agent, tenant):
    first, second = make_session(agent), make_session(agent)
    calls().update_many({"tenant_id": tenant.pk}, {"$set": {"id": 77}})
    answer, failed = clean("--execute")
    assert failed is None
    assert "its number now" in answer
    assert {call["call_id"] for call in of_company(tenant)} == {first.call_id, second.call_id}
    assert len({call["id"] for call in of_company(tenant)}) == 2


def test_a_call_that_stays_takes_over_the_recording_of_one_that_goes(agent, tenant):
    session = make_session(agent)
    recorded = calls().find_one({"tenant_id": tenant.pk})
    make_twin(recorded, "Hello", call_id="typed", session_id=None)
    clean("--execute")
    [kept] = of_company(tenant)
    assert (kept["call_id"], kept["session_id"]) == ("typed", str(session.pk))
    assert AudioSession.objects.get(pk=session.pk).call_id == "typed"


def test_a_call_whose_older_segments_have_not_been_moved_is_left(supervisor, tenant):
    first = make_call(supervisor, "stays", "One", "Two")
    make_twin(first, "Three", call_id="goes")
    with old_installation():
        write_rows("agent", row("goes", "Long ago"))
        _, failed = clean("--execute")
        assert "duplicates" in failed
        assert len(of_company(tenant)) == 2


def test_other_companies_duplicates_are_told_when_one_alone_is_cleaned(supervisor, stranger, tenant):
    make_twin(make_call(supervisor, "ours", "One"), "Two", "Three")
    make_twin(make_call(stranger, "theirs", "One"), "Two", "Three")
    _, failed = clean("--tenant-id", str(tenant.pk), "--execute")
    assert "in other companies" in failed
    assert len(of_company(tenant)) == 1
    assert len(of_company(stranger.tenant)) == 2
    assert "There is no company 987654" in clean("--tenant-id", "987654", "--dry-run")[1]


def test_the_nightly_look_counts_and_changes_nothing(supervisor, tenant, caplog):
    make_twin(make_call(supervisor, "twice", "One"), "Two", "Three")
    call_tasks.find_duplicate_calls()
    [told] = [gauge for gauge in gauges.all_told() if gauge.name == "calls.duplicate_groups"]
    assert told.value == 1
    assert any("duplicate_calls" in record.getMessage() for record in caplog.records)
    assert len(of_company(tenant)) == 2


def test_killed_in_the_middle_nothing_is_lost_and_the_rest_is_done_later(supervisor, tenant):
    """It comes no further than the second transaction: somebody else holds a row of the index of search."""
    pairs = 22
    for number in range(pairs):
        one = make_call(supervisor, f"pair-{number}", "Hello")
        calls().insert_one({**one, "_id": ObjectId(), "conversation": said("Yes", "No", mark="twin")})
    board.reconcile()
    last = of_company(tenant)[-1]["call_id"]
    with transaction.atomic():
        IndexedCall.objects.of(tenant.pk).select_for_update().get(call_id=last)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "clean_duplicate_calls", "--execute"],
            cwd=ROOT,
            env={**os.environ, "EARSHOT_DATABASE_URL": address_of_the_database()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: len(of_company(tenant)) <= 2 * pairs - 20, what="the first calls to be merged")
        process.send_signal(signal.SIGKILL)
        process.wait()
    # PostgreSQL takes a moment to see that whoever held the lock is dead; MongoDB waits a while for the transaction
    # that was left to go on.
    wait_until(lambda: clean("--execute")[1] is None, timeout=180, what="the rest to be done")
    there = of_company(tenant)
    assert [call["call_id"] for call in there] == [f"pair-{number}" for number in range(pairs)]
    assert all(sorted(texts_of(call)) == ["Hello", "No", "Yes"] for call in there)
    assert board.counts(tenant.pk) == {None: pairs}
    assert not board.reconcile()
    assert are_unique()


def address_of_the_database():
    database = urlsplit(os.environ["EARSHOT_DATABASE_URL"])
    return urlunsplit(database._replace(path=f"/{connection.settings_dict['NAME']}"))
