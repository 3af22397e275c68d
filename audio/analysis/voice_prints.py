"""How a voice sounds, as a vector: Resemblyzer's speaker encoder, run by numpy.

The weights are those that the resemblyzer package carries; nothing of that package is imported, nor PyTorch, which
wrote the file. The network is the one of "Generalized End-to-End Loss for Speaker Verification" (Wan et al., 2018):
three LSTM layers of 256 over 40 mel bands, 100 frames a second, and a linear layer over what the last one holds in
the end. It was trained on windows of 1.6 s.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio.analysis.decoding import SAMPLE_RATE
from audio.errors import EngineUnavailable

ENGINE = "resemblyzer"
MODEL = "pretrained.pt"

# The encoder's own: windows of 25 ms every 10 ms, in samples, and their mel bands.
FRAME, HOP, BANDS = 400, 160, 40
FRAMES_PER_SECOND = SAMPLE_RATE // HOP
# Frames it was trained on at a time.
WINDOW = 160
LAYERS, WIDTH = 3, 256

# Frames whose inputs are weighed by one product: the more the quicker, at 240 kB a frame for 60 windows.
_BLOCK = 16
# Windows that are run at once: products of matrices as large as the processor likes them, and some 40 MB.
_BATCH = 64

# PyTorch's first format: a number that says so, the version of the format, and the machine that wrote it, each pickled.
_MAGIC, _FORMAT = 0x1950A86A20F9469CFC6C, 1001
_PREAMBLE_PICKLES = 3
# Slaney's mel scale: linear up to 1 kHz, then a constant number of mels for every factor of 6.4.
_MEL_HERTZ, _KNEE_HERTZ, _MELS_ABOVE = 200 / 3, 1000.0, 27 / np.log(6.4)


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """An LSTM layer: (inputs, 4 · 256), (256, 4 · 256), (4 · 256,); gates in, forget, cell, out."""

    from_input: NDArray[np.float32]
    from_itself: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    layers: tuple[_Layer, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def prints(self, mel: NDArray[np.float32], windows: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        """Voice prints of `windows`, each from a frame to before another, of `mel` of shape (frames, 40).

        Of shape (n, 256), each of unit length, no number negative. A window has at least one frame.
        """
        batches = [self._batch(mel, windows[start : start + _BATCH]) for start in range(0, len(windows), _BATCH)]
        return np.concatenate(batches) if batches else np.zeros((0, WIDTH), dtype=np.float32)

    def _batch(self, mel: NDArray[np.float32], windows: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        lengths = np.array([end - start for start, end in windows])
        # Shorter ones are filled up at the end, after what is taken of them.
        heard = np.zeros((lengths.max(), len(windows), BANDS), dtype=np.float32)
        for index, (start, end) in enumerate(windows):
            heard[: end - start, index] = mel[start:end]
        for layer in self.layers:
            heard = _run(layer, heard)
        raw = np.maximum(heard[lengths - 1, np.arange(len(windows))] @ self.weight + self.bias, 0.0)
        # What it answers nothing to has no direction: it stays zero.
        prints: NDArray[np.float32] = raw / np.maximum(
            np.linalg.norm(raw, axis=1, keepdims=True), np.finfo(np.float32).tiny
        )
        return prints


def version() -> str:
    return installed_version("resemblyzer")


def mel_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel power spectrum of mono `samples` of shape (n,) at 16 kHz: (1 + n // 160, 40), not logarithmic.

    Frame t is centred on sample 160 t; beyond the ends is silence. The same as librosa's with its defaults.
    """
    padded = np.pad(samples, FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    bins, window = _filters(), _hann()
    mel = np.empty((len(frames), BANDS), dtype=np.float32)
    # A block at a time: all at once would be 13 MB for 30 s.
    for start in range(0, len(frames), 500):
        spectrum = np.fft.rfft(frames[start : start + 500] * window)
        mel[start : start + 500] = (spectrum.real**2 + spectrum.imag**2) @ bins
    return mel


def health() -> None:
    """Raises EngineUnavailable when the weights are not there. Reads nothing."""
    weights()


@cache
def load() -> Encoder:
    """The encoder, read once in each process; after the fork. 6 MB.

    Raises EngineUnavailable without the weights' package, or when the file is not what is known here.
    """
    path = weights()
    try:
        tensors = read_tensors(path)
        layers = tuple(_layer(tensors, number) for number in range(LAYERS))
        return Encoder(layers, np.ascontiguousarray(tensors["linear.weight"].T), tensors["linear.bias"])
    except (OSError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise EngineUnavailable(f"The speaker encoder's weights in {path} cannot be read: {error}") from error


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The `model_state` of a checkpoint in PyTorch's first format, as arrays; name → tensor.

    Of what a pickle can name, only tensors of float32 and ordered dictionaries are made; anything else raises
    UnpicklingError, damage ValueError or EOFError.
    """
    with path.open("rb") as file:
        magic, written_as, _ = (_Unpickler(file).load() for _ in range(_PREAMBLE_PICKLES))
        if (magic, written_as) != (_MAGIC, _FORMAT):
            raise ValueError("this is no checkpoint in PyTorch's first format")
        state = _Unpickler(file).load()["model_state"]
        tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, _Tensor)}
        wanted = {tensor.storage.key for tensor in tensors.values()}
        storages = {}
        for key in _Unpickler(file).load():
            size = int.from_bytes(file.read(8), "little")
            if key in wanted:
                storages[key] = np.frombuffer(file.read(size * 4), dtype="<f4")
            else:
                file.seek(size * 4, 1)
        return {name: tensor.of(storages[tensor.storage.key]) for name, tensor in tensors.items()}


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where in a storage a tensor lies, counted in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.strides, *self.shape) < 0 or last >= len(numbers):
            raise ValueError("a tensor lies outside its storage")
        bytes_apart = tuple(stride * numbers.itemsize for stride in self.strides)
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, bytes_apart)
        # A copy, so that the storages of the training's own state can go.
        return np.array(view, dtype=np.float32)


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Unpickler(pickle.Unpickler):
    _KNOWN: ClassVar[dict[tuple[str, str], Callable[..., Any] | str]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch", "FloatStorage"): "float32",
        # In the training's state, which is passed over.
        ("torch", "LongStorage"): "int64",
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, given: Any) -> _Storage:
        kind, numbers, key, *_ = given
        if kind != "storage" or numbers != "float32":
            raise pickle.UnpicklingError(f"it holds a {kind} of {numbers}")
        return _Storage(key)


def weights() -> Path:
    """Where the weights are. Raises EngineUnavailable without them."""
    package = find_spec("resemblyzer")
    path = Path(package.origin).with_name(MODEL) if package and package.origin else None
    if path is None or not path.is_file():
        raise EngineUnavailable(
            "The resemblyzer package, which carries the speaker encoder's weights, is not installed."
        )
    return path


def _layer(tensors: dict[str, NDArray[np.float32]], number: int) -> _Layer:
    from_input = tensors[f"lstm.weight_ih_l{number}"].T.copy()
    from_itself = tensors[f"lstm.weight_hh_l{number}"].T.copy()
    bias = tensors[f"lstm.bias_ih_l{number}"] + tensors[f"lstm.bias_hh_l{number}"]
    for part in (from_input, from_itself, bias):
        # sigmoid(x) = (1 + tanh(x / 2)) / 2: with three of them halved, one call of tanh serves all four gates.
        part[..., : 2 * WIDTH] *= 0.5
        part[..., 3 * WIDTH :] *= 0.5
    return _Layer(from_input, from_itself, bias)


def _run(layer: _Layer, heard: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the layer holds after each frame, shape (frames, n, 256), of `heard` of shape (frames, n, inputs)."""
    frames, windows, _ = heard.shape
    held = np.empty((frames, windows, WIDTH), dtype=np.float32)
    cell = np.zeros((windows, WIDTH), dtype=np.float32)
    output = np.zeros((windows, WIDTH), dtype=np.float32)
    # What each frame takes is taken once: fresh memory costs as much as what is done in it.
    from_itself = np.empty((windows, 4 * WIDTH), dtype=np.float32)
    given = np.empty((_BLOCK * windows, 4 * WIDTH), dtype=np.float32)
    by_frame = given.reshape(_BLOCK, windows, 4 * WIDTH)
    for frame in range(frames):
        if frame % _BLOCK == 0:
            block = heard[frame : frame + _BLOCK]
            np.matmul(block.reshape(-1, block.shape[2]), layer.from_input, out=given[: len(block) * windows])
        gates = by_frame[frame % _BLOCK]
        gates += np.matmul(output, layer.from_itself, out=from_itself)
        gates += layer.bias
        np.tanh(gates, out=gates)
        enter, keep, candidate, leave = (gates[:, start : start + WIDTH] for start in range(0, 4 * WIDTH, WIDTH))
        for gate in (enter, keep, leave):
            np.add(gate, 1.0, out=gate)
            np.multiply(gate, 0.5, out=gate)
        cell *= keep
        enter *= candidate
        cell += enter
        output = held[frame]
        np.tanh(cell, out=output)
        output *= leave
    return held


@cache
def _hann() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


@cache
def _filters() -> NDArray[np.float32]:
    """Triangles of equal area from one mel band's neighbour to the other; shape (201, 40)."""
    bins = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    edges = _hertz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), BANDS + 2))
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


def _mel(hertz: float) -> float:
    knee = _KNEE_HERTZ / _MEL_HERTZ
    return hertz / _MEL_HERTZ if hertz < _KNEE_HERTZ else float(knee + np.log(hertz / _KNEE_HERTZ) * _MELS_ABOVE)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _KNEE_HERTZ / _MEL_HERTZ
    return np.where(mels < knee, mels * _MEL_HERTZ, _KNEE_HERTZ * np.exp((mels - knee) / _MELS_ABOVE))
