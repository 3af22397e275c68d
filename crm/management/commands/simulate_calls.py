import asyncio
import os
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from audio import sending
from audio.errors import Undecodable
from audio.sending import Refused, Unreachable
from audio.simulation import plan, running
from audio.simulation.figures import Latency, Outcome
from audio.simulation.memory import Watch
from crm import demo, tokens
from crm.audit import acts
from crm.models import User

TOKEN_LIFE = timedelta(days=1)
# Of what is wrong, so much is printed; the file of --json has all of it.
MOST_PRINTED = 20


class Command(BaseCommand):
    help = (
        "Plays an audio file through the public API as many recorders at once, then reads everything back and checks "
        "that nothing was lost and nothing is there twice; exit status 1 when something is. "
        "Example: manage.py simulate_calls crm/speech/reading.ogg --num-calls 20 --chunk-seconds 10 --unruly"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="any audio file that FFmpeg can decode")
        parser.add_argument("--num-calls", type=int, default=10, help="recorders at once (default: %(default)s)")
        parser.add_argument("--realtime", action="store_true", help="send each chunk when it would have been spoken")
        parser.add_argument("--url", default=settings.EARSHOT_URL, help="the server (default: %(default)s)")
        parser.add_argument(
            "--chunk-seconds",
            type=int,
            default=sending.CHUNK_SECONDS,
            help="how long a chunk is (default: %(default)s)",
        )
        parser.add_argument("--channels", type=int, choices=[1, 2], default=1, help="2: agent left, client right")
        parser.add_argument(
            "--user",
            action="append",
            help="who records, on this installation; may be given several times (default: the demo's people)",
        )
        parser.add_argument(
            "--token",
            help="a Bearer token instead of --user, for a server elsewhere; better in the variable EARSHOT_TOKEN",
        )
        parser.add_argument(
            "--unruly",
            action="store_true",
            help="every second recorder misbehaves as real ones do: repeats, shuffles, completes too early, goes away",
        )
        parser.add_argument(
            "--no-wait", action="store_true", help="do not wait until the workers have heard everything"
        )
        parser.add_argument("--json", type=Path, help="a file to write the figures to")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["num_calls"] < 1:
            raise CommandError("--num-calls must be 1 or more.")
        if not 1 <= options["chunk_seconds"] <= settings.EARSHOT_LONGEST_CHUNK_SECONDS:
            raise CommandError(f"--chunk-seconds must be between 1 and {settings.EARSHOT_LONGEST_CHUNK_SECONDS}.")
        console = Console(highlight=False)
        try:
            outcome = self._simulate(options, console)
        except (Undecodable, Refused, Unreachable) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was sent is kept; nothing was checked.") from None
        if options["json"]:
            options["json"].write_bytes(orjson.dumps(outcome, option=orjson.OPT_INDENT_2))
        _Telling(outcome, console).tell()
        wrong = [*outcome["lost"], *outcome["doubled"], *outcome["unfinished"]]
        if wrong:
            raise CommandError("\n".join(["Not everything is as it should be:", *_first(wrong)]))

    def _simulate(self, options: dict[str, Any], console: Console) -> Outcome:
        chunks = list(
            sending.record(options["file"], channels=options["channels"], chunk_seconds=options["chunk_seconds"])
        )
        recordings = plan.spread(self._tokens(options), chunks, calls=options["num_calls"], unruly=options["unruly"])
        wanted = running.Wanted(
            url=options["url"],
            recordings=recordings,
            channels=options["channels"],
            realtime=options["realtime"],
            wait=not options["no_wait"],
        )
        memory = Watch(settings.EARSHOT_DATA) if _is_here(options["url"]) else None
        with _Bars(console, wanted, chunks=len(chunks)) as bars:
            return asyncio.run(running.simulate(wanted, bars, memory))

    def _tokens(self, options: dict[str, Any]) -> list[str]:
        given = options["token"] or os.environ.get("EARSHOT_TOKEN")
        if given:
            return [str(given)]
        names = options["user"] or [person[0] for person in demo.PEOPLE]
        people = {user.username: user for user in User.objects.filter(username__in=names, is_active=True)}
        recording = [people[name] for name in names if name in people and people[name].may("recordings.write")]
        # Of those that were named none is left out in silence; of the demo's not everybody may record.
        missing = sorted(set(names) - {user.username for user in recording}) if options["user"] else []
        if missing or not recording:
            raise CommandError(
                f"There is no active user here who may record: {', '.join(missing) or 'the demo has not been made'}. "
                "Name others with --user, or give a token with --token."
            )
        return [_issue(user) for user in recording]


