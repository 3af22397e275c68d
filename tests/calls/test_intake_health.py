"""What the figures of the intake say about its health."""

import pytest

from calls.intake_health import Figures, Thresholds, verdict

THRESHOLDS = Thresholds(
    warning_fill_percent=70,
    critical_fill_percent=90,
    warning_oldest_seconds=120,
    critical_oldest_seconds=600,
    warning_dead=1,
    critical_dead=100,
)


def figures(**values):
    well = {"waiting": 0, "most_queued": 1000, "oldest_seconds": 0.0, "dead": 0, "most_dead": 1000, "consumers": 1}
    return Figures(**well | values)


def test_nothing_waits_and_all_is_well():
    assert verdict(figures(), THRESHOLDS) == ("healthy", [])


@pytest.mark.parametrize(
    ("values", "health", "figure", "value", "threshold"),
    [
        ({"waiting": 700}, "warning", "fill_percent", 70, 70),
        ({"waiting": 900}, "critical", "fill_percent", 90, 90),
        ({"oldest_seconds": 120.0}, "warning", "oldest_seconds", 120, 120),
        ({"oldest_seconds": 600.0}, "critical", "oldest_seconds", 600, 600),
        ({"dead": 1}, "warning", "dead", 1, 1),
        ({"dead": 100}, "critical", "dead", 100, 100),
        ({"dead": 50, "most_dead": 50}, "critical", "dead", 50, 50),
        ({"consumers": 0}, "warning", "consumers", 0, 0),
        ({"consumers": 0, "waiting": 1}, "critical", "consumers", 0, 0),
    ],
)
def test_a_figure_that_has_reached_a_threshold_says_so(values, health, figure, value, threshold):
    told, [alert] = verdict(figures(**values), THRESHOLDS)
    assert (told, alert.health) == (health, health)
    assert (alert.figure, alert.value, alert.threshold) == (figure, value, threshold)
    assert alert.message.endswith(".")


@pytest.mark.parametrize("values", [{"waiting": 699}, {"oldest_seconds": 119.0}])
def test_a_figure_just_below_is_well(values):
    assert verdict(figures(**values), THRESHOLDS)[0] == "healthy"


def test_the_worst_counts_and_stands_first():
    health, alerts = verdict(figures(waiting=700, dead=100), THRESHOLDS)
    assert health == "critical"
    assert [alert.figure for alert in alerts] == ["dead", "fill_percent"]
