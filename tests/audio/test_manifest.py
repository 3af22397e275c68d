"""A recording laid out on its line. Nothing here needs a server."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from audio.manifest import DAMAGED, LEFT, TOLERANCE_SECONDS, Gap, Piece, SampleRange, lay_out, verdict
from audio.states import GapCause
from audio.states import VerdictState as State

RATE = 16_000


def whole(*pieces, **rest):
    return lay_out(pieces, rest.pop("declared", ()), **{"total": len(pieces), **rest})


def counted(index, first, seconds, *, start, **rest):
    """A chunk of a recorder that counts its samples."""
    samples = SampleRange(first, first + round(seconds * RATE) - 1, RATE)
    return Piece(index, start, samples.seconds, samples=samples, **rest)


def told(manifest):
    return [(gap.start, gap.end, gap.cause.value) for gap in manifest.gaps]


def test_chunks_that_join_are_complete():
    manifest = whole(Piece(0, 0, 30), Piece(1, 30, 30), Piece(2, 60, 12.5))
    assert (manifest.state, manifest.gaps, manifest.owed) == (State.COMPLETE, (), ())
    assert (manifest.duration, manifest.sound_seconds) == (72.5, 72.5)


def test_nobody_knows_before_the_total_is_known():
    assert whole(Piece(0, 0, 30), total=None).state == State.RECORDING


def test_a_chunk_that_never_came_is_owed_and_leaves_a_hole():
    manifest = whole(Piece(0, 0, 30), Piece(2, 60, 30), total=3)
    assert (manifest.state, manifest.owed) == (State.INCOMPLETE, (1,))
    assert told(manifest) == [(30, 60, "never_arrived")]


def test_chunks_that_are_owed_at_the_end_leave_it_open():
    manifest = whole(Piece(0, 0, 30), total=4)
    assert (manifest.state, manifest.owed) == (State.INCOMPLETE, (1, 2, 3))
    assert told(manifest) == [(30, None, "never_arrived")]


def test_a_recording_without_a_chunk_is_complete_when_none_was_counted():
    assert whole(total=0).state == State.COMPLETE
    assert told(whole(total=2)) == [(0, None, "never_arrived")]


def test_a_hole_that_nobody_explained_is_the_devices():
    manifest = whole(Piece(0, 0, 30), Piece(1, 41, 30))
    assert (manifest.state, told(manifest)) == (State.INCOMPLETE, [(30, 41, "device")])


def test_a_pause_with_a_reason_does_not_make_it_incomplete():
    pause = Gap(30, 90, GapCause.PAUSE, "card data")
    manifest = whole(Piece(0, 0, 30), Piece(1, 90, 30), declared=[pause])
    assert (manifest.state, manifest.gaps, manifest.duration) == (State.COMPLETE, (pause,), 120)


def test_a_pause_without_a_reason_does():
    manifest = whole(Piece(0, 0, 30), Piece(1, 90, 30), declared=[Gap(30, 90, GapCause.PAUSE)])
    assert manifest.state == State.INCOMPLETE


def test_a_pause_that_nobody_ended_ends_where_sound_begins_again():
    manifest = whole(Piece(0, 0, 30), Piece(1, 90, 30), declared=[Gap(30, None, GapCause.PAUSE, "card data")])
    assert (manifest.state, told(manifest)) == (State.COMPLETE, [(30, 90, "pause")])


def test_it_is_paused_until_the_recorder_says_otherwise_wherever_the_line_has_what_came_before():
    paused = lay_out([Piece(0, 0, 30), Piece(1, 29, 0.5)], [Gap(29.9, None, GapCause.PAUSE, "card data")])
    assert paused.spans[1].start == 30, "which is after the pause began"
    assert paused.is_paused
    assert not whole(Piece(0, 0, 30), declared=[Gap(29.9, 40, GapCause.PAUSE)]).is_paused
    assert not whole(Piece(0, 0, 30), declared=[Gap(29.9, None, GapCause.DEVICE)]).is_paused


def test_what_a_pause_leaves_of_a_hole_is_told_apart():
    manifest = whole(Piece(0, 0, 30), Piece(1, 90, 30), declared=[Gap(40, 60, GapCause.PAUSE, "card data")])
    assert manifest.state == State.INCOMPLETE
    assert told(manifest) == [(30, 40, "device"), (40, 60, "pause"), (60, 90, "device")]


def test_a_lost_device_is_told_also_where_there_is_sound_of_a_kind():
    manifest = whole(Piece(0, 0, 30), declared=[Gap(12, 14, GapCause.DEVICE, "Only zeros came from the microphone")])
    assert (manifest.state, told(manifest)) == (State.INCOMPLETE, [(12, 14, "device")])


def test_a_chunk_that_decodes_short_ends_in_a_gap():
    manifest = whole(Piece(0, 0, 30, decoded=21.5), Piece(1, 30, 30, decoded=30.0))
    assert manifest.gaps == (Gap(21.5, 30, GapCause.NEVER_ARRIVED, DAMAGED),)
    assert [(span.start, span.end) for span in manifest.spans] == [(0, 21.5), (30, 60)]


def test_a_chunk_that_does_not_decode_is_a_gap():
    assert told(whole(Piece(0, 0, 30), Piece(1, 30, 30, decoded=0.0))) == [(30, 60, "never_arrived")]


def test_what_encoders_add_or_take_away_is_no_gap():
    manifest = whole(Piece(0, 0, 30.02, decoded=30.05), Piece(1, 30, 29.98, decoded=29.9), Piece(2, 60, 30))
    assert manifest.state == State.COMPLETE


def test_more_sound_than_was_said_is_kept():
    manifest = whole(Piece(0, 0, 10, decoded=12.0), Piece(1, 10, 10))
    assert [(span.start, span.end) for span in manifest.spans] == [(0, 12), (12, 22)]


def test_chunks_that_claim_the_same_place_follow_one_another():
    manifest = whole(*(Piece(index, 0, 30) for index in range(3)))
    assert [(span.start, span.end) for span in manifest.spans] == [(0, 30), (30, 60), (60, 90)]


def test_one_sample_that_was_counted_and_did_not_come_is_a_gap():
    manifest = whole(counted(0, 0, 30, start=0), counted(1, 30 * RATE + 1, 30, start=30))
    assert told(manifest) == [(30, 30 + 1 / RATE, "device")]


def test_the_count_of_samples_goes_before_a_clock_that_drifts():
    pieces = [counted(index, index * 30 * RATE, 30, start=index * 30.02) for index in range(100)]
    manifest = whole(*pieces)
    assert manifest.state == State.COMPLETE
    assert manifest.duration == pytest.approx(3000)


def test_a_start_that_jumps_is_a_gap_although_the_count_goes_on():
    manifest = whole(counted(0, 0, 30, start=0), counted(1, 30 * RATE, 30, start=630))
    assert told(manifest) == [(30, 630, "device")]


def test_a_recorder_that_went_away_leaves_an_open_end():
    manifest = whole(Piece(0, 0, 30), is_abandoned=True)
    assert manifest.gaps == (Gap(30, None, GapCause.NEVER_ARRIVED, LEFT),)
    assert manifest.state == State.INCOMPLETE


def test_an_answer_names_a_thousand_gaps_at_most():
    manifest = whole(*(Piece(index, index * 40, 30) for index in range(1500)), total=4000)
    answer = verdict(manifest)
    assert (len(answer["gaps"]), len(answer["owed"])) == (1000, 1000)


pieces = some.builds(
    Piece,
    index=some.integers(0, 40),
    start=some.floats(0, 2000),
    declared=some.floats(0.01, 120),
    decoded=some.none() | some.floats(0, 125),
    samples=some.none()
    | some.builds(
        lambda first, length, rate: SampleRange(first, first + length, rate),
        some.integers(0, 10**6),
        some.integers(0, 10**6),
        some.sampled_from([8000, 16000, 48000]),
    ),
)
gaps = some.builds(
    lambda start, length, cause, reason: Gap(start, None if length is None else start + length, cause, reason),
    some.floats(0, 2000),
    some.none() | some.floats(0, 300),
    some.sampled_from(list(GapCause)),
    some.sampled_from(["", "card data"]),
)


@given(
    some.lists(pieces, max_size=12, unique_by=lambda piece: piece.index),
    some.lists(gaps, max_size=5),
    some.none() | some.integers(0, 50),
    some.booleans(),
)
def test_whatever_comes_is_laid_out_in_order_and_never_looks_whole_with_a_hole(found, declared, total, is_abandoned):
    found.sort(key=lambda piece: piece.index)
    manifest = lay_out(found, declared, total=total, is_abandoned=is_abandoned)
    assert [span.index for span in manifest.spans] == [piece.index for piece in found]
    for span, following in pairwise(manifest.spans):
        assert span.end <= following.start
        hole = (span.end, following.start)
        if hole[1] - hole[0] > TOLERANCE_SECONDS:
            assert covered(hole, manifest.gaps), "a hole that nobody tells of"
    assert all(span.start <= span.end <= manifest.duration for span in manifest.spans)
    if manifest.state == State.COMPLETE:
        assert not manifest.owed
        assert not is_abandoned
        assert all(gap.cause == GapCause.PAUSE and gap.reason for gap in manifest.gaps)


def covered(hole, gaps):
    at, end = hole
    for gap in sorted(gaps, key=lambda gap: gap.start):
        if gap.start >= end:
            break
        if gap.start - at > TOLERANCE_SECONDS + 0.001:
            return False
        at = max(at, end if gap.end is None else gap.end)
    return end - at <= TOLERANCE_SECONDS + 0.001
