"""`create_call_indexes`: what is missing is made, and the real queries are seen to use it."""

import io

import pytest
from django.core.management import CommandError, call_command

from calls import opening, store
from calls.store.client import BUCKETS, CALLS, COUNTERS, calls


@pytest.fixture
def some_calls(supervisor):
    return [opening.create_call(supervisor, {"subject": f"Call {number}"})[0] for number in range(3)]


@pytest.fixture
def all_there():
    """Whatever a test takes away is there again afterwards."""
    yield
    store.create()


def create_call_indexes(*arguments):
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", said)
        patch.setenv("COLUMNS", "80")
        call_command("create_call_indexes", *arguments)
    return said.getvalue()


def standing(name):
    return next(index.standing for index in store.indexes() if index.name == name)


def test_what_is_missing_is_made_and_what_is_there_stays(some_calls, all_there):
    calls().drop_index("tenant_status")
    assert "1 would be made. Nothing was changed." in create_call_indexes("--dry-run")
    assert standing("tenant_status") == "missing"
    said = create_call_indexes()
    assert [line for line in said.splitlines() if "made" in line and "tenant_status " in line]
    assert "Every query goes along an index" in said
    assert "made" not in create_call_indexes()
    assert store.check() == []


def test_an_index_of_our_name_that_is_another_gives_way(some_calls, all_there):
    calls().drop_index("tenant_number")
    calls().create_index([("tenant_id", 1), ("id", 1)], name="tenant_number")
    assert standing("tenant_number") == "different"
    create_call_indexes()
    assert calls().index_information()["tenant_number"]["unique"]


def test_what_older_programs_made_is_dropped_once_another_is_in_its_place(some_calls, all_there):
    old = [("tenant_id", 1), ("user_id", 1), ("start_time", -1), ("id", -1)]
    calls().create_index(old, name="tenant_user_newest")
    calls().drop_index("tenant_user_calls")
    assert "tenant_user_newest would be dropped" in create_call_indexes("--dry-run")
    assert store.drop_superseded() == []
    assert "tenant_user_newest is dropped: tenant_user_calls is in its place" in create_call_indexes()
    assert store.superseded() == []
    calls().create_index(old, name="tenant_user_newest")
    store.create()
    assert store.superseded() == []


def test_duplicates_in_the_way_are_told_with_the_command_that_cleans_them(some_calls, all_there):
    calls().drop_index("tenant_number")
    calls().drop_index("tenant_owner_calls")
    twin = {**calls().find_one({"call_id": some_calls[0]["call_id"]}, {"_id": False}), "call_id": "twin"}
    calls().insert_one(twin)
    try:
        with pytest.raises(CommandError, match="clean_duplicate_calls"):
            create_call_indexes()
        assert standing("tenant_owner_calls") == "there"
        assert standing("tenant_number") == "missing"
    finally:
        calls().delete_one({"call_id": "twin"})


def test_a_query_that_goes_along_no_index_is_an_error(some_calls, all_there, monkeypatch):
    calls().drop_indexes()
    monkeypatch.setattr(store, "indexes", list)
    with pytest.raises(CommandError, match="all calls, newest first: read from end to end"):
        create_call_indexes()


def test_an_installation_with_nothing_in_it_gets_all(all_there):
    for name in (CALLS, BUCKETS, COUNTERS):
        calls().database.drop_collection(name)
    create_call_indexes()
    assert store.check() == []
