"""Whisper on this machine: a model directory in CTranslate2's format, run by faster-whisper. Its only importer.

`make models` fetches a model and installs what faster-whisper needs to run. Nothing here ever asks a network: a
directory that lacks a file, for which faster-whisper would go and look elsewhere, is refused before it is opened.
"""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio.analysis.transcription import STAGE, Passage, Word, by_stretch
from audio.errors import EngineUnavailable

# What has to be in the directory: without its tokenizer faster-whisper would fetch another model's.
FILES = ("model.bin", "config.json", "tokenizer.json")
VOCABULARY = "vocabulary.*"
# Written by `make models` beside the model: where it is from, and the digest of each file.
RECORD = "earshot-model.json"
# Of faster-whisper's own requirements, those that Earshot does without otherwise.
PACKAGES = ("ctranslate2", "tokenizers", "huggingface_hub", "tqdm")
CURE = "`make models` puts it there; where there is no network, docs/transcripts.md says how to do it by hand."

# Seconds. Regions closer than this are heard in one go. The encoder takes as long for one second as for thirty, and
# the words around a pause explain one another; in longer silences Whisper begins to invent.
GAP = 2.0
# Text that zlib makes smaller than this many times is the decoder going round in a circle: Whisper's own bound.
MOST_REPETITIVE = 2.4


@dataclass(frozen=True, slots=True)
class FasterWhisperTranscriber:
    """A Transcriber that runs the model in `directory` on `threads` processor cores, in 8-bit integers.

    It hears each stretch of speech by itself and takes the likeliest words, never a throw of the dice: the same
    stretch gives the same words. A word's confidence is the mean probability of its tokens.
    """

    directory: Path
    threads: int = 1

    name: ClassVar[str] = STAGE
    engine: ClassVar[str] = "faster-whisper"

    @property
    def model(self) -> str:
        """The directory's name."""
        return self.directory.resolve().name

    @property
    def version(self) -> str:
        """The package's, and the beginning of the model's SHA-256 where `make models` has written it down."""
        digest = recorded_digest(self.directory)
        return version("faster-whisper") + (f"+{digest[:12]}" if digest else "")

    @property
    def size(self) -> int:
        """Bytes of the model's weights; 0 without a model."""
        weights = self.directory / "model.bin"
        return weights.stat().st_size if weights.is_file() else 0

    def health(self) -> None:
        if not self.directory.is_dir():
            raise EngineUnavailable(f"There is no Whisper model at {self.directory}. {CURE}")
        if absent := _absent(self.directory):
            raise EngineUnavailable(f"The Whisper model at {self.directory} lacks {', '.join(absent)}. {CURE}")
        if missing := [package for package in PACKAGES if find_spec(package) is None]:
            raise EngineUnavailable(
                f"Whisper needs packages that are not installed: {', '.join(missing)}. `make models` installs them."
            )

    def load(self) -> None:
        _loaded(self.directory, self.threads)

    def run(self, given: Passage, /) -> tuple[Word, ...]:
        whisper = _loaded(self.directory, self.threads)
        if given.language not in whisper.supported_languages:
            raise EngineUnavailable(
                f"The Whisper model at {self.directory} does not know the language '{given.language}'. "
                "Set EARSHOT_WHISPER_MODEL to one that does."
            )
        return by_stretch(given, lambda samples: _words(whisper, samples, given.language), gap=GAP)


def recorded_digest(directory: Path) -> str:
    """The SHA-256 of model.bin as `make models` wrote it down, in hexadecimal; empty when it did not."""
    try:
        record = json.loads((directory / RECORD).read_text())
        return str(record["files"]["model.bin"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _absent(directory: Path) -> list[str]:
    absent = [name for name in FILES if not (directory / name).is_file()]
    return absent if any(directory.glob(VOCABULARY)) else [*absent, VOCABULARY]


@cache
def _loaded(directory: Path, threads: int) -> Any:
    """The model, loaded once in each process; after the fork. Raises EngineUnavailable."""
    FasterWhisperTranscriber(directory, threads).health()
    # Heeded by the hub's client when it is imported: should anything here ever look for a file elsewhere, it fails.
    os.environ["HF_HUB_OFFLINE"] = "1"
    # What faster-whisper imports in its turn is there only after `make models`; without, this module must import.
    import faster_whisper  # type: ignore[import-untyped]  # noqa: PLC0415

    # It tells the length of every stretch.
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    try:
        return faster_whisper.WhisperModel(
            str(directory), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as failed:
        # CTranslate2's words are about bytes of the file; a half-copied one is the usual cause.
        raise EngineUnavailable(f"The Whisper model at {directory} cannot be loaded: it is damaged. {CURE}") from failed


def _words(whisper: Any, samples: NDArray[np.float32], language: str) -> Iterator[Word]:
    segments, _ = whisper.transcribe(
        samples,
        language=language,
        word_timestamps=True,
        # What was said before the stretch is another stretch's business, and errors would travel with it.
        condition_on_previous_text=False,
        # Without further temperatures: at those it draws lots, and the second hearing would differ from the first.
        temperature=0.0,
        # The samples are speech already.
        vad_filter=False,
    )
    for segment in segments:
        if segment.compression_ratio > MOST_REPETITIVE:
            continue
        for word in segment.words or ():
            yield Word(word.word, float(word.start), float(word.end), float(word.probability))
