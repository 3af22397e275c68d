"""Everybody who is named anywhere is a candidate for being forgotten again."""

from datetime import UTC, datetime

import pytest

from metrics import dubbing, erasing_steps, rollups
from metrics.mongo_clients import collection
from tests.builders import make_dubbing_session
from tests.metrics.erasing_steps.people import HOUR, measured, nothing_measured

pytestmark = pytest.mark.usefixtures("nothing")


def test_candidates_are_all_whom_segments_hours_and_sessions_name_in_a_company():
    collection(dubbing.SESSIONS).delete_many({})
    now = datetime.now(UTC)
    measured(1, "in hours", at=now.replace(minute=0, second=0, microsecond=0) - 2 * HOUR)
    rollups.fill_hours(now)
    assert erasing_steps.candidates(1) == {"external:web:in hours"}
    measured(1, "user:7", platform="recorder")
    measured(1, "in redis", platform="a:b", times=2)
    measured(1, "")
    measured(2, "elsewhere")
    make_dubbing_session(1, "a", user_id="in a session")
    assert erasing_steps.candidates(1) == {
        "external:web:in hours",
        "user:7",
        "external:a%3Ab:in redis",
        "external:web:in a session",
    }


def test_hours_alone_name_people_when_redis_has_nothing():
    now = datetime.now(UTC)
    measured(1, "in hours", at=now.replace(minute=0, second=0, microsecond=0) - 2 * HOUR)
    rollups.fill_hours(now)
    collection(dubbing.SESSIONS).delete_many({})
    rows = erasing_steps.candidates(1)
    nothing_measured()
    assert (rows, erasing_steps.candidates(1)) == ({"external:web:in hours"}, set())
