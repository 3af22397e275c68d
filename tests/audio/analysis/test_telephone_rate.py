"""Half of the samples, and of the sound all that is below 4 kHz."""

import numpy as np
import pytest

from audio.analysis.telephone_rate import RATE, lowered
from tests import sound


@pytest.mark.parametrize("frequency", [100.0, 1000.0, 3500.0])
def test_lowered_keeps_what_is_below(frequency: float) -> None:
    low = lowered(sound.tone(1.0, frequency=frequency))
    expected = sound.tone(1.0, frequency=frequency, sample_rate=RATE)
    assert low[80:-80] == pytest.approx(expected[80:-80], abs=0.02)


def test_lowered_leaves_out_what_is_above() -> None:
    assert np.abs(lowered(sound.tone(1.0, frequency=5000.0))[80:-80]).max() < 0.01


def test_lowered_weighs_by_frequency() -> None:
    mixed = sound.tone(1.0, frequency=500.0) + sound.tone(1.0, frequency=1500.0)
    low = lowered(mixed, lambda frequencies: (frequencies < 1000).astype(np.float32))
    assert low[400:-400] == pytest.approx(sound.tone(1.0, frequency=500.0, sample_rate=RATE)[400:-400], abs=0.02)


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 15_991])
def test_lowered_takes_samples_of_any_length(samples: int) -> None:
    assert lowered(sound.silence(2.0)[:samples]).shape == (samples // 2,)
