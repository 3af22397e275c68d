import os
import threading
import time
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audio import sending
from audio.errors import Undecodable
from audio.sending import RecordedChunk, Recorder, Refused, Unreachable, Watcher
from calls.documents import part_of
from crm import tokens
from crm.audit import acts
from crm.models import User

# What transcribing may take for each second of sound, and at least, before we stop waiting for it.
PATIENCE_PER_SECOND = 10
LEAST_PATIENCE_SECONDS = 180


class Command(BaseCommand):
    help = (
        "Plays an audio file through the public API as a recorder would, and prints the transcript as it arrives. "
        "Example: manage.py send_audio crm/speech/reading.ogg --realtime"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="any audio file that FFmpeg can decode")
        parser.add_argument("--realtime", action="store_true", help="send each chunk when it would have been spoken")
        parser.add_argument("--url", default=settings.EARSHOT_URL, help="the server (default: %(default)s)")
        parser.add_argument("--channels", type=int, choices=[1, 2], default=1, help="2: agent left, client right")
        parser.add_argument("--subject", help="the call's subject (default: the file's name)")
        parser.add_argument(
            "--user",
            default="demo-agent",
            help="whose recording it is, on this installation (default: %(default)s)",
        )
        parser.add_argument(
            "--token",
            help="a Bearer token instead of --user; better in the variable EARSHOT_TOKEN, out of sight",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            duration = sending.duration_of(options["file"])
            console = Console(highlight=False)
            recorder = Recorder(
                options["url"], self._token(options), on_waiting=lambda why: console.print(f"Waiting: {escape(why)}")
            )
            _Playing(recorder, options, duration, console).play()
        except (Undecodable, Refused, Unreachable) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was sent is kept; the recording stays open for the rest.") from None

    def _token(self, options: dict[str, Any]) -> str:
        given = options["token"] or os.environ.get("EARSHOT_TOKEN")
        if given:
            return str(given)
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(
                f"There is no active user {options['user']} here. Name one with --user, or give a token with --token."
            )
        acts.write("token.made", actor=None, subject=f"person:{user.pk}", via="command", tenant_id=user.tenant_id)
        return tokens.issue(user, name="send_audio", lifetime=timedelta(days=1))


class _Playing:
    """One file on its way: the progress bar below, the transcript above it."""

    def __init__(self, recorder: Recorder, options: dict[str, Any], duration: float | None, console: Console) -> None:
        self.recorder = recorder
        self.options = options
        self.duration = duration
        self.console = console
        self.expected = -(-int((duration or 0) * 1000) // (sending.CHUNK_SECONDS * 1000)) or None
        self.progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self.heard: set[int] = set()
        self.written: set[str] = set()
        self.provisional: list[dict[str, Any]] = []
        self.failed: dict[int, str] = {}
        self.lock = threading.Lock()

    def play(self) -> None:
        subject = self.options["subject"] or self.options["file"].name
        session = self.recorder.start(channels=self.options["channels"], subject=subject, reference=subject[:255])
        with self.progress:
            self.sending = self.progress.add_task("Sent", total=self.expected)
            self.hearing = self.progress.add_task("Transcribed", total=self.expected)
            watcher = Watcher(self.recorder, session["id"], self._take)
            watcher.start()
            total = self._send(session["id"])
            for task in (self.sending, self.hearing):
                self.progress.update(task, total=total)
            session = self.recorder.complete(session["id"], total)
            patience = max(LEAST_PATIENCE_SECONDS, PATIENCE_PER_SECOND * (self.duration or 0))
            if not watcher.ended.wait(patience):
                raise CommandError(
                    f"Everything is stored, but the workers did not finish within {patience:.0f} s. "
                    f"See {self.recorder.url}/sessions/{session['id']}/"
                )
        self._conclude(session)

    def _send(self, session_id: str) -> int:
        began = time.monotonic()
        total = 0
        for chunk in sending.record(self.options["file"], channels=self.options["channels"]):
            if self.options["realtime"]:
                self._wait_until_spoken(chunk, began)
            self.recorder.send(session_id, chunk)
            self.progress.advance(self.sending)
            total += 1
        return total

    def _wait_until_spoken(self, chunk: RecordedChunk, began: float) -> None:
        time.sleep(max(0.0, began + chunk.end_seconds - time.monotonic()))

    def _take(self, frame: dict[str, Any]) -> None:
        """A frame from the socket; in the watcher's thread."""
        with self.lock:
            if frame["type"] == "session":
                self._write_down(frame["segments"])
                for chunk in frame["chunks"]:
                    self._note(chunk)
            elif frame["type"] == "chunk_transcribed":
                self._write_down(frame["segments"], parts=frame["parts"])
            elif frame["type"] == "chunk_processed":
                self._note(frame["chunk"])

    def _write_down(self, segments: list[dict[str, Any]], *, parts: list[str] | None = None) -> None:
        """Print what is new and will stay; what is provisional waits for the rest of its sentence, or for the end."""
        replaced = None if parts is None else set(parts)
        self.provisional = [
            segment
            for segment in self.provisional
            if replaced is not None and part_of(segment["segment_id"]) not in replaced
        ]
        for segment in segments:
            if segment.get("provisional"):
                self.provisional.append(segment)
            elif segment["segment_id"] not in self.written:
                self.written.add(segment["segment_id"])
                self._print(segment)

    def _print(self, segment: dict[str, Any]) -> None:
        speaker = "" if segment["speaker"] == "unknown" else f"{segment['speaker']}: "
        self.console.print(
            f"[dim]{_clock(segment['start_time'])}[/dim]  {escape(speaker + segment['text'])}", soft_wrap=True
        )

    def _note(self, chunk: dict[str, Any]) -> None:
        index = chunk["chunk_index"]
        if index in self.heard or chunk["processing_status"] not in {"completed", "failed"}:
            return
        self.heard.add(index)
        self.progress.advance(self.hearing)
        if chunk["processing_status"] == "failed":
            self.failed[index] = chunk["error"]
            self.console.print(f"[red]Chunk {index} failed:[/red] {escape(chunk['error'])}")

    def _conclude(self, session: dict[str, Any]) -> None:
        for segment in self.provisional:
            self._print(segment)
        call = self.recorder.read_call(session["call_id"])
        words = sum(len(segment["text"].split()) for segment in call["conversation"])
        engines = sorted({segment["engine"] for segment in call["conversation"] if segment.get("engine")})
        by = f", transcribed by {' and '.join(engines)}" if engines else ""
        self.console.print(f"\n{_clock(call['duration'])} of sound, {words} words{by}; call {call['status']}.")
        self.console.print(f"{self.recorder.url}/sessions/{session['id']}/", soft_wrap=True)
        if self.failed:
            raise CommandError(
                f"{len(self.failed)} chunks could not be heard. Their sound is kept; see the page above."
            )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
