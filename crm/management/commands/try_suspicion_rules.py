import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from audio import suspicion
from audio.analysis.suspicion import FINDERS, Rule
from audio.models import AudioSession
from calls import conversations
from calls.documents import Flag
from calls.errors import UnknownCall
from crm.models import Tenant

_KEYS = {"name", "kind", "weight", "threshold", "phrases"}
MOST_CALLS = 100_000


class Command(BaseCommand):
    help = (
        "Runs a changed set of suspicion rules over calls as they have been heard, and compares what it finds with "
        "what the company's own rules find, and with what reviewers said of their flags. Changes nothing. Without "
        "--rules it prints the company's rules in the form that --rules takes. Example: manage.py try_suspicion_rules "
        "--tenant-id 1 --rules changed.json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant-id", type=int, required=True, help="whose calls and rules")
        parser.add_argument("--rules", type=Path, help="a JSON list: name, kind, weight, threshold, phrases")
        parser.add_argument("--last", type=int, default=1000, help="how many of the newest recordings (default: 1000)")
        parser.add_argument("--json", type=Path, dest="out", help="write the comparison there too")

    def handle(self, *args: Any, **options: Any) -> None:
        if not Tenant.objects.filter(pk=options["tenant_id"]).exists():
            raise CommandError(f"There is no company {options['tenant_id']}.")
        console = Console(highlight=False)
        now = suspicion.rules_of(options["tenant_id"])
        if options["rules"] is None:
            console.print_json(json.dumps([_as_json(rule) for rule in now]))
            return
        changed = _read(options["rules"])
        sessions = AudioSession.objects.filter(tenant=options["tenant_id"]).order_by("-created_at")
        sessions = sessions[: max(0, min(options["last"], MOST_CALLS))]
        compared = _Compared()
        with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console) as bars:
            for session in bars.track(sessions, description="Recordings"):
                try:
                    call = conversations.find_everywhere(session.call_id, tenant_id=session.tenant_id)
                    reviews = {
                        review["flag_id"]: review["verdict"]
                        for one in call
                        for review in one.get("suspicion", {}).get("reviews", [])
                    }
                    compared.take(
                        suspicion.look_through(session, now), suspicion.look_through(session, changed), reviews
                    )
                except UnknownCall:
                    continue
        compared.show(console)
        if options["out"]:
            try:
                options["out"].write_text(json.dumps(compared.as_json(), indent=2) + "\n")
            except OSError as wrong:
                raise CommandError(f"{options['out']} cannot be written: {wrong}.") from None


class _Compared:
    """What two sets of rules find in the same recordings."""

    def __init__(self) -> None:
        self.recordings = 0
        self.found: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.flagged = [0, 0]
        self.scores: tuple[list[float], list[float]] = ([], [])
        # Of the flags that somebody reviewed: how many each set finds.
        self.reviewed: tuple[Counter[str], Counter[str]] = (Counter(), Counter())

    def take(self, now: list[Flag], changed: list[Flag], reviews: Mapping[str, str]) -> None:
        self.recordings += 1
        for which, flags in enumerate((now, changed)):
            self.found[which].update(flag["rule"] for flag in flags)
            self.flagged[which] += bool(flags)
            self.scores[which].append(suspicion.score(flags))
            here = {_place(flag["flag_id"], flag["kind"]) for flag in flags}
            by_place = {flag["flag_id"]: flag["kind"] for flag in (*now, *changed)}
            for flag_id, verdict in reviews.items():
                if flag_id in by_place and _place(flag_id, by_place[flag_id]) in here:
                    self.reviewed[which][verdict] += 1

    def show(self, console: Console) -> None:
        console.print(f"{self.recordings} recordings.")
        table = Table("", "Now", "Changed", box=None, pad_edge=False)
        rows = self.as_json()
        for name, (now, changed) in rows["found_by_rule"].items():
            table.add_row(escape(name), str(now), str(changed))
        table.add_section()
        table.add_row("Recordings with a flag", *map(str, rows["recordings_with_a_flag"]))
        table.add_row("Mean score", *(f"{mean:.3f}" for mean in rows["mean_score"]))
        table.add_row("Flags called right, found again", *map(str, rows["reviewed_right"]))
        table.add_row("Flags called wrong, found again", *map(str, rows["reviewed_wrong"]))
        console.print(table)

    def as_json(self) -> dict[str, Any]:
        now, changed = self.found
        return {
            "recordings": self.recordings,
            "found_by_rule": {name: [now[name], changed[name]] for name in sorted({*now, *changed})},
            "recordings_with_a_flag": list(self.flagged),
            "mean_score": [round(sum(scores) / len(scores), 4) if scores else 0.0 for scores in self.scores],
            "reviewed_right": [counts["right"] for counts in self.reviewed],
            "reviewed_wrong": [counts["wrong"] for counts in self.reviewed],
        }


def _place(flag_id: str, kind: str) -> tuple[str, str, str]:
    """Where a flag lies and what of kind it is, whatever its rule is called."""
    _, part, found = flag_id.split(":")
    return part, kind, found.rpartition("-")[2]


def _as_json(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "kind": rule.kind,
        "weight": rule.weight,
        "threshold": rule.threshold,
        "phrases": list(rule.phrases),
    }


def _read(path: Path) -> list[Rule]:
    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError) as wrong:
        raise CommandError(f"{path} cannot be read: {wrong}.") from None
    if not isinstance(given, list) or not given:
        raise CommandError(f"{path} is no JSON list of rules.")
    rules = [_rule(number, one) for number, one in enumerate(given, start=1)]
    if len({rule.name for rule in rules}) < len(rules):
        raise CommandError(f"{path} has two rules of one name.")
    return rules


def _rule(number: int, given: Any) -> Rule:
    if not isinstance(given, dict) or not {"name", "kind", "weight", "threshold"} <= set(given) <= _KEYS:
        raise CommandError(f"Rule {number}: it has a name, a kind, a weight, a threshold and perhaps phrases.")
    if given["kind"] not in list(FINDERS):
        raise CommandError(f"Rule {number}: its kind is one of {', '.join(sorted(FINDERS))}.")
    weight, threshold, phrases = given["weight"], given["threshold"], given.get("phrases", [])
    if not _is_number(weight, 1.0) or not _is_number(threshold, 3600.0):
        raise CommandError(f"Rule {number}: its weight is 0 to 1, its threshold 0 to 3600.")
    if not isinstance(phrases, list) or not all(isinstance(phrase, str) for phrase in phrases):
        raise CommandError(f"Rule {number}: its phrases are a list of texts.")
    return Rule(str(given["name"]), given["kind"], float(weight), float(threshold), tuple(phrases))


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
