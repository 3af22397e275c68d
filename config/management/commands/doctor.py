import logging
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from config.doctor import CHECKS, examine
from config.findings import State


class Command(BaseCommand):
    help = (
        "Checks settings, servers, what is in them, clocks, models, disk and workers, and says what to do: one "
        "line for each, within some ten seconds. Ends with 1 when there are errors, with 0 when only warnings. "
        "Example: manage.py doctor"
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        # What the drivers would log is in the lines below.
        logging.disable(logging.CRITICAL)
        try:
            found = self._show()
        finally:
            logging.disable(logging.NOTSET)
        self.stdout.write(", ".join(f"{state} {found[state]}" for state in State))
        if found[State.ERROR]:
            raise SystemExit(1)

    def _show(self) -> Counter[State]:
        colours = {
            State.OK: self.style.SUCCESS,
            State.WARNING: self.style.WARNING,
            State.ERROR: self.style.ERROR,
            State.SKIPPED: self.style.NOTICE,
        }
        width = max(map(len, CHECKS))
        found: Counter[State] = Counter()
        for name, finding in examine(CHECKS):
            found[finding.state] += 1
            state = colours[finding.state](f"{finding.state:<7}")
            said = f"{finding.said} – {finding.cure}" if finding.cure else finding.said
            self.stdout.write(f"{name:<{width}}  {state}  {said}")
            self.stdout.flush()
        return found
