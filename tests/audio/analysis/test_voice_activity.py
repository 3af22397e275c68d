"""Where somebody speaks, and that music, tones and noise are nobody."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.voice_activity import WINDOW, Region, detect, joined, probabilities, regions
from tests import sound
from tests.running import ROOT

SECONDS = WINDOW / SAMPLE_RATE


def test_detect_finds_the_sentences_of_a_reader() -> None:
    activity = detect(sound.speech())
    assert 0.75 < activity.ratio < 0.9
    assert 4 <= len(activity.regions) <= 7
    assert all(0.0 <= region.start < region.end <= 26.73 for region in activity.regions)


def test_detect_keeps_regions_in_order_and_apart() -> None:
    found = detect(sound.speech()).regions
    assert all(before.end < after.start for before, after in pairwise(found))


@pytest.mark.parametrize(
    "nobody",
    [
        sound.hold_music(10.0),
        sound.tone(10.0),
        sound.tone(10.0, frequency=425.0) * (np.arange(160_000) % 32_000 < 16_000),
        sound.noise(10.0),
        sound.silence(10.0),
    ],
    ids=["hold music", "a tone", "a ringing tone", "noise", "silence"],
)
def test_detect_hears_nobody(nobody: sound.Samples) -> None:
    activity = detect(nobody)
    assert activity.regions == ()
    assert activity.ratio == 0.0


def test_detect_finds_speech_after_hold_music() -> None:
    speech = sound.speech()[: 6 * SAMPLE_RATE]
    activity = detect(np.concatenate([sound.hold_music(8.0), speech]))
    assert activity.regions[0].start == pytest.approx(8.2, abs=0.3)


def test_detect_hears_quiet_speech() -> None:
    assert detect(sound.speech() * np.float32(0.05)).ratio > 0.7


@pytest.mark.parametrize("samples", [0, 1, WINDOW - 1, WINDOW, WINDOW + 1])
def test_detect_takes_samples_of_any_length(samples: int) -> None:
    assert detect(np.zeros(samples, dtype=np.float32)).ratio == 0.0


def test_detect_leaves_the_samples_as_they_are() -> None:
    samples = sound.speech()[:SAMPLE_RATE].copy()
    detect(samples)
    assert np.array_equal(samples, sound.speech()[:SAMPLE_RATE])


def test_probabilities_give_one_number_for_each_window() -> None:
    assert probabilities(sound.silence(1.0)).shape == (32,)


def test_regions_begin_above_one_threshold_and_end_below_another() -> None:
    heard = np.array([0.4] * 5 + [0.6] + [0.4] * 20 + [0.1] * 10, dtype=np.float32)
    assert regions(heard, duration=len(heard) * SECONDS) == (Region(5 * SECONDS, 26 * SECONDS),)


def test_regions_bridge_the_closure_of_a_consonant() -> None:
    heard = np.array([0.9] * 10 + [0.1] * 2 + [0.9] * 10, dtype=np.float32)
    assert len(regions(heard, duration=len(heard) * SECONDS)) == 1


def test_regions_leave_out_a_click() -> None:
    heard = np.array([0.1] * 10 + [0.9] * 4 + [0.1] * 10, dtype=np.float32)
    assert regions(heard, duration=len(heard) * SECONDS) == ()


def test_regions_end_with_the_samples() -> None:
    heard = np.full(32, 0.9, dtype=np.float32)
    assert regions(heard, duration=1.0) == (Region(0.0, 1.0),)


def test_joined_widens_and_joins_but_stays_within_the_samples() -> None:
    stretches = [Region(0.05, 1.0), Region(1.4, 2.0), Region(4.0, 4.95)]
    assert joined(stretches, gap=0.3, padding=0.1, duration=5.0) == (Region(0.0, 2.1), Region(3.9, 5.0))


def test_the_engine_tells_its_makers_nothing(tmp_path: Path) -> None:
    # What it tells, and the id by which, it keeps at home until it is sent.
    program = "from audio.analysis import voice_activity; voice_activity.load()"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    heard = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert (list(tmp_path.rglob("*")), heard.stderr) == ([], "")
