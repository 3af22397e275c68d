"""Bytes to samples: rate, channels, length, and what damage does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import containers
from audio.analysis.decoding import SAMPLE_RATE, Sound, decode
from audio.errors import AudioError, TooLong, Undecodable
from tests import sound
from tests.scale import scaled

BY_EXTENSION = {container.extension: container for container in containers.CONTAINERS}
ONE_SECOND = {extension: sound.encode(sound.tone(1.0), container=extension) for extension in BY_EXTENSION}


def _decode(body: bytes, extension: str, *, channels: int = 1) -> Sound:
    return decode(body, channels=channels, container=BY_EXTENSION[extension])


def _loudest_frequency(samples: sound.Samples) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE / len(samples))


@pytest.mark.parametrize("sample_rate", [8_000, 44_100])
@pytest.mark.parametrize("extension", BY_EXTENSION)
def test_decode_gives_16_khz_whatever_was_recorded(extension: str, sample_rate: int) -> None:
    body = sound.encode(sound.tone(2.0, sample_rate=sample_rate), container=extension, sample_rate=sample_rate)
    heard = _decode(body, extension)
    assert heard.samples.dtype == np.float32
    assert heard.sample_rate == SAMPLE_RATE
    assert heard.samples.shape[0] == 1
    # AAC ends on a whole frame, and some muxers put one more before the beginning.
    assert heard.duration == pytest.approx(2.0, abs=2048 / sample_rate if extension == "m4a" else 0.001)
    assert _loudest_frequency(heard.mono) == pytest.approx(440.0, abs=2.0)
    assert np.abs(heard.mono[4000:-4000]).max() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("extension", BY_EXTENSION)
def test_inspect_and_decode_agree_on_the_length(extension: str) -> None:
    body = sound.encode(sound.tone(2.5), container=extension)
    precise = 0.07 if extension == "m4a" else 0.001
    assert containers.inspect(body).duration_seconds == pytest.approx(_decode(body, extension).duration, abs=precise)


def test_decode_keeps_two_channels_apart_when_asked() -> None:
    both = np.stack([sound.tone(2.0, frequency=440.0), sound.tone(2.0, frequency=1000.0)])
    heard = _decode(sound.encode(both, container="ogg", bit_rate=96_000), "ogg", channels=2)
    assert heard.samples.shape[0] == 2
    assert [round(_loudest_frequency(channel), -1) for channel in heard.samples] == [440, 1000]


def test_decode_mixes_two_channels_by_their_mean() -> None:
    both = np.stack([sound.tone(1.0), sound.silence(1.0)])
    heard = _decode(sound.encode(both, container="wav"), "wav")
    assert heard.samples.shape[0] == 1
    assert np.abs(heard.mono).max() == pytest.approx(0.15, abs=0.01)


def test_decode_gives_one_channel_of_a_mono_file_even_when_asked_for_two() -> None:
    assert _decode(ONE_SECOND["ogg"], "ogg", channels=2).samples.shape[0] == 1


def test_mono_is_the_mean_of_the_channels() -> None:
    heard = Sound(np.array([[1.0, 0.0], [0.0, 0.5]], dtype=np.float32))
    assert heard.mono.tolist() == [0.5, 0.25]
    assert heard.mono.dtype == np.float32


@pytest.mark.parametrize("extension", ["webm", "ogg", "mp3", "wav"])
def test_decode_gives_what_is_there_of_a_truncated_file(extension: str) -> None:
    body = sound.encode(sound.tone(2.0), container=extension)
    assert 0.1 < _decode(body[: len(body) // 2], extension).duration < 1.8


@pytest.mark.parametrize("body", [b"", b"RIFF\x00\x00\x00\x00WAVE", bytes(100)])
def test_decode_says_that_nothing_can_be_decoded(body: bytes) -> None:
    for extension in BY_EXTENSION:
        with pytest.raises(Undecodable):
            _decode(body, extension)


def test_decode_says_so_when_a_header_is_all_there_is() -> None:
    with pytest.raises(Undecodable):
        _decode(ONE_SECOND["wav"][: ONE_SECOND["wav"].index(b"data") + 8], "wav")


def test_decode_stops_at_the_longest_it_is_allowed() -> None:
    with pytest.raises(TooLong):
        decode(ONE_SECOND["ogg"], channels=1, container=containers.OGG, longest_seconds=0.5)


@settings(max_examples=scaled(200, 2000), deadline=None)
@given(st.sampled_from(list(BY_EXTENSION)), st.data())
def test_decode_raises_nothing_but_audio_errors_for_damaged_files(extension: str, data: st.DataObject) -> None:
    body = bytearray(ONE_SECOND[extension])
    del body[data.draw(st.integers(0, len(body))) :]
    for _ in range(data.draw(st.integers(0, 8)) if body else 0):
        farthest = min(len(body), 1200) if data.draw(st.booleans()) else len(body)
        body[data.draw(st.integers(0, farthest - 1))] = data.draw(st.integers(0, 255))
    try:
        heard = _decode(bytes(body), extension)
    except AudioError:
        return
    assert heard.samples.ndim == 2
    assert heard.duration > 0.0
