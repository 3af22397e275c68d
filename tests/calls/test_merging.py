"""What becomes of calls that are one: which stays, and what it takes over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls import merging
from calls.merging import Head

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def head(key, *, call_id=None, segments=1, days=0, is_deleted=False):
    start = NOW + timedelta(days=days)
    return Head(key, 1, call_id or f"call-{key}", key, segments, start, start, is_deleted)


def call(call_id, *texts, **values):
    said = [
        {"segment_id": f"{call_id}-{text}", "speaker": "agent", "text": text, "start_time": at, "end_time": at + 1}
        for at, text in enumerate(texts)
    ]
    return {"call_id": call_id, "id": 1, "conversation": said, "version": 1, **values}


def merged(kept, *others):
    return merging.merged(kept, others, at=NOW)


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4)))
def test_what_shares_anything_over_any_number_of_steps_is_one_group(sharing):
    groups = merging.grouped(sharing)
    keys = [key for group in groups for key in group]
    assert len(keys) == len(set(keys))
    for together in sharing:
        if len(set(together)) > 1:
            assert sum(set(together) <= group for group in groups) == 1
        # Nothing joins two groups.
        assert sum(bool(set(together) & group) for group in groups) <= 1


@pytest.mark.parametrize(
    ("others", "why"),
    [
        (head(1, segments=2), "longer"),
        (head(1, days=-1), "newer, as long"),
        (head(1, segments=9, is_deleted=True), "deleted by nobody"),
    ],
)
def test_the_one_that_stays(others, why):
    best = head(2, segments=3 if why == "longer" else 1)
    assert merging.ranked([others, best])[0] == best, why


def test_a_recording_stays_with_its_call_and_the_other_call_gets_a_number_of_its_own():
    calls = [head(1, call_id="a", segments=5), head(2, call_id="b", segments=3), head(3, call_id="c")]
    [whole] = merging.divided(calls, recorded=["b"])
    assert (whole.kept.call_id, [one.call_id for one in whole.removed]) == ("a", ["b", "c"])
    first, apart = merging.divided(calls, recorded=["a", "b"])
    assert (first.kept.call_id, [one.call_id for one in first.removed]) == ("a", ["c"])
    assert (apart.kept.call_id, apart.removed, apart.needs_number) == ("b", (), True)


def test_segments_are_taken_over_in_order_of_time_but_not_twice_by_id_or_content():
    kept, other = call("a", "one", "two"), call("a", "one", "two", "three")
    other["conversation"][1]["segment_id"] = "otherwise"
    done = merged(kept, other, call("b", "four"))
    assert [one["text"] for one in done.call["conversation"]] == ["one", "four", "two", "three"]
    assert done.segments == 2


def test_what_people_did_to_any_of_them_is_kept():
    note = {"note_id": "n", "text": "Call back", "by": 5, "at": NOW}
    other = call(
        "b",
        notes=[note],
        corrections=[{"correction_id": "c", "segment_id": "s", "at": NOW}],
        history=[{"act": "noted", "by": 5, "at": NOW - timedelta(days=1)}],
        renamed={"speaker_1": "Maria", "agent": "Bob"},
        suspicion={"reasons": [{"flag_id": "f"}], "reviews": [{"flag_id": "f", "verdict": "wrong"}]},
        version=7,
        metadata={"queue": "two", "line": 3},
    )
    done = merged(call("a", renamed={"agent": "Alice"}, metadata={"queue": "one"}), other).call
    assert done["notes"] == [note]
    assert [one["correction_id"] for one in done["corrections"]] == ["c"]
    assert [one["act"] for one in done["history"]] == ["noted", "merged"]
    assert done["renamed"] == {"speaker_1": "Maria", "agent": "Alice"}
    assert done["metadata"] == {"queue": "one", "line": 3}
    assert done["suspicion"]["reviews"] == [{"flag_id": "f", "verdict": "wrong"}]
    assert done["version"] == 8


def test_what_is_missing_is_filled_in_and_what_is_there_stays():
    kept = call("a", subject="Ours", status_id=None, session_id=None, platform="web", external_user_id=None)
    other = call("b", subject="Theirs", status_id="3", session_id="s", platform="telephony", external_user_id="x")
    done = merged(kept, {**other, "verdict": {"state": "complete"}}).call
    assert (done["subject"], done["status_id"], done["session_id"]) == ("Ours", "3", "s")
    assert done["verdict"] == {"state": "complete"}
    assert done["external_user_id"] is None


def test_nothing_of_a_call_that_somebody_deleted_comes_back():
    done = merged(call("a", "one", deleted=0), call("a", "gone", deleted=1, subject="Gone"))
    assert [one["text"] for one in done.call["conversation"]] == ["one"]
    assert "subject" not in done.call
    assert done.segments == 0
