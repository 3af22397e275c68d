"""Speech played again, as coders and lines leave it, and speech that is only alike."""

import struct
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from audio.analysis.decoding import decode
from audio.analysis.repetition import HOP, Fingerprint, fingerprint, pack, repeats, unpack
from audio.analysis.voice_activity import Region, detect
from audio.containers import sniff
from tests import sound, voice

RATE = sound.SAMPLE_RATE
EVERYWHERE = [Region(0.0, 3600.0)]


def _of(samples: sound.Samples) -> Fingerprint:
    return fingerprint(samples, detect(samples).regions)


@cache
def _reader() -> Fingerprint:
    return _of(sound.speech())


def _said(start: float, end: float) -> sound.Samples:
    return sound.speech()[round(start * RATE) : round(end * RATE)]


def _coded(samples: sound.Samples, *, bit_rate: int = 24_000) -> sound.Samples:
    body = sound.encode(samples, bit_rate=bit_rate)
    container = sniff(body)
    assert container
    return decode(body, channels=1, container=container).mono[: len(samples)]


def _played_after(seconds: float, played: sound.Samples) -> sound.Samples:
    """A pause, then `played`."""
    return np.concatenate([sound.silence(seconds), played, sound.silence(1.0)])


@pytest.mark.parametrize("shift", [0, 100, 256, 400])
def test_repeats_finds_what_is_played_again_wherever_its_frames_begin(shift: int) -> None:
    played = _played_after(3.0 + shift / RATE, _coded(_said(11.1, 16.0) * np.float32(0.2)))
    (repeat,) = repeats(_of(played), [("reader", _reader())])
    assert repeat.of_key == "reader"
    assert repeat.start == pytest.approx(3.0, abs=0.5)
    assert repeat.end == pytest.approx(7.9, abs=0.5)
    assert repeat.start - repeat.of_start == pytest.approx(3.0 + shift / RATE - 11.1, abs=HOP)
    assert repeat.similarity > 0.8


@pytest.mark.parametrize("how", ["twice coded", "12 kb/s", "on the telephone", "quiet", "with noise"])
def test_repeats_recognises_speech_that_was_changed(how: str) -> None:
    said = _said(11.1, 16.1)
    changed = {
        "twice coded": lambda: _coded(_coded(said)),
        "12 kb/s": lambda: _coded(said, bit_rate=12_000),
        "on the telephone": lambda: voice.telephone(said),
        "quiet": lambda: said * np.float32(0.03),
        "with noise": lambda: said + sound.noise(5.0, level=0.1 * float(said.std())),
    }[how]()
    # Where the speech is, is told: what voice activity finds on a bad line is another matter.
    played = fingerprint(_played_after(2.01, changed), [Region(2.01, 7.01)])
    assert repeats(played, [("reader", _reader())])


def test_repeats_finds_the_origin_among_many() -> None:
    others = [(number, _of(_said(number, number + 4.0))) for number in (0.0, 6.0, 12.0)]
    (repeat,) = repeats(_of(_played_after(1.0, _said(17.0, 22.0))), [*others, (99.0, _reader())])
    assert repeat.of_key == 99.0


def test_repeats_are_in_order_and_apart() -> None:
    played = np.concatenate([_said(17.0, 22.0), sound.silence(1.0), _said(1.0, 6.0)])
    found = repeats(_of(played), [("once", _reader()), ("again", _reader())])
    assert len(found) == 2
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert [repeat.of_start for repeat in found] == pytest.approx([17.0, 1.0], abs=0.5)


def test_a_sound_repeats_nothing_of_itself() -> None:
    assert repeats(_reader(), [("itself", _reader())]) == ()


def test_a_loop_repeats_itself() -> None:
    announcement = np.concatenate([_said(11.1, 16.1), sound.silence(1.5)])
    looped = _of(np.tile(announcement, 3))
    found = repeats(looped, [("itself", looped)])
    assert found
    assert all(repeat.start - repeat.of_start >= 6.4 for repeat in found)


def test_other_sentences_of_the_same_man_are_no_repeat() -> None:
    for number in range(5):
        start, end = number * 5.3, (number + 1) * 5.3
        rest = np.concatenate([_said(0.0, start), sound.silence(1.0), _said(end, 26.7)])
        assert repeats(_of(_said(start, end)), [("the rest", _of(rest))]) == ()


@pytest.mark.parametrize("faster", [0.94, 1.06])
def test_the_same_sentence_said_a_little_differently_is_no_repeat(faster: float) -> None:
    said = _said(11.0, 16.1)
    otherwise = np.interp(np.arange(0, len(said), faster), np.arange(len(said)), said).astype(np.float32)
    assert repeats(_of(otherwise), [("reader", _reader())]) == ()


def test_less_than_the_shortest_is_no_repeat() -> None:
    played = _of(_played_after(1.0, _said(13.0, 14.4)))
    assert repeats(played, [("reader", _reader())]) == ()
    assert repeats(played, [("reader", _reader())], shortest=1.0)


@pytest.mark.parametrize(
    "nothing",
    [sound.tone(10.0), sound.silence(10.0), sound.tone(10.0, frequency=425.0) + sound.tone(10.0, frequency=900.0)],
    ids=["a tone", "silence", "two tones"],
)
def test_silence_and_steady_tones_repeat_nothing(nothing: sound.Samples) -> None:
    found = fingerprint(nothing, EVERYWHERE)
    assert found.speech[8:-8].mean() == 0
    assert repeats(found, [("the same", fingerprint(nothing, EVERYWHERE))]) == ()


def test_what_is_outside_the_regions_is_left_out() -> None:
    found = fingerprint(sound.speech(), [Region(5.0, 8.0)])
    assert 2.0 < np.count_nonzero(found.speech) * HOP < 3.1
    assert not found.speech[: round(4.9 / HOP)].any()
    assert not fingerprint(sound.speech(), []).speech.any()


@pytest.mark.parametrize("samples", [0, 1, 2, 511, 512, 513, 5000])
def test_fingerprint_takes_samples_of_any_length(samples: int) -> None:
    found = fingerprint(np.full(samples, 0.1, dtype=np.float32), EVERYWHERE)
    assert len(found.bits) == len(found.speech) == samples // 512
    assert repeats(found, [(0, found), (1, _reader())]) == ()
    assert repeats(_reader(), [(0, found)]) == ()


def test_fingerprint_bears_samples_that_are_no_numbers() -> None:
    broken = sound.speech()[: 3 * RATE].copy()
    broken[20_000:20_005] = [np.nan, np.inf, -np.inf, 1e30, -1e30]
    assert fingerprint(broken, EVERYWHERE).speech.any()


def test_repeats_needs_no_earlier_ones() -> None:
    assert repeats(_reader(), []) == ()


def test_pack_keeps_all_in_little() -> None:
    packed = pack(_reader())
    assert len(packed) < 4096
    kept = unpack(packed)
    assert np.array_equal(kept.bits, _reader().bits)
    assert np.array_equal(kept.speech, _reader().speech)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        struct.pack("<BI", 2, 0),
        struct.pack("<BI", 1, 2**32 - 1),
        struct.pack("<BI", 1, 8),
        struct.pack("<BI", 1, 8) + b"\x80",
        struct.pack("<BI", 1, 8) + b"\x00" + bytes(4),
    ],
)
def test_unpack_refuses_what_was_not_packed(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="packed fingerprint"):
        unpack(garbage)
