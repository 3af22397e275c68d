"""Which erasures a database has seen through."""

from calls.erasing import obeyed
from calls.store.client import collection
from calls.store.obeyed import OBEYED


def test_what_was_marked_is_known_and_twice_is_the_same_as_once(transactional_db):
    collection(OBEYED).drop()
    assert obeyed.marked() == set()
    obeyed.mark(["ledger/1/a", "ledger/2/b"])
    obeyed.mark({"ledger/1/a"})
    obeyed.mark([])
    assert obeyed.marked() == {"ledger/1/a", "ledger/2/b"}


def test_a_database_from_before_does_not_know_what_came_after(transactional_db):
    collection(OBEYED).drop()
    obeyed.mark(["ledger/1/a"])
    dump = list(collection(OBEYED).find({}))
    obeyed.mark(["ledger/1/b"])
    collection(OBEYED).drop()
    collection(OBEYED).insert_many(dump)
    assert obeyed.marked() == {"ledger/1/a"}
