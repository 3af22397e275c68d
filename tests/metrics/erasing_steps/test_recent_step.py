"""Somebody's segments in Redis go, others' stay, and what is left is found without any index."""

import pytest
import redis
from django.conf import settings

from metrics import recent
from metrics.erasing_steps import recent as step
from metrics.recent import layout
from tests.metrics.erasing_steps.people import colleague, customer, measured, whatever_redis_says

pytestmark = pytest.mark.usefixtures("nothing")


def test_a_colleague_goes_on_every_platform_and_nobody_else_does():
    for platform in ("web", "ios"):
        measured(1, "user:7", platform=platform, times=2)
    measured(1, "user:77", times=3)
    measured(2, "user:7", times=4)
    them = colleague(1)
    assert (step.count(them), step.search(them)) == (4, 2)
    told = []
    assert step.erase(them, progress=told.append) == 4
    assert sum(told) == 4
    assert (step.count(them), step.search(them)) == (0, 0)
    assert (recent.count_user(1, "user:77"), recent.count_user(2, "user:7")) == (3, 4)


def test_an_id_is_somebody_elses_on_another_platform():
    measured(1, "dana", platform="web")
    measured(1, "dana", platform="zoom", times=2)
    them = customer(1, ("web", "dana"))
    assert step.erase(them) == 1
    assert (step.count(them), step.search(them)) == (0, 0)
    assert recent.count_user(1, "dana", platform="zoom") == 2


def test_again_is_the_same_as_once():
    measured(1, "dana")
    them = customer(1, ("web", "dana"), ("zoom", "unknown"))
    assert [step.erase(them), step.erase(them)] == [1, 0]


def test_no_key_and_no_value_has_their_id_afterwards():
    measured(1, "someone-unmistakable", times=3)
    measured(1, "other")
    assert b"someone-unmistakable" in whatever_redis_says()
    step.erase(customer(1, ("web", "someone-unmistakable")))
    assert b"someone-unmistakable" not in whatever_redis_says()
    assert b"other" in whatever_redis_says()


def test_what_the_index_has_lost_is_found_all_the_same():
    measured(1, "dana", times=2)
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).delete(f"{layout.user_prefix(1)}dana")
    them = customer(1, ("web", "dana"))
    assert step.count(them) == 0
    assert step.search(them) == 1


def test_an_index_that_leads_nowhere_is_found_by_its_name():
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).zadd(f"{layout.user_prefix(1)}dana", {"2026010100:1": 1})
    them = customer(1, ("web", "dana"))
    assert step.search(them) == 1
    step.erase(them)
    assert step.search(them) == 0


def test_ids_with_awkward_characters_are_told_apart():
    for user_id in ("a", "a:groups", "*", "1:groups", "[0-9]"):
        measured(1, user_id)
    step.erase(customer(1, ("web", "*")))
    assert {user_id for _, user_id in recent.people(1)} == {"a", "a:groups", "1:groups", "[0-9]"}


def test_an_id_in_the_form_of_our_users_is_nobodys_on_a_platform():
    measured(1, "user:7")
    assert step.erase(customer(1, ("web", "user:7"))) == 0
    assert recent.count_user(1, "user:7") == 1
