"""Whisper models that are real to CTranslate2 and to faster-whisper, and small enough to be made by a test.

`write_random` knows nothing and writes nonsense. `write_scripted` says the same words in every passage, a quarter of a
second each: its decoder looks at nothing but the number of the token that is due, and at the stretch of sound that
belongs to this number.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ctranslate2.specs.whisper_spec import WhisperConfig, WhisperSpec
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

WIDTH = 64
MELS = 80
# What Whisper hears at a time: 30 s in frames of 20 ms, and as many tokens about it.
FRAMES, TOKENS = 1500, 448
TASKS = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
# Frames for each scripted word.
WORD_FRAMES = 12

Weights = NDArray[np.float32]


@dataclass
class Vocabulary:
    """Bytes and whole words, then Whisper's special tokens, then its times."""

    words: list[str] = field(default_factory=list)
    languages: tuple[str, ...] = ("en",)

    @property
    def text(self) -> list[str]:
        tokens = sorted(ByteLevel.alphabet()) + [_as_bytes(word) for word in self.words]
        # An empty one is how CTranslate2 tells a model that knows many languages.
        return [*tokens, ""] if len(self.languages) > 1 else tokens

    @property
    def special(self) -> list[str]:
        languages = [f"<|{language}|>" for language in self.languages]
        times = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
        return ["<|endoftext|>", "<|startoftranscript|>", *languages, *TASKS, *times]

    @property
    def tokens(self) -> list[str]:
        return self.text + self.special

    def write(self, directory: Path) -> None:
        tokenizer = Tokenizer(BPE(vocab={token: number for number, token in enumerate(self.text)}, merges=[]))
        tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
        tokenizer.decoder = ByteLevelDecoder()
        tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in self.special])
        tokenizer.save(str(directory / "tokenizer.json"))


def write_random(directory: Path, *, seed: int = 0) -> Path:
    """A model of random weights, in a directory made for it. Returns the directory."""
    random = np.random.default_rng(seed)
    vocabulary = Vocabulary([" yes", " no", " perhaps", " never"])
    spec = _spec(len(vocabulary.tokens), lambda *shape: random.normal(0, 0.5, shape).astype(np.float32))
    return _write(directory, spec, vocabulary)


def write_scripted(directory: Path, words: list[str], *, languages: tuple[str, ...] = ("en",)) -> Path:
    """A model that hears `words`, each beginning with its space, at 0.24 s each. Returns the directory."""
    vocabulary = Vocabulary(sorted(set(words)), languages)
    numbers = {token: number for number, token in enumerate(vocabulary.tokens)}
    said = [numbers[_as_bytes(word)] for word in words]
    ends = f"<|{len(words) * WORD_FRAMES * 0.02:.2f}|>"
    # What a decoder is begun with: the start, and where there are several languages which it is and the task.
    prompted = 3 if len(languages) > 1 else 1
    script = [numbers["<|0.00|>"], *said, numbers[ends], numbers["<|endoftext|>"]]
    assert prompted + len(script) < WIDTH, "the model is too narrow for so many words"

    spec = _spec(len(numbers), lambda *shape: np.zeros(shape, dtype=np.float32))
    # Which token is due is all that there is in the decoder's state …
    spec.decoder.position_encodings.encodings = _steps(TOKENS, 1)
    for place, token in enumerate(script, start=prompted - 1):
        spec.decoder.projection.weight[token, place] = 2.0
    # … and what the word heard at this time gives, when the words are looked for in the sound: without a language
    # and times the alignment's own prompt is as long as the start alone and a word's token is one earlier.
    spec.encoder.position_encodings.encodings = _steps(FRAMES, WORD_FRAMES, shift=prompted)
    attention = spec.decoder.layer[0].attention
    attention.linear[0].weight = np.eye(WIDTH, dtype=np.float32)
    attention.linear[1].weight = np.concatenate([np.eye(WIDTH), np.zeros((WIDTH, WIDTH))]).astype(np.float32)
    return _write(directory, spec, vocabulary)


def _as_bytes(word: str) -> str:
    """A word as byte-level vocabularies write it: a character for each of its bytes."""
    return "".join(piece for piece, _ in ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(word))


def _steps(count: int, each: int, *, shift: int = 0) -> Weights:
    """Row n is 1 in column shift + n // each, the last column for all beyond it."""
    columns = np.minimum(shift + np.arange(count) // each, WIDTH - 1)
    return np.eye(WIDTH, dtype=np.float32)[columns]


def _spec(tokens: int, weights) -> WhisperSpec:
    spec = WhisperSpec(num_encoder_layers=1, num_encoder_heads=1, num_decoder_layers=1, num_decoder_heads=1)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(WIDTH, MELS, 3), weights(WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = weights(WIDTH, WIDTH, 3), weights(WIDTH)
    encoder.position_encodings.encodings = weights(FRAMES, WIDTH)
    decoder.position_encodings.encodings = weights(TOKENS, WIDTH)
    decoder.embeddings.weight = weights(tokens, WIDTH)
    decoder.projection.weight, decoder.projection.bias = weights(tokens, WIDTH), weights(tokens)
    for norm in (encoder.layer_norm, decoder.layer_norm):
        _even(norm)
    for layer in (*encoder.layer, *decoder.layer):
        _fill_attention(layer.self_attention, (3 * WIDTH, WIDTH), weights)
        _even(layer.ffn.layer_norm)
        _fill_linear(layer.ffn.linear_0, (4 * WIDTH, WIDTH), weights)
        _fill_linear(layer.ffn.linear_1, (WIDTH, 4 * WIDTH), weights)
    for layer in decoder.layer:
        _fill_attention(layer.attention, (WIDTH, 2 * WIDTH, WIDTH), weights)
    return spec


def _fill_attention(attention, outputs, weights) -> None:
    _even(attention.layer_norm)
    for linear, width in zip(attention.linear, outputs, strict=True):
        _fill_linear(linear, (width, WIDTH), weights)


def _fill_linear(linear, shape, weights) -> None:
    linear.weight, linear.bias = weights(*shape), weights(shape[0])


def _even(norm) -> None:
    norm.gamma, norm.beta = np.ones(WIDTH, dtype=np.float32), np.zeros(WIDTH, dtype=np.float32)


def _write(directory: Path, spec: WhisperSpec, vocabulary: Vocabulary) -> Path:
    directory.mkdir(parents=True)
    tokens = vocabulary.tokens
    spec.register_vocabulary(tokens)
    spec._config = WhisperConfig(
        suppress_ids=[],
        suppress_ids_begin=[tokens.index("<|endoftext|>")],
        lang_ids=[tokens.index(f"<|{language}|>") for language in vocabulary.languages],
        alignment_heads=[(0, 0)],
    )
    spec.validate()
    spec.optimize()
    spec.save(str(directory))
    vocabulary.write(directory)
    assert json.loads((directory / "config.json").read_text())["alignment_heads"] == [[0, 0]]
    return directory
