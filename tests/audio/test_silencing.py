"""Stretches made silent in PCM, however it is cut into pieces."""

import itertools

import numpy as np
import pytest

from audio.silencing import FADE_FRAMES, Quiet, Silencer

LENGTH = 4000


def silenced(line, stretches, *, cuts=(), start=0, stop=LENGTH):
    """The line, of shape (frames, channels), from `start` to before `stop`, given in pieces."""
    silencer = Silencer(stretches, channels=line.shape[1])
    edges = [start, *sorted(cut for cut in cuts if start < cut < stop), stop]
    pieces = [line[one:other].tobytes() for one, other in itertools.pairwise(edges)]
    told = b"".join(silencer.over(pieces, at=start))
    return np.frombuffer(told, dtype="<i2").reshape(-1, line.shape[1])


@pytest.fixture
def line():
    return np.random.default_rng(3).integers(-30_000, 30_000, (LENGTH, 2)).astype("<i2")


def test_it_is_silent_from_the_first_frame_to_the_last_and_fades_beside(line):
    heard = silenced(line, [Quiet(1000, 2000, None)])
    assert not heard[1000:2000].any()
    assert heard[999].any()
    assert heard[2000].any()
    for beside in (slice(None, 1000 - FADE_FRAMES), slice(2000 + FADE_FRAMES, None)):
        assert np.array_equal(heard[beside], line[beside])
    steady = silenced(np.full_like(line, 16_000), [Quiet(1000, 2000, None)])[:, 0].tolist()
    each = 16_000 // FADE_FRAMES
    assert steady[1000 - FADE_FRAMES : 1000] == [each * left for left in range(FADE_FRAMES, 0, -1)]
    assert steady[2000 : 2000 + FADE_FRAMES] == [each * come for come in range(1, FADE_FRAMES + 1)]


def test_one_channel_is_silent_and_the_other_is_as_it_was(line):
    heard = silenced(line, [Quiet(1000, 2000, 1)])
    assert not heard[1000:2000, 1].any()
    assert np.array_equal(heard[:, 0], line[:, 0])


def test_however_it_is_cut_and_wherever_it_begins_each_frame_is_the_same(line):
    stretches = [Quiet(0, 100, None), Quiet(900, 3000, 0), Quiet(1000, 1200, 1), Quiet(3050, 3060, 0)]
    whole = silenced(line, stretches)
    dice = np.random.default_rng(5)
    for _ in range(100):
        start, stop = sorted(dice.choice(LENGTH, 2, replace=False).tolist())
        cuts = [*dice.integers(0, LENGTH, 5).tolist(), 899, 900, 3000, 3001]
        assert np.array_equal(silenced(line, stretches, cuts=cuts, start=start, stop=stop), whole[start:stop])


def test_what_lies_before_the_line_and_behind_it_is_no_matter(line):
    heard = silenced(line, [Quiet(-500, 10, None), Quiet(LENGTH - 10, LENGTH + 500, None)], start=0)
    assert not heard[:10].any()
    assert not heard[-10:].any()
    assert np.array_equal(heard[10 + FADE_FRAMES : -10 - FADE_FRAMES], line[10 + FADE_FRAMES : -10 - FADE_FRAMES])
