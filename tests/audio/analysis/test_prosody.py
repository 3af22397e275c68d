"""Pitch and level, on vowels whose pitch is known and on a man who reads."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.analysis.prosody import FLOOR, HOP, Prosody, ProsodyStage, measure, pack, unpack
from tests import sound, voice

FRAME = round(HOP * sound.SAMPLE_RATE)


def _as_it_is(samples: sound.Samples) -> sound.Samples:
    return samples


def _noisy(samples: sound.Samples) -> sound.Samples:
    return samples + sound.noise(len(samples) / sound.SAMPLE_RATE, level=0.03)


def _semitones_off(heard: NDArray[np.float32], pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each voiced frame is from what was sung in its middle; not the first and the last, next to silence."""
    sung = pitch[FRAME // 2 :: FRAME][: len(heard)][1:-1]
    inner = heard[1:-1]
    assert np.mean(inner > 0) > 0.5, "a vowel is voiced, though a low one is faint on the telephone and in noise"
    off: NDArray[np.float64] = 12 * np.log2(inner[inner > 0] / sung[inner > 0])
    return off


@pytest.mark.parametrize("heard_through", [_as_it_is, voice.telephone, _noisy])
@pytest.mark.parametrize("name", voice.VOWELS)
def test_measure_finds_the_pitch_of_a_vowel(name: str, heard_through: Callable[[sound.Samples], sound.Samples]) -> None:
    off = []
    for pitch in (75.0, 100.0, 140.0, 190.0, 250.0, 330.0):
        glide = voice.gliding(pitch)
        off.append(_semitones_off(measure(heard_through(voice.vowel(glide, name))).pitch, glide))
    every = np.abs(np.concatenate(off))
    assert np.median(every) < 0.15
    assert every.max() < 2, "no octave, no overtone in the fundamental's place"


@pytest.mark.parametrize("frequency", [80.0, 125.0, 220.0, 380.0])
def test_measure_finds_the_pitch_of_a_tone(frequency: float) -> None:
    assert np.median(measure(sound.tone(1.0, frequency=frequency)).pitch) == pytest.approx(frequency, rel=0.01)


@pytest.mark.parametrize(
    "nothing",
    [sound.noise(10.0), voice.telephone(sound.noise(10.0, seed=1)), sound.silence(2.0), sound.tone(2.0, level=1e-6)],
    ids=["noise", "noise on the telephone", "silence", "what nobody can hear"],
)
def test_measure_finds_no_pitch(nothing: sound.Samples) -> None:
    assert np.mean(measure(nothing).pitch > 0) < 0.01


def test_measure_hears_the_reader_alike_on_the_telephone() -> None:
    full, telephone = measure(sound.speech()).pitch, measure(voice.telephone(sound.speech())).pitch
    both = (full > 0) & (telephone > 0)
    assert np.mean(both) > 0.3
    assert 80 < np.median(full[full > 0]) < 120, "he has a low voice"
    assert np.mean(np.abs(12 * np.log2(telephone[both] / full[both])) > 2) < 0.05


def test_measure_finds_the_same_pitch_however_loud() -> None:
    loud, quiet = measure(sound.speech()), measure(sound.speech() * np.float32(0.1))
    both = (loud.pitch > 0) & (quiet.pitch > 0)
    assert np.median(np.abs(np.log2(quiet.pitch[both] / loud.pitch[both]))) < 0.01
    assert np.median(loud.level - quiet.level) == pytest.approx(20.0, abs=0.1)


def test_measure_gives_the_level_in_decibels_of_full_scale() -> None:
    assert measure(sound.tone(1.0, level=1.0)).level == pytest.approx(np.full(20, -3.01), abs=0.05)
    assert measure(sound.silence(1.0)).level == pytest.approx(np.full(20, FLOOR))


def test_measure_does_not_let_the_end_fade() -> None:
    level = measure(sound.tone(1.01)).level
    assert len(level) == 21
    assert level[-1] == pytest.approx(level[0], abs=1.0)


@pytest.mark.parametrize("samples", [0, 1, FRAME - 1, FRAME, FRAME + 1])
def test_measure_takes_samples_of_any_length(samples: int) -> None:
    prosody = measure(np.zeros(samples, dtype=np.float32))
    assert len(prosody.pitch) == len(prosody.level) == -(-samples // FRAME)
    assert prosody.duration == pytest.approx(len(prosody.pitch) * HOP)


def test_measure_bears_samples_that_are_no_numbers() -> None:
    broken = sound.speech()[: 2 * sound.SAMPLE_RATE].copy()
    broken[1000:1010] = [np.nan, np.inf, -np.inf, 1e30, -1e30, np.nan, 0, 0, 0, 0]
    prosody = measure(broken)
    assert np.isfinite(prosody.pitch).all()
    assert np.isfinite(prosody.level).all()


def test_between_gives_the_frames_whose_middle_is_within() -> None:
    frames = np.arange(10, dtype=np.float32)
    whole = Prosody(frames, -frames)
    assert list(whole.between(0.1, 0.2).pitch) == [2, 3]
    assert list(whole.between(0.12, 0.23).level) == [-2, -3, -4]
    assert list(whole.between(-5.0, 0.05).pitch) == [0]
    assert list(whole.between(0.45, 60.0).pitch) == [9]
    assert len(whole.between(0.3, 0.3).pitch) == 0
    assert len(whole.between(70.0, 80.0).pitch) == 0


def test_pack_keeps_what_matters_in_little() -> None:
    prosody = measure(sound.speech())
    packed = pack(prosody)
    assert len(packed) < 2048
    kept = unpack(packed)
    voiced = prosody.pitch > 0
    assert np.array_equal(kept.pitch > 0, voiced)
    assert np.abs(1200 * np.log2(kept.pitch[voiced] / prosody.pitch[voiced])).max() < 1.0
    assert np.abs(kept.level - prosody.level).max() <= 0.26
    assert pack(kept) == packed


def test_pack_takes_nothing_at_all() -> None:
    assert unpack(pack(measure(sound.silence(0.0)))).duration == 0.0


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x01",
        b"\x01\x02\x00\x00\x00\x00",
        b"\x02\x00\x00\x00\x00",
        struct.pack("<BI", 1, 2**32 - 1),
        pack(Prosody(np.ones(3, dtype=np.float32), np.zeros(3, dtype=np.float32))) + b"\x00",
    ],
)
def test_unpack_refuses_what_was_not_packed(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="packed prosody"):
        unpack(garbage)


def test_unpack_gives_numbers_in_bounds_for_any_bytes_of_the_right_length() -> None:
    body = np.random.default_rng(0).integers(0, 256, 300, dtype=np.uint8).tobytes()
    prosody = unpack(struct.pack("<BI", 1, 100) + body)
    assert ((prosody.pitch == 0) | ((prosody.pitch >= 50) & (prosody.pitch < 1000))).all()
    assert ((prosody.level >= FLOOR) & (prosody.level <= 0)).all()


def test_the_stage_says_who_it_is_and_measures() -> None:
    stage = ProsodyStage()
    stage.health()
    stage.load()
    samples = sound.speech()[: sound.SAMPLE_RATE]
    assert (stage.name, stage.engine, stage.model, stage.version) == ("prosody", "earshot", "cross-correlation", "1")
    assert pack(stage.run(samples)) == pack(measure(samples))
