"""A reader who is suddenly louder, and one who only reads."""

from functools import cache

import numpy as np
import pytest

from audio.analysis.loudness import level_jumps
from audio.analysis.prosody import HOP, measure
from audio.analysis.voice_activity import Region, detect
from tests import sound

RATE = sound.SAMPLE_RATE


@cache
def _regions() -> tuple[Region, ...]:
    return detect(sound.speech()).regions


def _louder(decibels: float, *, start: float, end: float = 60.0) -> sound.Samples:
    samples = sound.speech() * np.float32(0.2)
    samples[round(start * RATE) : round(end * RATE)] *= np.float32(10 ** (decibels / 20))
    return samples


@pytest.mark.parametrize(("decibels", "share"), [(15.0, 0.8), (-15.0, 0.8), (20.0, 0.95), (-20.0, 0.95)])
def test_level_jumps_finds_most_sudden_changes_between_sentences_and_within(decibels: float, share: float) -> None:
    """Not all: the reader's own level falls through each sentence, by some eight decibels."""
    usual = measure(sound.speech()).level
    found = []
    for time in np.arange(4.0, 22.0, 0.5):
        level = usual.copy()
        level[round(time / HOP) :] += np.float32(decibels)
        jumps = level_jumps(level, _regions())
        found.append(any(abs(jump.time - time) < 1.5 and jump.change * decibels > 0 for jump in jumps))
    assert np.mean(found) >= share


def test_level_jumps_finds_the_way_there_and_back_in_the_samples() -> None:
    up, down = level_jumps(measure(_louder(25.0, start=10.7, end=16.5)).level, _regions())
    assert (up.time, down.time) == (pytest.approx(10.7, abs=1.5), pytest.approx(16.5, abs=1.5))
    assert up.change > 11 > -11 > down.change


def test_ordinary_speech_does_not_jump() -> None:
    assert level_jumps(measure(sound.speech()).level, _regions()) == ()
    assert level_jumps(measure(_louder(4.0, start=10.7)).level, _regions()) == ()


def test_one_loud_word_is_no_jump() -> None:
    assert level_jumps(measure(_louder(15.0, start=13.0, end=13.3)).level, _regions()) == ()


def test_what_is_between_the_regions_does_not_count() -> None:
    bang = sound.speech().copy()
    bang[round(10.5 * RATE) : round(11.0 * RATE)] = sound.noise(0.5, level=0.5)
    assert level_jumps(measure(bang).level, _regions()) == ()


@pytest.mark.parametrize("seconds", [0.0, 1.0, 3.9])
def test_too_little_speech_has_no_jumps(seconds: float) -> None:
    level = np.linspace(-80, 0, round(seconds * 20), dtype=np.float32)
    assert level_jumps(level, [Region(0.0, 60.0)]) == ()
    assert level_jumps(level, []) == ()
