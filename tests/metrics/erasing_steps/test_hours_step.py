"""Somebody's rows go from the time series, and are looked for past its indexes."""

from datetime import UTC, datetime

import pytest

from metrics import hours, rollups
from metrics.erasing_steps import hours as step
from tests.metrics.erasing_steps.people import HOUR, colleague, customer, measured

pytestmark = pytest.mark.usefixtures("nothing")
NOW = datetime.now(UTC)
LAST = NOW.replace(minute=0, second=0, microsecond=0) - 2 * HOUR


def filled(*people, tenant_id=1):
    for user_id, platform in people:
        measured(tenant_id, user_id, platform=platform, at=LAST)
    rollups.fill_hours(NOW)


def test_a_colleague_goes_on_every_platform_and_nobody_else_does():
    filled(("user:7", "web"), ("user:7", "ios"), ("user:77", "web"))
    filled(("user:7", "web"), tenant_id=2)
    them = colleague(1)
    assert (step.count(them), step.search(them)) == (2, 2)
    assert step.erase(them) == 2
    assert (step.count(them), step.search(them), step.erase(them)) == (0, 0, 0)
    assert hours.count_user(1, "user:77") == hours.count_user(2, "user:7") == 1


def test_an_id_is_somebody_elses_on_another_platform():
    filled(("dana", "web"), ("dana", "zoom"))
    them = customer(1, ("web", "dana"))
    assert (step.count(them), step.search(them)) == (1, 1)
    step.erase(them)
    assert step.search(them) == 0
    assert hours.search(1, [("dana", "zoom")]) == 1


def test_what_channels_did_stays_to_the_last_unit():
    filled(("dana", "web"), ("other", "web"))
    before = hours.by_hour(1, LAST, NOW)
    step.erase(customer(1, ("web", "dana")))
    assert hours.by_hour(1, LAST, NOW) == before
    assert [user_id for user_id, _ in hours.by_user(1, LAST, NOW)] == ["other"]
