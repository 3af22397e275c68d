"""Where somebody speaks: Silero's voice activity detector, version 6, on onnxruntime.

The weights are those that the faster-whisper package carries; nothing of that package is imported. The model
hears 32 ms at a time with the last 4 ms before it, and carries its memory from one window to the next by
itself, so that a whole chunk is one call. Music, tones and noise score near zero.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from audio.analysis.decoding import SAMPLE_RATE
from audio.errors import EngineUnavailable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# As its makers build it, onnxruntime keeps an id of the machine in the home directory and tells them of each start,
# from the moment that it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

MODEL = "silero_vad_v6.onnx"

# The model's own shapes at 16 kHz, in samples, and the width of its memory.
WINDOW, CONTEXT, MEMORY = 512, 64, 128

# Speech begins when the model is more sure than not, and goes on until it is clearly less: Silero's own
# choice.
BEGINS_AT, ENDS_BELOW = 0.5, 0.35
# Seconds. A click or a cough is shorter than the first; the second is the closure of a consonant, not a
# pause.
SHORTEST_SPEECH, SHORTEST_SILENCE = 0.25, 0.1
# Seconds kept before and after: the model reacts a window late, and a final consonant is faint.
PADDING = 0.1


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of time in seconds from the beginning of the samples."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class VoiceActivity:
    """Where somebody speaks, in order and apart, and the share of the whole time that this is (0-1)."""

    regions: tuple[Region, ...]
    ratio: float


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Mono samples (n,) by channel, and where on the recording's own line they begin, in seconds."""

    samples: tuple[NDArray[np.float32], ...]
    begins_at: float


class VoiceActivityStage:
    """Silero's detector as a stage: the voice in each channel."""

    name: Final = "voice_activity"
    engine: Final = "silero"
    model: Final = MODEL
    version: Final = "6"

    def health(self) -> None:
        if not _weights().is_file():
            raise EngineUnavailable(f"{MODEL}, which the faster-whisper package carries, is missing: `make install`.")

    def load(self) -> None:
        load()

    def run(self, given: Channels, /) -> tuple[VoiceActivity, ...]:
        return tuple(detect(samples, begins_at=given.begins_at) for samples in given.samples)


def detect(samples: NDArray[np.float32], *, begins_at: float = 0.0) -> VoiceActivity:
    """Voice in mono `samples` of shape (n,) at 16 kHz. The ratio is of speech itself, without the padding.

    `begins_at`, seconds on the recording's own line, lets the windows lie alike in whatever stretches it is cut into.
    """
    duration = len(samples) / SAMPLE_RATE
    lead = round(begins_at * SAMPLE_RATE) % WINDOW
    led = np.concatenate([np.zeros(lead, dtype=np.float32), samples]) if lead else samples
    ahead = lead / SAMPLE_RATE
    heard = regions(probabilities(led), duration=duration + ahead)
    speech = [Region(max(0.0, region.start - ahead), region.end - ahead) for region in heard if region.end > ahead]
    ratio = sum(region.duration for region in speech) / duration if speech else 0.0
    return VoiceActivity(joined(speech, gap=0.0, padding=PADDING, duration=duration), ratio)


def probabilities(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """How likely speech is in each window of 32 ms, the last filled up with silence; shape (windows,)."""
    windows = -(-len(samples) // WINDOW)
    if not windows:
        return np.zeros(0, dtype=np.float32)
    padded = np.zeros(CONTEXT + windows * WINDOW, dtype=np.float32)
    padded[CONTEXT : CONTEXT + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + WINDOW)[::WINDOW]
    memory = np.zeros((1, 1, MEMORY), dtype=np.float32)
    inputs = {"input": np.ascontiguousarray(frames), "h": memory, "c": memory}
    heard: NDArray[np.float32] = load().run(["speech_probs"], inputs)[0]
    return heard


def regions(probabilities: NDArray[np.float32], *, duration: float) -> tuple[Region, ...]:
    """Stretches of speech by the thresholds and shortest lengths above, none past `duration` seconds."""
    stretches: list[Region] = []
    began: float | None = None
    seconds = WINDOW / SAMPLE_RATE
    for index, probability in enumerate(probabilities):
        if began is None and probability >= BEGINS_AT:
            began = index * seconds
        elif began is not None and probability < ENDS_BELOW:
            stretches.append(Region(began, index * seconds))
            began = None
    if began is not None:
        stretches.append(Region(began, duration))
    whole = joined(stretches, gap=SHORTEST_SILENCE, padding=0.0, duration=duration)
    return tuple(region for region in whole if region.duration >= SHORTEST_SPEECH)


def joined(stretches: Sequence[Region], *, gap: float, padding: float, duration: float) -> tuple[Region, ...]:
    """Regions widened by `padding` seconds on both sides, made one where no more than `gap` is left between."""
    result: list[Region] = []
    for stretch in stretches:
        start, end = max(0.0, stretch.start - padding), min(duration, stretch.end + padding)
        if result and start - result[-1].end <= gap:
            result[-1] = Region(result[-1].start, end)
        else:
            result.append(Region(start, end))
    return tuple(result)


@cache
def load() -> "InferenceSession":
    """The model, loaded once in each process; after the fork. Raises EngineUnavailable without the weights' package."""
    # Every process knows regions of speech, and few look for them: onnxruntime is a tenth of a second and 30 MB.
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    # A worker process has one core; threads that wait for work by spinning would take it from the others.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(_weights()), sess_options=options, providers=["CPUExecutionProvider"])


def _weights() -> Path:
    package = find_spec("faster_whisper")
    if package is None or package.origin is None:
        raise EngineUnavailable("The faster-whisper package, which carries the model of voice activity, is missing.")
    return Path(package.origin).with_name("assets") / MODEL
