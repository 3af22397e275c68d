"""Rows of older programs, read as segments."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.old_segments import LONGEST_TEXT, UNKNOWN_CONFIDENCE, Row, id_given, owner, read, rows_in
from calls.segment_rules import check

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def rows(*values, side="agent"):
    return [Row(side, f"row-{position}", one) for position, one in enumerate(values)]


def only(values, side="agent"):
    (segment,) = read(rows(values, side=side)).segments
    return segment


def why_not(values):
    found = read(rows(values))
    assert not found.segments
    return found.bad[0].why


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"start_time": 1, "end_time": 2.5}, (1.0, 2.5)),
        ({"start_time": "1", "end_time": " 2.5 "}, (1.0, 2.5)),
        ({"start_time": "1,5", "end_time": "2,5"}, (1.5, 2.5)),
        ({"start_time": "01:02", "end_time": "1:01:02.250"}, (62.0, 3662.25)),
        ({"start_ms": 1500, "end_ms": "2500"}, (1.5, 2.5)),
        ({"start_time_ms": 1500, "end_time": 2.5}, (1.5, 2.5)),
        ({"start_time": 1500, "end_time": 2500}, (1500.0, 2500.0)),
        ({"start_time": 1.5}, (1.5, 1.5)),
        ({"start_time": 1.5, "end_time": None}, (1.5, 1.5)),
        ({"start": 0.12345, "end": 1}, (0.123, 1.0)),
    ],
)
def test_times_are_seconds_however_they_are_written(times, expected):
    segment = only({"text": "yes", **times})
    assert (segment["start_time"], segment["end_time"]) == expected


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "no text"),
        ({"text": "  ", "start_time": 0}, "no text"),
        ({"text": 7, "start_time": 0}, "no text"),
        ({"text": "yes"}, "begins"),
        ({"text": "yes", "start_time": "soon"}, "no number"),
        ({"text": "yes", "start_time": True}, "no number"),
        ({"text": "yes", "start_time": NOW}, "no number"),
        ({"text": "yes", "start_time": {"$gt": 0}}, "no number"),
        ({"text": "yes", "start_time": float("nan")}, "finite"),
        ({"text": "yes", "start_time": 1, "end_time": "inf"}, "finite"),
        ({"text": "yes", "start_time": -1}, "before the call"),
        ({"text": "yes", "start_time": 2, "end_time": 1}, "ends before"),
        ({"text": "yes", "start_time": 1.7e9}, "beyond"),
        ({"text": "y" * (LONGEST_TEXT + 1), "start_time": 0}, "longer"),
        ({"text": "half \ud800", "start_time": 0}, "no text"),
    ],
)
def test_what_cannot_be_a_segment_is_told_with_its_reason(values, why):
    assert why in why_not(values)


def test_the_side_is_who_speaks_and_an_unknown_confidence_says_nothing():
    segment = only({"text": " yes\0 ", "start_time": 0, "speaker": "Mr Smith"}, side="client")
    assert (segment["speaker"], segment["text"], segment["confidence"]) == ("client", "yes", UNKNOWN_CONFIDENCE)


@pytest.mark.parametrize(
    ("told", "is_"), [(0.75, 0.75), ("0.75", 0.75), (75, 0.75), (1, 1.0), ("high", 0.5), (-1, 0.5)]
)
def test_confidence_is_a_share(told, is_):
    assert only({"text": "yes", "start_time": 0, "confidence": told})["confidence"] == is_


def test_ids_of_the_two_sides_do_not_meet():
    agent, client = (
        only({"text": "yes", "start_time": 0, "segment_id": "1"}, side=side) for side in ("agent", "client")
    )
    assert agent["segment_id"] != client["segment_id"]
    assert id_given(agent["segment_id"], "agent") == id_given(client["segment_id"], "client") == "1"


def test_an_id_that_cannot_be_kept_is_replaced():
    segment = only({"text": "yes", "start_time": 0, "segment_id": "a:b/c" * 50})
    check([segment])


def test_rows_with_one_id_that_say_different_things_are_both_kept():
    said = read(
        rows({"text": "yes", "start_time": 0, "id": 1}, {"text": "no", "start_time": 1, "id": 1}),
    )
    assert [segment["text"] for segment in said.segments] == ["yes", "no"]
    assert len({segment["segment_id"] for segment in said.segments}) == 2


ROWS = st.lists(
    st.fixed_dictionaries(
        {"text": st.sampled_from(["yes", "no", "$no", "well"]), "start_time": st.integers(0, 3)},
        optional={"end_time": st.integers(0, 4), "segment_id": st.sampled_from(["1", "2", "x:y"])},
    ),
    max_size=8,
)


@given(values=ROWS, seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_and_their_doubles_change_nothing(values, seed):
    once = read(rows(*values))
    mixed = [*values, *values]
    seed.shuffle(mixed)
    again = read(rows(*mixed))
    assert again.segments == once.segments
    assert len(again.segments) + again.duplicates + len(again.bad) == len(mixed)
    starts = [segment["start_time"] for segment in once.segments]
    assert starts == sorted(starts)
    assert len({segment["segment_id"] for segment in once.segments}) == len(once.segments)
    check(once.segments)


def test_a_document_may_list_its_segments():
    document = {"call_id": 7, "tenant_id": "3", "segments": [{"text": "yes", "start_time": 0}, "nothing"]}
    first, second = rows_in(document, "client", "doc", written_at=NOW)
    assert (first.tenant_id, first.place, first.written_at) == (3, "doc[0]", NOW)
    assert len(read([first, second]).bad) == 1


def test_a_row_that_names_no_company_is_of_the_one_whose_call_was_there():
    untold = Row("agent", "r", {}, None, NOW)
    long_after = NOW + timedelta(days=2)
    assert owner(untold, {3: NOW, 4: long_after}, unnamed=None) == 3
    assert owner(untold, {4: long_after}, unnamed=None) is None
    assert owner(untold, {3: NOW, 4: NOW}, unnamed=None) is None
    assert owner(untold, {3: NOW}, unnamed=9) == 9
    assert owner(Row("agent", "r", {}, 5, NOW), {3: NOW}, unnamed=9) == 5
    assert owner(Row("agent", "r", {}, None, None), {3: NOW}, unnamed=None) is None
