"""Taking turns at the archive: what happens when a turn is long, or is lost while the store is at work."""

import threading

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from metrics import archive
from metrics.errors import ArchiveUnavailable
from tests.object_store import VersionedStore, in_place_of_the_archive
from tests.waiting import wait_until

# Other databases of the server have turns of their own.
TURNS = (
    "FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
pytestmark = pytest.mark.usefixtures("transactional_db")


class WatchedStore(VersionedStore):
    """Calls `meanwhile(method, name)` before it answers."""

    def parse_request(self):
        parsed = super().parse_request()
        if parsed:
            self.meanwhile(self.command, self._name)
        return parsed


@pytest.fixture
def store(settings):
    nothing = staticmethod(lambda method, name: None)
    store = type("Store", (WatchedStore,), {"kept": [], "meanwhile": nothing})
    with in_place_of_the_archive(settings, store):
        yield store


@pytest.fixture
def lose_turn(store):
    """Has the connection that holds the turn end before the store answers the method."""

    def lose(lost_at):
        is_lost = []
        one_at_a_time = threading.Lock()

        def meanwhile(method, name):
            with one_at_a_time:
                if method == lost_at and not is_lost:
                    is_lost.extend(ask(f"SELECT pg_terminate_backend(pid, 10000) {TURNS}"))

        store.meanwhile = staticmethod(meanwhile)

    return lose


def ask(question):
    with psycopg.connect(address_of_tests(), autocommit=True) as asking:
        return asking.execute(question).fetchall()


def address_of_tests(**more):
    parts = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    return make_conninfo(**{name: connection.settings_dict[ours] for name, ours in parts.items()}, **more)


@pytest.mark.parametrize("write", [archive.write_new, archive.replace], ids=["write_new", "replace"])
def test_who_loses_the_turn_before_writing_writes_nothing(store, lose_turn, write):
    lose_turn("GET")
    with pytest.raises(ArchiveUnavailable):
        write("turns/key", b"secret")
    assert store.kept == []


def test_who_loses_the_turn_while_writing_writes_no_more_than_was_under_way(store, lose_turn):
    lose_turn("PUT")
    with pytest.raises(ArchiveUnavailable):
        archive.write_first({f"turns/{number}": b"secret" for number in range(3 * archive.AT_ONCE)})
    assert len(store.kept) == archive.AT_ONCE


def test_who_loses_the_turn_with_the_last_write_is_told(store, lose_turn):
    lose_turn("PUT")
    with pytest.raises(ArchiveUnavailable):
        archive.write_new("turns/key", b"secret")


def test_who_loses_the_turn_while_erasing_can_erase_again(store, lose_turn):
    archive.write("turns/key", b"secret")
    lose_turn("DELETE")
    with pytest.raises(ArchiveUnavailable):
        archive.erase("turns/key")
    lose_turn(None)
    archive.erase("turns/key")
    assert store.kept == []


def test_a_turn_outlasts_the_time_that_an_idle_transaction_has(store, monkeypatch):
    limit = "-c idle_in_transaction_session_timeout=50"
    options = connection.settings_dict["OPTIONS"]
    # Without the pool, whose connections were made with the longer limit.
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {**options, "options": limit, "pool": False})

    def until_another_has_ended(method, name):
        """One that began to idle later, under the same limit."""
        other = psycopg.connect(address_of_tests(options=limit))
        [[backend]] = other.execute("SELECT pg_backend_pid()").fetchall()
        wait_until(lambda: not ask(f"SELECT FROM pg_stat_activity WHERE pid = {backend}"), what="its end")
        other.close()

    store.meanwhile = staticmethod(until_another_has_ended)
    archive.write_new("turns/key", b"secret")
    assert [content for _, _, content in store.kept] == [b"secret"]


def test_who_has_much_to_write_lets_others_in_between(store, monkeypatch):
    monkeypatch.setattr(archive, "MOST_IN_TURN", 2)

    def write_other():
        try:
            archive.write_new("turns/other", b"short")
        finally:
            connection.close()

    other = threading.Thread(target=write_other)

    def until_the_other_waits(method, name):
        if (method, name) == ("PUT", "turns/1"):
            other.start()
            wait_until(lambda: ask(f"SELECT {TURNS} AND NOT granted"))

    store.meanwhile = staticmethod(until_the_other_waits)
    archive.write_first({f"turns/{number}": b"much" for number in range(6)})
    other.join()
    written = [name for name, _, _ in reversed(store.kept)]
    assert {*written[:2]} == {"turns/0", "turns/1"}
    assert written[2] == "turns/other"
    assert len(written) == 7
