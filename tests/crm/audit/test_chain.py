from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from crm.audit.chain import GENESIS, SealedEntry, block_hash

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
words = st.text(max_size=20)
entries = st.builds(
    SealedEntry, at=st.datetimes(timezones=st.just(UTC)), act=words, via=words, actor=words, subject=words
)


def hash_of(sealed, **changed):
    facts = {"chain": "7", "number": 1, "sealed_at": AT, "previous": GENESIS, **changed}
    return block_hash(entries=sealed, **facts)


def test_the_hash_is_of_the_bytes_that_the_docstring_says():
    entry = SealedEntry(at=AT, act="call.read", via="api", actor="a", subject="call:b")
    assert hash_of([entry]) == "eaa36348b89668aec49cf081bcce3b205fd8578a910c7d6230dd0e4a0fbc46c0"


@given(st.lists(entries, max_size=5), st.lists(entries, max_size=5))
def test_other_entries_or_another_order_have_another_hash(one, other):
    assert (hash_of(one) == hash_of(other)) == (one == other)


@given(st.lists(entries, max_size=3))
def test_each_fact_of_the_block_is_in_the_hash(sealed):
    hashes = {
        hash_of(sealed),
        hash_of(sealed, chain="site"),
        hash_of(sealed, number=2),
        hash_of(sealed, sealed_at=AT + timedelta(microseconds=1)),
        hash_of(sealed, previous="1" * 64),
    }
    assert len(hashes) == 5


def test_a_time_is_the_same_in_every_zone():
    abroad = AT.astimezone(timezone(timedelta(hours=5)))
    assert hash_of([], sealed_at=abroad) == hash_of([])
