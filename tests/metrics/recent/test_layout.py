"""What is packed is unpacked as it was, and small."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from metrics.recent import layout
from metrics.segments import Group, Hour, Segment
from metrics.totals import Totals, counts_of
from tests.metrics.recent.segments import HOUR, groups, segments


@given(segments())
def test_a_segment_is_unpacked_as_it_was(segment):
    assert layout.unpack(layout.pack(segment, HOUR), segment.group, HOUR) == segment


@given(segments(), segments())
def test_entries_are_in_the_order_of_receipt(one, other):
    first, second = sorted([one, other], key=lambda segment: segment.received_at)
    assert layout.offset_of(layout.pack(first, HOUR)) <= layout.offset_of(layout.pack(second, HOUR))


@given(groups)
def test_a_group_is_unpacked_as_it_was(group):
    assert layout.unpack_group(layout.pack_group(group)) == group


@given(segments())
def test_a_segment_counts_as_its_totals_do(segment):
    assert counts_of(segment) == Totals.of([segment]).to_counts()


@given(st.integers(0, 10**6), st.integers(1, 2**31))
def test_an_hour_is_found_by_its_name(hours, tenant_id):
    hour = Hour(HOUR + timedelta(hours=hours), tenant_id)
    assert layout.hour_named(layout.name_of(hour)) == hour


def test_a_usual_segment_takes_some_forty_bytes():
    group = Group("channel", "session", "12", "web", "dubbing")
    segment = Segment(
        group=group,
        segment_id="3f2b8a54-6f2e-4f0c-9b61-0a4f1a7c55d1",
        received_at=HOUR + timedelta(microseconds=1_234_567_891),
        processing_started_at=HOUR + timedelta(microseconds=1_234_587_891),
        processing_ended_at=HOUR + timedelta(microseconds=1_236_087_891),
        stages={"extraction": 120_000, "dubbing": 1_200_000, "reinsertion": 180_000},
        total_us=1_500_000,
        duration_us=15_000_000,
        original_bytes=2_400_000,
        dubbed_bytes=2_500_000,
        source_language="he",
        target_language="en",
    )
    assert len(layout.pack(segment, HOUR)) <= 43
