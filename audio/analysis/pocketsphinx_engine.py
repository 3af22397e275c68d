"""The draft engine: English, offline, small, with its model inside the package. The only importer of pocketsphinx.

It writes down most of what one person reads aloud and little of what two people say on the telephone. It is
there so that a fresh installation hears something at all, and what it writes is called a draft wherever it is
shown.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.transcription import STAGE, Passage, Word, by_stretch
from audio.errors import EngineUnavailable

LANGUAGE = "en"
# Found by trying on one reader, as recorded, coded, shifted and quiet. The second pass (fwdflat) takes longer and gets
# more words wrong; looking at every second frame only (ds=2) saves a quarter of the time for a few words more wrong.
# The bound on active models changed no word there and keeps noise, where everything seems likely, from taking several
# times as long. The last pass (bestpath) has to stay: without it every word comes with a confidence of 1.
SETTINGS = {"samprate": SAMPLE_RATE, "fwdflat": False, "maxhmmpf": 10_000, "ds": 1}

# Seconds. Regions closer than this are one utterance to the engine, which takes the mean of the spectrum off
# each: a stretch long enough for that mean, without the silence that would shift it. Longer gaps get more
# words wrong.
GAP = 0.3

# Root mean square of the speech after levelling, of full scale: some -20 dB, as in what the model was trained
# on.
LEVEL = 0.1
# Not more: what needs a hundredfold is silence with a hum.
MOST_GAIN = 100.0


@dataclass(frozen=True, slots=True)
class PocketsphinxTranscriber:
    """A Transcriber on one processor core at about an eighth of the sound's own time.

    It hears each stretch of speech by itself: what else is in the passage changes nothing of its words.
    """

    name: ClassVar[str] = STAGE
    engine: ClassVar[str] = "pocketsphinx"
    model: ClassVar[str] = "en-us"

    @property
    def version(self) -> str:
        return version("pocketsphinx")

    def health(self) -> None:
        if not (Path(pocketsphinx.get_model_path()) / self.model / self.model).is_dir():
            raise EngineUnavailable(
                "The pocketsphinx package has no English model in it. `make install` puts it in its place."
            )

    def load(self) -> None:
        _decoder()

    def run(self, given: Passage, /) -> tuple[Word, ...]:
        if given.language != LANGUAGE:
            raise EngineUnavailable(
                f"pocketsphinx knows English alone, and this is said to be '{given.language}'. "
                "`make models` fetches an engine that knows more languages."
            )
        return by_stretch(given, _words, gap=GAP)


@cache
def _decoder() -> Any:
    """Loaded once in each process; after the fork. 0.6 s, 100 MB."""
    return pocketsphinx.Decoder(loglevel="FATAL", **SETTINGS)


def clean(word: str) -> str:
    """A dictionary entry as a word: `read(2)` is `read`; `<sil>`, `[NOISE]` and `++COUGH++` are empty."""
    if re.fullmatch(r"<.*>|\[.*\]|\+\+.*\+\+", word):
        return ""
    return re.sub(r"\(\d+\)$", "", word)


def _levelled(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    level = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    return np.clip(samples * min(LEVEL / level, MOST_GAIN), -1.0, 1.0) if level else samples


def _words(samples: NDArray[np.float32]) -> list[Word]:
    """The words of one stretch."""
    decoder = _decoder()
    # The mean and the noise it learned in one stretch must not change what it hears in another.
    decoder.reinit_feat()
    decoder.start_utt()
    try:
        decoder.process_raw((_levelled(samples) * 32767).astype("<i2").tobytes(), full_utt=True)
    finally:
        decoder.end_utt()
    seconds = 1 / decoder.config["frate"]
    return [
        Word(
            text=text,
            start_time=segment.start_frame * seconds,
            end_time=(segment.end_frame + 1) * seconds,
            confidence=float(segment.prob),
        )
        for segment in decoder.seg() or ()
        if (text := clean(segment.word))
    ]
