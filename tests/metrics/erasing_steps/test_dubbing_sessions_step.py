import pytest

from metrics import dubbing
from metrics.erasing_steps import dubbing_sessions as step
from metrics.mongo_clients import collection
from tests.builders import make_dubbing_session
from tests.metrics.erasing_steps.people import customer

pytestmark = pytest.mark.usefixtures("nothing")


@pytest.fixture(autouse=True)
def sessions(nothing):
    collection(dubbing.SESSIONS).delete_many({})
    make_dubbing_session(1, "a")
    make_dubbing_session(1, "b", platform="zoom")
    make_dubbing_session(1, "c", user_id="other")
    make_dubbing_session(2, "a")


def test_sessions_of_somebody_go_and_others_stay():
    them = customer(1, ("web", "dana"))
    assert (step.count(them), step.search(them)) == (1, 1)
    assert [step.erase(them), step.erase(them)] == [1, 0]
    assert (step.count(them), step.search(them)) == (0, 0)
    assert [dubbing.find(1, "b")["platform"], dubbing.find(1, "c")["user_id"], dubbing.find(2, "a")["user_id"]] == [
        "zoom",
        "other",
        "dana",
    ]


def test_whoever_has_no_id_there_has_no_sessions():
    them = customer(1)
    assert (step.count(them), step.erase(them), step.search(them)) == (0, 0, 0)
