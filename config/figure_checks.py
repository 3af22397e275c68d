"""What the doctor asks of the figures: whether they come into each tier in time."""

from collections.abc import Iterator, Mapping

from config.findings import Check, Finding, ok, warning
from metrics import sizes

_CURES: Mapping[str, str] = {
    "mongodb": "See that 'Fill hours of figures' is enabled among the periodic tasks, and what aggregate_metrics says.",
    "archive": "See what manage.py archive_metrics says.",
}


def check_tiers() -> Iterator[Finding]:
    """`manage.py metrics_status` tells more."""
    standing = sizes.standing()
    for tier in standing.tiers:
        if tier.is_late:
            until = "nothing" if tier.filled_until is None else f"{tier.filled_until:%Y-%m-%d %H:%M} UTC"
            yield warning(f"{tier.name} is filled until {until}, {tier.behind} to come", _CURES[tier.name])
    if not standing.is_late:
        dropped = f", {standing.dropped} segments went uncounted since ever" if standing.dropped else ""
        yield ok(f"filled in time{dropped}")


CHECKS: dict[str, Check] = {"Figures": check_tiers}
