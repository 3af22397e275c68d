"""Which goes with which, compared with all there is."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.analysis.assignment import assignment


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 10_000))
def test_assignment_is_as_good_as_the_best_of_all(rows: int, columns: int, seed: int) -> None:
    gains = np.random.default_rng(seed).integers(-5, 6, (rows, columns)).astype(np.float64)
    pairs = assignment(gains)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == min(rows, columns)
    tall = gains if rows >= columns else gains.T
    best = max(sum(tall[row, column] for column, row in enumerate(chosen)) for chosen in _choices(tall.shape))
    assert sum(gains[pair] for pair in pairs) == pytest.approx(best)


def _choices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(permutations(range(shape[0]), shape[1]))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_goes_with_nothing(shape: tuple[int, int]) -> None:
    assert assignment(np.zeros(shape)) == []
