"""Segments of every kind, for properties."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from metrics.segments import DUBBING_STAGES, Group, Segment

HOUR = datetime(2026, 3, 1, 23, tzinfo=UTC)
LARGEST_TIME = 3_600_000_000

texts = st.text(st.characters(codec="utf-8"), max_size=12)
awkward_ids = st.sampled_from(["a", ":", "a:b", "b:a", "*", "0", "00", "é\u202e", "\n", "{x}", "12"])
times = st.one_of(st.integers(0, LARGEST_TIME), st.integers(0, 3_600_000).map(lambda one: one * 1000))
sizes = st.integers(0, 2**32)
groups = st.builds(
    Group,
    channel_id=awkward_ids,
    session_id=awkward_ids,
    user_id=awkward_ids,
    platform=awkward_ids,
    pipeline=st.sampled_from(["dubbing", "audio"]),
)
segment_ids = st.one_of(
    texts.filter(bool),
    st.uuids().map(str),
    st.uuids().map(lambda one: str(one).upper()),
    st.integers(0, 10**20).map(str),
    st.sampled_from(["007", "-1", "٣", "1e3", "0"]),
)
around = st.integers(-LARGEST_TIME, LARGEST_TIME).map(lambda one: timedelta(microseconds=one))


@st.composite
def segments(draw, *, group=groups, segment_id=segment_ids, start=HOUR, stage_names=texts):
    received_at = start + timedelta(microseconds=draw(st.integers(0, LARGEST_TIME - 1)))
    dubbing = st.tuples(times, times, times).map(lambda each: dict(zip(DUBBING_STAGES, each, strict=True)))
    stages = draw(st.one_of(dubbing, st.dictionaries(stage_names, times, max_size=3)))
    return Segment(
        group=draw(group),
        segment_id=draw(segment_id),
        received_at=received_at,
        processing_started_at=draw(st.none() | around.map(lambda one: received_at + one)),
        processing_ended_at=draw(st.none() | around.map(lambda one: received_at + one)),
        stages=stages,
        total_us=draw(st.one_of(st.none(), times, st.just(sum(stages.values())))),
        duration_us=draw(st.one_of(times, st.just(15_000_000))),
        original_bytes=draw(sizes),
        dubbed_bytes=draw(sizes),
        source_language=draw(st.sampled_from(["he", "", "zh-Hant"])),
        target_language=draw(st.sampled_from(["en", "", "he"])),
        error=draw(st.sampled_from(["", "engine_failed"])),
        retry_count=draw(st.integers(0, 1000)),
    )
