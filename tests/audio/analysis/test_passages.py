"""Wherever a recording is cut into chunks: each moment of it is transcribed in one passage and in no other."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio.analysis.passages import FARTHEST, MARGIN, NEAREST, Cuts, Side, across, cuts, own
from audio.analysis.voice_activity import Region
from tests.scale import scaled
from tests.sound import SAMPLE_RATE, noise, silence

TOLERANCE = 0.1


def chunk(seconds, *pauses):
    """Samples and regions of a chunk in which somebody speaks all the time but for pauses."""
    edges = [0.0, *(edge for pause in pauses for edge in pause), seconds]
    regions = [Region(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
    return noise(seconds), regions


def test_a_chunk_is_cut_in_the_pauses_nearest_to_its_ends():
    samples, regions = chunk(30.0, (4.0, 5.0), (15.0, 16.0), (25.0, 26.0))
    assert cuts(samples, regions, is_first=False) == Cuts(4.0 + MARGIN, 26.0 - MARGIN)


def test_the_first_chunk_has_nothing_before_it():
    samples, regions = chunk(30.0, (4.0, 5.0), (25.0, 26.0))
    assert cuts(samples, regions, is_first=True) == Cuts(0.0, 26.0 - MARGIN)


def test_what_seems_a_pause_at_the_very_end_may_be_the_beginning_of_a_word():
    samples, regions = chunk(30.0, (0.0, 2.0), (28.0, 30.0))
    assert cuts(samples, regions, is_first=False) == Cuts(NEAREST, 30.0 - NEAREST)


def test_a_short_chunk_without_a_pause_goes_whole_to_the_passage_before_it():
    samples, regions = chunk(10.0)
    assert cuts(samples, regions, is_first=False) == Cuts(10.0, 10.0)
    assert cuts(samples, regions, is_first=True) == Cuts(0.0, 0.0)


def test_a_long_chunk_without_a_pause_is_cut_where_it_is_faintest():
    samples, regions = chunk(30.0)
    samples[round(7.0 * SAMPLE_RATE) : round(7.2 * SAMPLE_RATE)] = 0
    samples[round(21.0 * SAMPLE_RATE) : round(21.2 * SAMPLE_RATE)] = 0
    found = cuts(samples, regions, is_first=False)
    assert found.opening == pytest.approx(7.1, abs=0.1)
    assert found.closing == pytest.approx(21.1, abs=0.1)


def test_a_pause_that_is_too_far_from_the_end_is_not_waited_for():
    samples, regions = chunk(40.0, (19.0, 21.0))
    found = cuts(samples, regions, is_first=False)
    assert NEAREST <= found.opening <= FARTHEST
    assert 40.0 - FARTHEST <= found.closing <= 40.0 - NEAREST


def side(seconds, start, cut):
    return Side(silence(seconds), start, cut)


def test_two_that_follow_one_another_are_one_piece():
    (piece,) = across(side(4.0, 10.0, Cuts(1.0, 3.0)), side(5.0, 14.0, Cuts(0.5, 4.0)), tolerance=TOLERANCE)
    assert (piece.start, len(piece.samples) / SAMPLE_RATE) == (13.0, 1.5)


def test_two_with_a_gap_between_them_are_two():
    left, right = across(side(4.0, 10.0, Cuts(1.0, 3.0)), side(5.0, 60.0, Cuts(0.5, 4.0)), tolerance=TOLERANCE)
    assert (left.start, len(left.samples) / SAMPLE_RATE) == (13.0, 1.0)
    assert (right.start, len(right.samples) / SAMPLE_RATE) == (60.0, 0.5)


def test_where_there_is_nothing_there_is_no_piece():
    assert across(None, None, tolerance=TOLERANCE) == []


def test_the_voice_of_a_piece_is_told_from_its_first_sample_on():
    samples, regions = chunk(10.0, (3.0, 5.0), (8.0, 9.0))
    piece = own(samples, regions, Cuts(4.0, 8.5), start=100.0)
    assert (piece.start, piece.regions) == (104.0, (Region(1.0, 4.0),))


TENTHS = st.integers(1, 300).map(lambda tenths: tenths / 10)


@st.composite
def chunks_with_pauses(draw):
    """A few chunks, each with its length in seconds and where somebody speaks in it."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        seconds = draw(TENTHS)
        edges = sorted(draw(st.sets(st.integers(0, round(seconds * 10)), max_size=8)))
        edges = edges[: len(edges) // 2 * 2]
        made.append(
            (seconds, [Region(begin / 10, end / 10) for begin, end in zip(edges[::2], edges[1::2], strict=True)])
        )
    return made


@given(recording=chunks_with_pauses())
@settings(max_examples=scaled(25, 300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_pieces_of_a_recording_tile_it_without_overlap_or_hole(recording):
    line = np.arange(round(sum(seconds for seconds, _ in recording) * SAMPLE_RATE), dtype=np.float32)
    sides, pieces, first = [], [], 0
    for index, (seconds, regions) in enumerate(recording):
        samples = line[first : first + round(seconds * SAMPLE_RATE)]
        # Its samples count themselves, so that a piece tells where it is from; to be heard they are too loud.
        cut = cuts(samples, regions, is_first=index == 0)
        assert 0 <= cut.opening <= cut.closing <= seconds
        sides.append(Side(samples, first / SAMPLE_RATE, cut))
        pieces.append(own(samples, regions, cut, start=first / SAMPLE_RATE))
        first += len(samples)
    for left, right in zip([None, *sides], [*sides, None], strict=True):
        pieces += across(left, right, tolerance=TOLERANCE)
    pieces = sorted((piece for piece in pieces if len(piece.samples)), key=lambda piece: piece.start)
    assert np.array_equal(np.concatenate([piece.samples for piece in pieces]), line)
    for piece in pieces:
        assert piece.start * SAMPLE_RATE == pytest.approx(piece.samples[0], abs=1.0)
        duration = len(piece.samples) / SAMPLE_RATE
        assert all(-1e-4 <= region.start < region.end <= duration + 1e-4 for region in piece.regions)
