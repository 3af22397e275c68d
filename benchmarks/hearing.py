"""What it costs to hear thirty seconds of speech on one core, and how far the transcript is behind who speaks."""

import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from audio import chunks, jobs, sessions
from audio.analysis import engines, voice_prints
from audio.headers import Declared
from audio.models import AnalysisJob, AudioChunk, AudioSession
from audio.states import JobKind, JobState
from benchmarks import memory, speech, transcript
from benchmarks.beside import Beside, beside
from benchmarks.measuring import Figures, WrongAnswer, figures
from benchmarks.people import make_supervisor
from benchmarks.processes import one_core
from benchmarks.rows import Row, Suite, at_most
from benchmarks.scales import Run
from benchmarks.shipped import no_jobs_left

MOST_MS: Final = 400.0
# Names a Python that has PyTorch and Silero's package: the baseline's, whose gigabytes are no part of Earshot.
TORCH_PYTHON: Final = "EARSHOT_BENCHMARK_TORCH"
_TORCH: Final = Path(__file__).with_name("hearing_torch.py")
_HOW_TO_HAVE_IT: Final = (
    "no baseline here; to have it: apt-get install ffmpeg python3-torch python3-venv; "
    "/usr/bin/python3 -m venv --system-site-packages /opt/torch; "
    f"/opt/torch/bin/pip install --no-deps silero-vad; {TORCH_PYTHON}=/opt/torch/bin/python make bench ONLY=hearing"
)
_LIKE_TORCH: Final = ("decode", "voice", "speakers")
_BY_TORCH: Final = "torch: "
# Seconds of speech that a voice print is made of here, and from one to the next.
_PRINTED, _STEP = 1.2, 0.5
# How alike the two must hear: the share of windows of 32 ms, in two versions of one detector; the cosine of two prints;
# seconds of sound.
_SAME_SPEECH, _SAME_PRINT, _SAME_LENGTH = 0.9, 0.999, 0.02
_SPEECH_FROM = 0.5


def measure(run: Run) -> Iterator[Row]:
    """First in one process on one core; then by web server and workers as they ship, all together on one core."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        # Before there are workers: they would hear what is left here first, and what is spoken would wait for it.
        with no_jobs_left():
            size = yield from _chunk_by_chunk(run, directory)
        if run.scale.name != "tiny":
            with no_jobs_left():
                yield from transcript.measure(run, directory, usual_size=size)


SUITE = Suite(
    title="Speech, heard on one core",
    baseline="ffmpeg as a process of its own; Silero's detector and Resemblyzer's encoder by PyTorch",
    floor="none",
    measure=measure,
)


def _chunk_by_chunk(run: Run, directory: Path) -> Generator[Row, None, int | None]:
    """The rows, and at last how many bytes the baseline takes; None where there is none."""
    rounds = run.scale.pick(tiny=1, small=4, usual=15)
    seconds = run.scale.pick(tiny=4, small=30, usual=30)
    step = run.telling(f"{seconds} s of speech, {rounds} times")
    reading, file = directory / "reading.ogg", directory / "chunk.ogg"
    # One more than is counted: in the first the models are loaded.
    speech.make(reading, seconds=seconds * (rounds + 1))
    user, _ = make_supervisor()
    recording, coded = (sessions.start(user)[0] for _ in range(2))
    taken: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        core = one_core()
        ours = stack.enter_context(beside(("-m", "benchmarks.hearing_ours"), core=core))
        torch = _torch(stack, core)
        for index, recorded in enumerate(speech.chunks(reading, seconds=seconds)):
            file.write_bytes(recorded.body)
            told = _by_us(ours, str(file))
            if torch is not None:
                windows = _windows(ours)
                told |= _by_torch(torch, str(file), windows)
                if index == 0:
                    _compare(ours, torch, windows)
            told |= _heard(ours, recording, index, recorded.body)
            told |= _transcoded(ours, coded, index, speech.as_wav(recorded))
            if index > 0:
                for name, took in told.items():
                    taken[name].append(took)
            step(index / rounds)
        size = None if torch is None else memory.of(torch.pid)
    yield from _rows(seconds, taken)
    return size


def _torch(stack: ExitStack, core: int | None) -> Beside | None:
    """The baseline's process, where there is all that it takes."""
    python = os.environ.get(TORCH_PYTHON) or "/usr/bin/python3"
    has_all = "import importlib.util as u, sys; sys.exit(not (u.find_spec('torch') and u.find_spec('silero_vad')))"
    if not shutil.which("ffmpeg") or not shutil.which(python):
        return None
    if subprocess.run([python, "-I", "-c", has_all], check=False, capture_output=True).returncode != 0:
        return None
    weights = str(voice_prints.weights())
    return stack.enter_context(beside(("-I", str(_TORCH), weights), core=core, python=python))


def _by_us(ours: Beside, file: str) -> dict[str, float]:
    """Milliseconds of each stage, by its name."""
    took = {"decode": _timed(ours, "decode", file=file)}
    return took | {stage: _timed(ours, stage) for stage in ("voice", "speakers", "prosody", "fingerprint")}


