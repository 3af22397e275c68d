from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from audio.analysis import engines
from audio.analysis.evaluation import hearing, recordings
from audio.analysis.evaluation.hearing import COLLARS, STAGES, Diarization, Figures
from audio.analysis.evaluation.recordings import Recording
from audio.analysis.speakers import SpeakerStage
from audio.analysis.voice_activity import VoiceActivityStage
from audio.errors import AudioError

Account: TypeAlias = Literal["found", "one_for_all", "one_for_each_segment"]
ACCOUNTS: tuple[Account, ...] = ("found", "one_for_all", "one_for_each_segment")
FIXTURES = settings.BASE_DIR / "tests" / "speech"


class Command(BaseCommand):
    help = (
        "Hears recordings as the workers do, in chunks of 30 s, and says how far that is from what was really said: "
        "from NAME.txt and NAME.rttm beside NAME.wav, .ogg, .webm, .mp3 or .m4a. Needs no server. "
        "Example: manage.py evaluate ~/recordings --json figures.json"
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "directory", nargs="*", type=Path, default=[FIXTURES], help="recordings (default: the tests' own)"
        )
        parser.add_argument("--json", type=Path, help="a file to write the figures to")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(highlight=False)
        transcriber, speakers, voice = engines.transcriber(), SpeakerStage(), VoiceActivityStage()
        try:
            found = {str(directory): recordings.find(directory) for directory in options["directory"]}
            for directory, those in found.items():
                if not those:
                    raise CommandError(f"In {directory} is no recording with its words or its turns beside it.")
            speakers.health()
            transcriber.health()
            with _Bar(console) as bar:
                figures = {
                    directory: bar.through(
                        directory,
                        those,
                        lambda recording, step: hearing.evaluate(
                            recording, transcriber=transcriber, speakers=speakers, step=step
                        ),
                    )
                    for directory, those in found.items()
                }
        except (AudioError, OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Nothing was written.") from None
        heard_by = {
            "decode": f"PyAV {version('av')}",
            "voice_activity": f"{voice.engine} {voice.version} ({voice.model})",
            "speakers": f"{speakers.engine} {speakers.version} ({speakers.model})",
            "transcription": f"{transcriber.engine} {transcriber.version} ({transcriber.model})",
        }
        for directory, heard in figures.items():
            _tell_hearing(console, directory, heard)
            _tell_speakers(console, directory, heard)
            _tell_time(console, directory, heard, heard_by)
        if options["json"]:
            written = {
                "chunk_seconds": hearing.CHUNK_SECONDS,
                "collars": COLLARS,
                "engines": heard_by,
                "recordings": figures,
            }
            options["json"].write_bytes(orjson.dumps(written, option=orjson.OPT_INDENT_2))


class _Bar(Progress):
    def __init__(self, console: Console) -> None:
        super().__init__(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=console
        )

    def through(
        self,
        directory: str,
        those: Sequence[Recording],
        evaluate: Callable[[Recording, Callable[[float], None]], Figures],
    ) -> list[Figures]:
        task = self.add_task(escape(directory), total=len(those))
        figures = []
        for recording in those:
            told = partial(self._tell, task, f"{directory}: {recording.name}")
            told(0.0)
            figures.append(evaluate(recording, told))
            self.advance(task)
        self.update(task, description=escape(directory))
        return figures

    def _tell(self, task: TaskID, recording: str, seconds: float) -> None:
        self.update(task, description=escape(f"{recording}, {seconds:.0f} s"))


def _tell_hearing(console: Console, directory: str, those: Sequence[Figures]) -> None:
    table = Table(title=escape(f"{directory}: what is heard, whoever says it"), title_justify="left")
    table.add_column("recording")
    for heading in ("seconds", "words\nwrong", "speech\nmissed", "silence taken\nfor speech"):
        table.add_column(heading, justify="right")
    for one in those:
        shares = (one["word_error_rate"], one["speech_missed"], one["speech_false_alarm"])
        table.add_row(escape(one["name"]), f"{one['seconds']:.1f}", *(_share(share) for share in shares))
    table.add_section()
    table.add_row(
        "all",
        f"{sum(one['seconds'] for one in those):.1f}",
        _share(_mean((one["word_error_rate"], one["words"]) for one in those)),
        _share(_mean((one["speech_missed"], one["speech_seconds"]) for one in those)),
        _share(_mean((one["speech_false_alarm"], one["seconds"] - one["speech_seconds"]) for one in those)),
    )
    console.print(table)


def _tell_speakers(console: Console, directory: str, those: Sequence[Figures]) -> None:
    collars = " / ".join(f"{collar:g} s" for collar in COLLARS)
    table = Table(
        title=escape(f"{directory}: who says it. Diarization error in %, collar {collars}"), title_justify="left"
    )
    table.add_column("recording", no_wrap=True)
    for heading in ("found\nof real", "error", "one speaker\nfor all", "one for\neach segment"):
        table.add_column(heading, justify="right")
    for one in those:
        found = one["found"]
        table.add_row(
            escape(one["name"]),
            f"{found['speakers']} of {one['speakers']}" if found else "n/a",
            *(_both(one[account]) for account in ACCOUNTS),
        )
    table.add_section()
    table.add_row("all", "", *(_both_of_all(those, account) for account in ACCOUNTS))
    table.add_row("speakers counted right", "", *(_counted(those, account) for account in ACCOUNTS))
    console.print(table)


def _tell_time(console: Console, directory: str, those: Sequence[Figures], engines: dict[str, str]) -> None:
    table = Table("stage", "engine", title=escape(f"How long {directory} took"), title_justify="left")
    table.add_column("seconds", justify="right")
    table.add_column("share of the\nsound's own time", justify="right")
    for stage in STAGES:
        took = sum(one["stage_seconds"][stage] for one in those)
        sound = sum(one["seconds"] for one in those if stage != "transcription" or one["word_error_rate"] is not None)
        table.add_row(stage.replace("_", " "), engines[stage], f"{took:.2f}", f"{took / sound:.4f}" if sound else "n/a")
    console.print(table)


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f} %"


def _both(guess: Diarization | None) -> str:
    return "n/a" if guess is None else _shares(guess["error"].values())


def _shares(values: Iterable[float]) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in values)


def _mean(values: Iterable[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None]
    weight = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / weight if weight else None


def _counted(those: Sequence[Figures], account: Account) -> str:
    known = [(told["speakers"], one["speakers"]) for one in those if (told := one[account])]
    return f"{sum(found == real for found, real in known)} of {len(known)}"


def _both_of_all(those: Sequence[Figures], account: Account) -> str:
    """Of every second spoken in all of them."""
    known = [(told["error"], one["spoken_seconds"]) for one in those if (told := one[account])]
    collars = [f"{collar:.2f}" for collar in COLLARS]
    means = [_mean((errors[collar], spoken[collar]) for errors, spoken in known) for collar in collars]
    return _shares(mean for mean in means if mean is not None) if None not in means else "n/a"
