"""The speaker encoder: the weights read, the features, and the prints that PyTorch gives."""

import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from audio.analysis import voice_prints
from audio.analysis.voice_prints import mel_spectrogram, read_tensors
from tests import sound


def _mel() -> np.ndarray:
    frames, bands = np.arange(160)[:, None], np.arange(40)[None]
    return (0.05 * (1 + np.sin(0.13 * frames + 0.7 * bands)) * np.exp(-bands / 12)).astype(np.float32)


def test_prints_are_those_of_pytorch() -> None:
    mel = _mel()
    whole, half, backwards = voice_prints.load().prints(
        np.concatenate([mel, mel[::-1]]), [(0, 160), (0, 80), (160, 320)]
    )
    # Calculated by PyTorch 2.13 from the same weights.
    assert whole[[15, 213, 189, 234, 137]] == pytest.approx(
        [0.302422, 0.214662, 0.212496, 0.190947, 0.175023], abs=1e-5
    )
    assert half[[189, 15, 248, 253, 155]] == pytest.approx([0.245891, 0.205991, 0.199175, 0.186303, 0.177775], abs=1e-5)
    assert whole @ backwards == pytest.approx(0.857196, abs=1e-5)


def test_prints_are_of_unit_length_and_never_negative() -> None:
    mel = mel_spectrogram(sound.speech()[:48_000])
    prints = voice_prints.load().prints(mel, [(0, 160), (100, 140), (299, 300)])
    assert prints.shape == (3, 256)
    assert np.linalg.norm(prints, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert prints.min() >= 0.0


def test_prints_of_many_windows_are_those_of_each() -> None:
    mel = mel_spectrogram(sound.speech()[:48_000])
    windows = [(start, start + 50 + start % 70) for start in range(150)]
    encoder = voice_prints.load()
    together = encoder.prints(mel, windows)
    assert np.allclose(together[70], encoder.prints(mel, windows[70:71])[0], atol=1e-5)
    assert encoder.prints(mel, []).shape == (0, 256)


def test_mel_spectrogram_is_that_of_librosa() -> None:
    times = np.arange(16_000) / 16_000
    tones = 0.3 * np.sin(2 * np.pi * 440 * times) + 0.1 * np.sin(2 * np.pi * 3000 * times**2)
    mel = mel_spectrogram(tones.astype(np.float32))
    # By librosa 0.10 with its defaults: frames of 400, every 160, 40 bands.
    assert mel.shape == (101, 40)
    assert mel[50, [5, 6]] == pytest.approx([14.787976, 1.603731], rel=1e-4)
    assert mel[0, [5, 6, 7]] == pytest.approx([4.831526, 1.489243, 0.163114], rel=1e-4)


class _Storage:
    """Pickled by reference, as PyTorch does with the numbers of its tensors."""


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> tuple[str, str] | None:
        return ("module", "anything") if isinstance(obj, _Storage) else None


def _checkpoint(path: Path, content: object) -> Path:
    with path.open("wb") as file:
        for preamble in (0x1950A86A20F9469CFC6C, 1001, {}):
            pickle.dump(preamble, file, protocol=2)
        _Pickler(file, protocol=2).dump(content)
    return path


def test_read_tensors_makes_nothing_but_tensors(tmp_path: Path) -> None:
    for number, content in enumerate((OrderedDict(model_state=Path()), {"model_state": print})):
        path = _checkpoint(tmp_path / str(number), content)
        with pytest.raises(pickle.UnpicklingError, match="it asks for"):
            read_tensors(path)


def test_read_tensors_takes_nothing_by_reference_but_numbers(tmp_path: Path) -> None:
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        read_tensors(_checkpoint(tmp_path / "odd", {"model_state": {"a": _Storage()}}))


def test_read_tensors_says_what_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"".join(pickle.dumps(number, protocol=2) for number in (1, 2, 3)))
    with pytest.raises(ValueError, match="no checkpoint"):
        read_tensors(path)