def _by_torch(torch: Beside, file: str, windows: list[tuple[int, int]]) -> dict[str, float]:
    given: dict[str, dict[str, Any]] = {"decode": {"file": file}, "voice": {}, "speakers": {"windows": windows}}
    return {f"{_BY_TORCH}{stage}": _timed(torch, stage, **given[stage]) for stage in _LIKE_TORCH}


def _heard(ours: Beside, recording: AudioSession, index: int, body: bytes) -> dict[str, float]:
    """Milliseconds of each job of a new chunk, from its claim to its last transaction."""
    chunk, _ = chunks.accept(recording, index=index, body=body, declared=Declared())
    kinds = (JobKind.ANALYSIS, JobKind.TRANSCRIPTION, JobKind.INTERPRETATION)
    return {kind: _worked(ours, chunk, kind) for kind in kinds}


def _transcoded(ours: Beside, recording: AudioSession, index: int, body: bytes) -> dict[str, float]:
    chunk, _ = chunks.accept(recording, index=index, body=body, declared=Declared())
    jobs.create(chunk, JobKind.TRANSCODING)
    return {JobKind.TRANSCODING: _worked(ours, chunk, JobKind.TRANSCODING)}


def _worked(ours: Beside, chunk: AudioChunk, kind: JobKind) -> float:
    job = AnalysisJob.objects.get(chunk=chunk, kind=kind)
    took = _timed(ours, "job", job_id=job.pk)
    job.refresh_from_db()
    if job.state != JobState.COMPLETED:
        raise WrongAnswer(f"The {kind} of a chunk is {job.state} when it is done: {job.error}")
    return took


def _timed(one: Beside, act: str, **given: Any) -> float:
    began = time.perf_counter()
    one.do(act, **given)
    return (time.perf_counter() - began) * 1000


def _windows(ours: Beside) -> list[tuple[int, int]]:
    """Where somebody speaks in windows as our speaker stage cuts it, in frames; shorter speech is left out."""
    frames = voice_prints.FRAMES_PER_SECOND
    found = []
    for region in ours.do("regions"):
        start, last = region["start"], region["end"] - _PRINTED
        if last >= start:
            steps = int(np.ceil((last - start) / _STEP))
            begins = (round(float(begin) * frames) for begin in np.linspace(start, last, steps + 1))
            found += [(begin, begin + round(_PRINTED * frames)) for begin in begins]
    return found


def _compare(ours: Beside, torch: Beside, windows: list[tuple[int, int]]) -> None:
    """Raise WrongAnswer unless both have heard the same."""
    mine, theirs = (one.do("found", windows=windows) for one in (ours, torch))
    if abs(mine["seconds"] - theirs["seconds"]) > _SAME_LENGTH:
        raise WrongAnswer(f"We decode {mine['seconds']:.3f} s, and ffmpeg {theirs['seconds']:.3f} s.")
    pairs = zip(mine["likely"], theirs["likely"], strict=False)
    same = float(np.mean([(one >= _SPEECH_FROM) == (other >= _SPEECH_FROM) for one, other in pairs]))
    if same < _SAME_SPEECH:
        raise WrongAnswer(f"Of the windows, we and PyTorch find only {same:.1%} alike to be speech or none.")
    alike = min((float(np.dot(*pair)) for pair in zip(mine["prints"], theirs["prints"], strict=True)), default=1.0)
    if alike < _SAME_PRINT:
        raise WrongAnswer(f"A voice print is only {alike:.4f} like PyTorch's.")


def _rows(seconds: int, taken: dict[str, list[float]]) -> Iterator[Row]:
    told = {name: figures(each) for name, each in taken.items()}

    def sums(prefix: str) -> Figures:
        each = (taken[f"{prefix}{stage}"] for stage in _LIKE_TORCH)
        return figures([sum(one) for one in zip(*each, strict=True)])

    by_torch = sums(_BY_TORCH) if f"{_BY_TORCH}decode" in taken else None
    yield Row(
        f"chunk analysis, {seconds} s of speech",
        "ms",
        told[JobKind.ANALYSIS],
        by_torch,
        targets=(at_most(told[JobKind.ANALYSIS].median, MOST_MS, "ms"),),
        baseline_is="decoded, speech found, voices printed; no more, and stored nowhere",
        note=(
            "all that a worker does of it: claimed, its bytes fetched, five stages, peaks and cuts, compared with what "
            "was heard before, stored, announced" + ("" if by_torch else f"; {_HOW_TO_HAVE_IT}")
        ),
    )
    yield Row("what both do of it", "ms", sums(""), by_torch)
    words = {"decode": "decode", "voice": "where somebody speaks", "speakers": "who speaks"}
    for stage, what in words.items():
        yield Row(what, "ms", told[stage], told.get(f"{_BY_TORCH}{stage}"))
    yield Row("how it is said", "ms", told["prosody"], note="pitch and level")
    yield Row("a fingerprint of the sound", "ms", told["fingerprint"])
    engine = engines.transcriber().engine
    yield Row("its words", "ms", told[JobKind.TRANSCRIPTION], note=f"the whole job, by {engine}")
    yield Row("what its words and sound tell", "ms", told[JobKind.INTERPRETATION], note="the whole job")
    yield Row("Opus of WAV", "ms", told[JobKind.TRANSCODING], note="the whole job, looked at again once it is stored")
