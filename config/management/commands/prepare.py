import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from audio.analysis import engines
from audio.errors import EngineUnavailable
from config.backup import restoring


class Command(BaseCommand):
    help = (
        "Brings a checkout's stores up to date in one process: migrations, stores, static files and, on request, "
        "the demo. Prints a line `step<TAB>name<TAB>seconds` for each. Example: manage.py prepare --demo"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="make the demo tenants and users too")
        parser.add_argument(
            "--stores-only", action="store_true", help="leave the static files, which an image has from its building"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_half_restored()
        self._step("Engines of hearing", self._check_engines)
        self._step("Migrations", self._migrate)
        self._step("Stores", lambda: call_command("create_stores", stdout=self.stderr))
        self._step("Erasures", lambda: call_command("replay_erasures", stdout=self.stderr))
        if not options["stores_only"]:
            self._step("Static files", lambda: call_command("collectstatic", interactive=False, verbosity=0))
        if options["demo"]:
            self._step("Demo tenants and users", lambda: call_command("create_demo", stdout=self.stderr))

    def _refuse_half_restored(self) -> None:
        if name := restoring.unfinished():
            raise CommandError(restoring.HALF_RESTORED.format(name=name))

    def _check_engines(self) -> None:
        try:
            engines.check()
        except EngineUnavailable as unavailable:
            raise CommandError(unavailable.message) from unavailable

    def _migrate(self) -> None:
        with connection.cursor() as cursor:
            # Building an index may take longer than any request is allowed to.
            cursor.execute("SET statement_timeout = 0")
        call_command("migrate", interactive=False, verbosity=0)

    def _step(self, name: str, act: Callable[[], Any]) -> None:
        began = time.perf_counter()
        act()
        self.stdout.write(f"step\t{name}\t{time.perf_counter() - began:.1f}")
        self.stdout.flush()
