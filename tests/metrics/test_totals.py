"""Totals add up to the same, in whatever order and in however many pieces."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from metrics.segments import Group, Segment
from metrics.totals import Totals

GROUP = Group("channel", "session", "user", "web", "dubbing")
small = st.integers(0, 2**36)
segments = st.lists(
    st.builds(
        Segment,
        group=st.just(GROUP),
        segment_id=st.just("any"),
        received_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
        stages=st.dictionaries(st.sampled_from(["extraction", "dubbing", "voice_activity"]), small, max_size=3),
        total_us=st.none() | small,
        duration_us=small,
        original_bytes=small,
        dubbed_bytes=small,
        source_language=st.sampled_from(["", "he", "zh-Hant"]),
        target_language=st.sampled_from(["", "en"]),
        error=st.sampled_from(["", "engine_failed"]),
        retry_count=st.integers(0, 10),
    ),
    max_size=30,
)


@given(segments, st.data())
def test_pieces_in_any_order_add_up_to_the_whole(several, data):
    shuffled = data.draw(st.permutations(several))
    cut = data.draw(st.integers(0, len(shuffled)))
    assert Totals.summed([Totals.of(shuffled[cut:]), Totals.of(shuffled[:cut])]) == Totals.of(several)


@given(segments)
def test_what_is_kept_flat_reads_as_it_was(several):
    totals = Totals.of(several)
    counts = totals.to_counts()
    assert Totals.from_counts(counts) == totals
    assert all(type(count) is int and count > 0 for count in counts.values())


def test_averages_are_of_what_was_timed_and_percentiles_of_all_that_was_counted():
    times = [100_000, 200_000, 900_000, None]
    totals = Totals.of(
        Segment(
            group=GROUP,
            segment_id=str(place),
            received_at=datetime(2026, 1, 1, tzinfo=UTC),
            stages={} if microseconds is None else {"dubbing": microseconds // 2},
            total_us=microseconds,
            error="" if microseconds else "engine_failed",
        )
        for place, microseconds in enumerate(times)
    )
    assert totals.average_total_ms() == 400.0
    assert totals.average_stage_ms("dubbing") == 200.0
    assert totals.average_stage_ms("extraction") is None
    assert totals.error_share() == 0.25
    assert 198 <= (totals.percentile_ms(0.5) or 0) <= 202
    assert Totals().percentile_ms(0.5) is None
