"""Which engine hears, by the settings: the one place where a stage's engine is chosen.

A setting that cannot be right is told at the start (`check`: by `manage.py prepare`, by the worker before it forks, by
`manage.py doctor`), not by the first call. An engine is loaded by its first job in each process: a load takes seconds,
and a worker that waits for work needs no model.
"""

from functools import cache
from pathlib import Path

from django.conf import settings

from audio.analysis.faster_whisper_engine import FasterWhisperTranscriber
from audio.analysis.http_engine import HttpTranscriber
from audio.analysis.pocketsphinx_engine import PocketsphinxTranscriber
from audio.analysis.transcription import Transcriber
from audio.errors import EngineUnavailable


def transcriber() -> Transcriber:
    """The engine that the settings name, the same one each time. `auto` is Whisper where a model of it can be used."""
    return _named(
        settings.EARSHOT_TRANSCRIBER,
        whisper=FasterWhisperTranscriber(settings.EARSHOT_WHISPER_MODEL, settings.EARSHOT_WHISPER_THREADS),
        server=HttpTranscriber(
            settings.EARSHOT_TRANSCRIBER_URL, settings.EARSHOT_TRANSCRIBER_MODEL, settings.EARSHOT_TRANSCRIBER_KEY
        ),
    )


def is_draft() -> bool:
    """Whether what is written down may only be called a draft."""
    return transcriber().engine == PocketsphinxTranscriber.engine


def check() -> None:
    """Raises EngineUnavailable, saying what to do, when the engine that is set cannot be used. Loads nothing."""
    transcriber().health()


def passed_over() -> str:
    """Why `auto` does not take a Whisper model that is there; empty when there is none or it is taken."""
    directory: Path = settings.EARSHOT_WHISPER_MODEL
    if settings.EARSHOT_TRANSCRIBER != "auto" or not is_draft() or not directory.exists():
        return ""
    try:
        FasterWhisperTranscriber(directory).health()
    except EngineUnavailable as unavailable:
        return unavailable.message
    return "It was not there when this process began."


@cache
def _named(name: str, *, whisper: FasterWhisperTranscriber, server: HttpTranscriber) -> Transcriber:
    # Kept, so that a directory which comes or goes meanwhile changes no engine within one process.
    match name:
        case "http":
            return server
        case "faster-whisper":
            return whisper
        case "auto" if _is_healthy(whisper):
            return whisper
        case _:
            return PocketsphinxTranscriber()


def _is_healthy(engine: Transcriber) -> bool:
    try:
        engine.health()
    except EngineUnavailable:
        return False
    return True