def _issue(user: User) -> str:
    acts.write("token.made", actor=None, subject=f"person:{user.pk}", via="command", tenant_id=user.tenant_id)
    return tokens.issue(user, name="simulate_calls", lifetime=TOKEN_LIFE)


def _is_here(url: str) -> bool:
    ours, given = urlsplit(settings.EARSHOT_URL), urlsplit(url)
    return (ours.hostname, ours.port) == (given.hostname, given.port)


def _first(wrong: list[str]) -> list[str]:
    more = len(wrong) - MOST_PRINTED
    return [*wrong[:MOST_PRINTED], *([f"… and {more} more"] if more > 0 else [])]


class _Bars(Progress):
    """How far it is, a line for each step."""

    def __init__(self, console: Console, wanted: running.Wanted, *, chunks: int) -> None:
        super().__init__(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        calls = len(wanted.recordings)
        self._stored = self.add_task("Chunks stored", total=calls * chunks)
        self._sent = self.add_task("Calls sent", total=calls)
        self._heard = self.add_task("Chunks heard", total=calls * chunks, visible=wanted.wait)
        self._checked = self.add_task("Calls checked", total=calls)

    def stored(self) -> None:
        self.advance(self._stored)

    def sent(self) -> None:
        self.advance(self._sent)

    def heard(self, chunks: int) -> None:
        self.update(self._heard, completed=chunks)

    def checked(self) -> None:
        self.advance(self._checked)


class _Telling:
    """The figures as tables."""

    def __init__(self, outcome: Outcome, console: Console) -> None:
        self.outcome = outcome
        self.console = console

    def tell(self) -> None:
        told = self.outcome
        facts = {
            "Calls": f"{told['calls']}",
            "Chunks stored": f"{told['chunks']}, {told['bytes'] / 1e6:.1f} MB, {told['sound_seconds']:.0f} s of sound",
            "Sending took": f"{told['sending_seconds']:.1f} s, {told['uploads_per_second']:.1f} uploads/s",
            "Then hearing took": f"{told['waiting_seconds']:.1f} s" if told["waited_for_workers"] else "not waited for",
            "Sent twice": f"{told['repeated_chunks']} chunks",
            "Went and came back": f"{told['came_back']} recorders",
            "Retries": ", ".join(f"{times} × {why}" for why, times in told["retries"].items()) or "none",
            "Segments in the calls": f"{told['segments']}" if told["waited_for_workers"] else "not looked at",
            "Lost": f"{len(told['lost'])}",
            "Doubled": f"{len(told['doubled'])}",
            "Not heard": f"{len(told['unfinished'])}",
        }
        table = Table(show_header=False)
        for name, value in facts.items():
            table.add_row(name, escape(value))
        self.console.print(table)
        self._tell_latency("Milliseconds an answer took", told["latency"])
        self._tell_latency("The same with retries and waits", told["latency_with_retries"])
        if told["memory"]:
            table = Table("Megabytes of memory", "before", "at the peak", "after")
            for name, held in told["memory"].items():
                table.add_row(name, *(f"{held[when]:.1f}" for when in ("before_mb", "peak_mb", "after_mb")))
            self.console.print(table)

    def _tell_latency(self, title: str, latency: Mapping[str, Latency]) -> None:
        table = Table(title, "count", "p50", "p95", "p99", "max")
        for kind in ("start", "upload", "complete"):
            if one := latency.get(kind):
                shown = (one["p50_ms"], one["p95_ms"], one["p99_ms"], one["max_ms"])
                table.add_row(kind, f"{one['count']}", *(f"{value:.1f}" for value in shown))
        self.console.print(table)
