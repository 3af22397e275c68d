"""Whether the intake of conversations is well: figures and thresholds in, a verdict with its reasons out. Pure."""

from dataclasses import dataclass
from typing import Literal

Health = Literal["healthy", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Figures:
    """`waiting` counts what is queued and what is being stored."""

    waiting: int
    most_queued: int
    oldest_seconds: float
    dead: int
    most_dead: int
    consumers: int


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From each value on it is a warning, or critical. `fill_percent` is of the most that may wait."""

    warning_fill_percent: float
    critical_fill_percent: float
    warning_oldest_seconds: float
    critical_oldest_seconds: float
    warning_dead: int
    critical_dead: int


@dataclass(frozen=True, slots=True)
class Alert:
    """A figure that has reached a threshold; for `consumers` that has fallen to it."""

    health: Health
    figure: str
    value: float
    threshold: float
    message: str


def verdict(figures: Figures, thresholds: Thresholds) -> tuple[Health, list[Alert]]:
    """The worst that any figure says, and each figure that says so, worst first."""
    fill = 100 * figures.waiting / figures.most_queued
    found = [
        _reached(
            "fill_percent",
            round(fill, 1),
            warning=thresholds.warning_fill_percent,
            critical=thresholds.critical_fill_percent,
            message=f"{figures.waiting} of at most {figures.most_queued} conversations wait.",
        ),
        _reached(
            "oldest_seconds",
            round(figures.oldest_seconds, 1),
            warning=thresholds.warning_oldest_seconds,
            critical=thresholds.critical_oldest_seconds,
            message=f"The oldest conversation has waited {figures.oldest_seconds:.0f} s.",
        ),
        _reached(
            "dead",
            figures.dead,
            warning=thresholds.warning_dead,
            # Beyond that they stay in the queue, whatever the setting says.
            critical=min(thresholds.critical_dead, figures.most_dead),
            message=f"{figures.dead} conversations kept failing and wait for somebody to look at them.",
        ),
        _consumers(figures),
    ]
    alerts = sorted((alert for alert in found if alert), key=lambda alert: alert.health != "critical")
    return (alerts[0].health if alerts else "healthy"), alerts


def _reached(figure: str, value: float, *, warning: float, critical: float, message: str) -> Alert | None:
    if value >= critical:
        return Alert("critical", figure, value, critical, message)
    return Alert("warning", figure, value, warning, message) if value >= warning else None


def _consumers(figures: Figures) -> Alert | None:
    if figures.consumers:
        return None
    if figures.waiting:
        return Alert("critical", "consumers", 0, 0, "Conversations wait, and nothing is there that stores them.")
    return Alert("warning", "consumers", 0, 0, "Nothing is there that stores conversations.")
