"""Whether the engines of hearing can be used."""

from collections.abc import Callable, Iterator
from functools import partial

from audio.analysis import engines, voice_activity
from audio.analysis.faster_whisper_engine import FasterWhisperTranscriber
from audio.analysis.http_engine import HttpTranscriber
from audio.analysis.transcription import Transcriber
from audio.errors import AudioError
from config.findings import Check, Finding, cause_of, error, ok, seconds_of, warning

# A larger model takes longer to load than the doctor waits.
LARGEST_LOADED_BYTES = 2**30
_DRAFT = "`make models` fetches an engine that makes better than drafts (docs/transcripts.md)."


def check_engine(load: Callable[[], object], title: str) -> Iterator[Finding]:
    try:
        yield ok(f"{title} loads in {seconds_of(load):.1f} s")
    except Exception as failed:
        # Missing weights, a library for another processor, too little memory: the words say which.
        yield error(f"{title}: {cause_of(failed)}", "`make install` puts the models in their place.")


def check_transcriber() -> Iterator[Finding]:
    """The engine that is set: its files and packages are there, and it loads or answers."""
    chosen = engines.transcriber()
    if reason := engines.passed_over():
        yield warning(f"Whisper is passed over. {reason}", "Until then transcripts are drafts.")
    try:
        chosen.health()
        yield ok(f"{chosen.engine}, {chosen.model}: {_tried(chosen)}")
    except AudioError as unavailable:
        # Its message has the cure in it.
        yield error(unavailable.message)


def _tried(chosen: Transcriber) -> str:
    if isinstance(chosen, HttpTranscriber):
        return f"the server answers in {seconds_of(chosen.ping) * 1000:.0f} ms"
    if isinstance(chosen, FasterWhisperTranscriber) and chosen.size > LARGEST_LOADED_BYTES:
        return "all its files are there; too large to be loaded for a look"
    loads = f"loads in {seconds_of(chosen.load):.1f} s"
    return f"{loads}; a draft. {_DRAFT}" if engines.is_draft() else loads


CHECKS: dict[str, Check] = {
    "Voice activity": partial(check_engine, voice_activity.load, voice_activity.MODEL),
    "Transcript": check_transcriber,
}
