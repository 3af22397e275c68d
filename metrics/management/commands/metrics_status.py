from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from metrics import sizes
from metrics.errors import MetricsError
from metrics.sizes import Name, Tier

TITLES: dict[Name, str] = {"redis": "Redis", "mongodb": "MongoDB", "archive": "Archive"}
UNITS: dict[Name, str] = {"redis": "", "mongodb": "hour", "archive": "day"}


class Command(BaseCommand):
    help = (
        "Shows how the three tiers of the figures stand: how large they are, until when they are filled, and what is "
        "late. Ends with 1 when something is late, with 0 otherwise. Example: manage.py metrics_status"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print it as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            standing = sizes.standing()
        except MetricsError as away:
            raise CommandError(f"{away.message} manage.py doctor tells which server is away.") from away
        if options["json"]:
            told = {**asdict(standing), "is_late": standing.is_late, "timezone": "UTC"}
            self.stdout.write(DjangoJSONEncoder(indent=2).encode(told))
        else:
            for tier in standing.tiers:
                colour = self.style.ERROR if tier.is_late else self.style.SUCCESS
                judged = "late" if tier.is_late else "in time"
                self.stdout.write(f"{TITLES[tier.name]:<8} {colour(f'{judged:<8}')} {_told(tier)}")
            dropped = "Nobody can tell how many" if standing.dropped is None else f"{standing.dropped:,}"
            self.stdout.write(f"{dropped} segments went uncounted since ever. All times are UTC.")
        if standing.is_late:
            raise SystemExit(1)


def _told(tier: Tier) -> str:
    told = [_size(tier.bytes)]
    if tier.oldest and tier.newest:
        told.append(f"from {tier.oldest:%Y-%m-%d %H:%M} to {tier.newest:%Y-%m-%d %H:%M}")
    if tier.filled_until:
        told.append(f"filled until {tier.filled_until:%Y-%m-%d %H:%M}")
    if tier.behind:
        told.append(f"{tier.behind:,} {UNITS[tier.name]}{'' if tier.behind == 1 else 's'} of companies to come")
    if tier.refilling:
        told.append(f"waiting for late segments: {tier.refilling:,} hour{'' if tier.refilling == 1 else 's'}")
    return ", ".join(told)


def _size(bytes_: int) -> str:
    size = float(bytes_)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
