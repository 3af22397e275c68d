"""Live-dubbing sessions over HTTP, and in any order of events."""

import itertools
from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crm.models import AuditEntry
from metrics import dubbing, forgotten, mongo_clients, tasks
from metrics.dubbing import DubbingStatus
from metrics.errors import DubbingSessionConflict, DubbingSessionEnded, UnknownDubbingSession
from tests.builders import bearer, make_dubbing_session, make_tenant, make_user
from tests.scale import scaled

ADDRESS = "/api/metrics/dubbing-sessions"
_ids = itertools.count(1)


@pytest.fixture
def api(tenant):
    """Speaks REST as a machine of the company."""
    return bearer(make_user(tenant, "integration"))


@pytest.fixture
def watching(supervisor):
    return bearer(supervisor)


def post(api, address, **body):
    return api.post(f"{ADDRESS}{address}", body, format="json")


def collection():
    return mongo_clients.collection(dubbing.SESSIONS)


def silent_for(minutes, **about):
    collection().update_many(about, {"$set": {"last_activity_at": datetime.now(UTC) - timedelta(minutes=minutes)}})


def test_a_session_begins_is_heard_of_and_ends(api, watching):
    begun = post(api, "", session_id="s-1", user_id="dana", channel_id="news", voice_id="alto")
    assert begun.status_code == 201
    session = begun.json()
    told = {name: session[name] for name in ("status", "source_language", "target_language", "platform", "ended_at")}
    assert told == {
        "status": "active",
        "source_language": "he",
        "target_language": "en",
        "platform": "web",
        "ended_at": None,
    }
    assert (session["sync_delay_ms"], session["metrics"], session["last_error"]) == (600, {}, "")
    heard = post(api, "/s-1/heartbeat", metrics={"buffer_ms": 120.5}, sync_delay_ms=800, last_error="late").json()
    assert (heard["metrics"], heard["sync_delay_ms"], heard["last_error"]) == ({"buffer_ms": 120.5}, 800, "late")
    assert heard["last_activity_at"] >= session["last_activity_at"]
    # What a heartbeat does not name stays.
    assert post(api, "/s-1/heartbeat").json() == {
        **heard,
        "last_activity_at": watching.get(f"{ADDRESS}/s-1").json()["last_activity_at"],
    }
    ended = post(api, "/s-1/end")
    assert (ended.status_code, ended.json()["status"]) == (200, "ended")
    assert post(api, "/s-1/end").json() == ended.json() == watching.get(f"{ADDRESS}/s-1").json()


def test_the_same_start_again_is_the_same_session_and_a_sign_of_life(api):
    first = post(api, "", session_id="s-1", user_id="dana", channel_id="news").json()
    again = post(api, "", session_id="s-1", user_id="dana", channel_id="sport")
    assert again.status_code == 200
    assert again.json() == {**first, "last_activity_at": again.json()["last_activity_at"]}


@pytest.mark.parametrize("other", [{"user_id": "gil"}, {"platform": "tv"}])
def test_an_id_that_another_person_has_is_refused(api, other):
    first = post(api, "", session_id="s-1", user_id="dana").json()
    refused = post(api, "", **{"session_id": "s-1", "user_id": "dana", **other})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "dubbing_session_conflict")
    assert "dana" not in refused.content.decode()
    assert post(api, "/s-1/end").json()["user_id"] == first["user_id"]


def test_what_is_over_takes_nothing_any_more(api):
    post(api, "", session_id="s-1", user_id="dana")
    ended = post(api, "/s-1/end").json()
    for refused in (post(api, "", session_id="s-1", user_id="dana"), post(api, "/s-1/heartbeat", sync_delay_ms=1)):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "dubbing_session_ended")
    assert post(api, "/s-1/end").json() == ended


def test_two_companies_with_the_same_id_never_meet(api, watching, stranger):
    theirs = bearer(stranger)
    post(api, "", session_id="s-1", user_id="dana")
    assert theirs.get(f"{ADDRESS}/s-1").status_code == 404
    assert post(theirs, "/s-1/heartbeat").status_code == post(theirs, "/s-1/end").status_code == 404
    assert theirs.get(ADDRESS).json()["results"] == []
    assert post(theirs, "", session_id="s-1", user_id="gil").status_code == 201
    assert post(theirs, "/s-1/end").json()["user_id"] == "gil"
    assert watching.get(f"{ADDRESS}/s-1").json()["status"] == "active"
    assert [one["user_id"] for one in watching.get(ADDRESS).json()["results"]] == ["dana"]


def test_of_which_nothing_is_heard_for_a_quarter_of_an_hour_it_is_over(tenant):
    make_dubbing_session(tenant.pk, "silent")
    make_dubbing_session(tenant.pk, "heard")
    silent_for(16, tenant_id=tenant.pk, session_id="silent")
    silent_for(14, tenant_id=tenant.pk, session_id="heard")
    tasks.end_idle_dubbing()
    session = dubbing.find(tenant.pk, "silent")
    assert (session["status"], session["ended_at"]) == ("timed_out", session["last_activity_at"])
    assert dubbing.find(tenant.pk, "heard")["status"] == "active"
    with pytest.raises(DubbingSessionEnded):
        dubbing.heartbeat(tenant.pk, "silent", {})
    assert dubbing.end(tenant.pk, "silent") == session


def test_the_list_is_read_page_by_page_and_filtered(watching, tenant):
    for number in range(5):
        make_dubbing_session(tenant.pk, f"s-{number}", user_id=f"u-{number % 2}", channel_id=f"c-{number % 3}")
    dubbing.end(tenant.pk, "s-4")

    def ids(address):
        return [one["session_id"] for one in watching.get(address).json()["results"]]

    newest = ids(ADDRESS)
    assert sorted(newest) == [f"s-{number}" for number in range(5)]
    page, seen = f"{ADDRESS}?limit=2", []
    while page:
        answer = watching.get(page).json()
        seen.append([one["session_id"] for one in answer["results"]])
        last, page = answer, answer["next"]
    assert ([one for page_ids in seen for one in page_ids], [len(one) for one in seen]) == (newest, [2, 2, 1])
    assert ids(last["previous"]) == seen[1]
    assert set(ids(f"{ADDRESS}?user_id=u-0")) == {"s-0", "s-2", "s-4"}
    assert set(ids(f"{ADDRESS}?channel_id=c-1&status=active")) == {"s-1"}
    assert ids(f"{ADDRESS}?status=ended") == ["s-4"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"session_id": "a/b"},
        {"session_id": "x" * 129},
        {"user_id": ""},
        {"user_id": "  "},
        {"channel_id": "  "},
        {"user_id": 5},
        {"user_id": "user:5"},
        {"platform": "two words"},
        {"sync_delay_ms": -1},
        {"sync_delay_ms": 10**9},
        {"source_language": "Hebrew, I think"},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_refused_by_its_name(api, wrong):
    refused = post(api, "", **{"session_id": "s-1", "user_id": "dana", **wrong})
    assert (refused.status_code, set(refused.json()["error"]["fields"])) == (422, set(wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"metrics": {f"m{number}": 1 for number in range(51)}},
        {"metrics": {"$set": 1}},
        {"metrics": {"a.b": 1}},
        {"metrics": {"a": "b"}},
        {"metrics": {"": 1}},
        {"last_error": "x" * 501},
        {"sync_delay_ms": "soon"},
    ],
    ids=lambda wrong: str(wrong)[:30],
)
def test_a_heartbeat_that_cannot_be_right_is_refused_by_its_name(api, wrong):
    before = post(api, "", session_id="s-1", user_id="dana").json()
    refused = post(api, "/s-1/heartbeat", **wrong)
    assert (refused.status_code, set(refused.json()["error"]["fields"])) == (422, set(wrong))
    assert post(api, "", session_id="s-1", user_id="dana").json()["metrics"] == before["metrics"]


@pytest.mark.parametrize("cursor", ["", "x", "WzFd", "WyJiZWZvcmUiLDEsMl0="])
def test_a_cursor_that_is_none_of_ours_is_not_found(watching, cursor):
    assert watching.get(f"{ADDRESS}?cursor={cursor}").status_code == 404


def test_who_was_forgotten_begins_no_session(api, tenant):
    forgotten.forget(tenant.pk, "external:web:dana")
    refused = post(api, "", session_id="s-1", user_id="dana")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_dubbing_session")
    assert dubbing.count_user(tenant.pk, "dana") == 0
    assert post(api, "", session_id="s-2", user_id="dana", platform="tv").status_code == 201


def test_a_person_is_erased_in_their_company_alone(tenant, stranger):
    for tenant_id in (tenant.pk, stranger.tenant_id):
        make_dubbing_session(tenant_id, "s-1")
        make_dubbing_session(tenant_id, "s-2", platform="tv")
        make_dubbing_session(tenant_id, "s-3", user_id="gil")
    assert dubbing.count_user(tenant.pk, "dana") == 2
    assert dubbing.erase_user(tenant.pk, "dana", platform="tv") == 1
    assert dubbing.erase_user(tenant.pk, "dana") == 1
    assert [dubbing.count_user(tenant.pk, name) for name in ("dana", "gil")] == [0, 1]
    assert dubbing.count_user(stranger.tenant_id, "dana") == 2
    with pytest.raises(UnknownDubbingSession):
        dubbing.heartbeat(tenant.pk, "s-1", {})


def test_the_log_says_who_began_and_ended_which(api, tenant):
    post(api, "", session_id="s-1", user_id="dana")
    post(api, "/s-1/heartbeat")
    post(api, "/s-1/end")
    written = AuditEntry.objects.filter(tenant=tenant).order_by("pk").values_list("act", "subject")
    assert list(written)[-1] == ("dubbing_session.ended", "dubbing_session:s-1")
    assert [act for act, _ in written] == ["dubbing_session.started", "dubbing_session.ended"]


def test_what_ended_is_kept_for_thirty_days(tenant):
    indexes = collection().index_information()
    (life,) = [one for one in indexes.values() if "expireAfterSeconds" in one]
    assert (life["key"], life["expireAfterSeconds"]) == ([("ended_at", 1)], 30 * 24 * 3600)
    dubbing.create()
    assert dubbing.check() == []


class Sessions(RuleBasedStateMachine):
    """Beside the collection stands what each session of two companies must be."""

    tenants = ()

    def __init__(self):
        super().__init__()
        number = next(_ids)
        self.ids = [f"{number}-{letter}" for letter in "ab"]
        # Of other runs there are others in the collection.
        self.people = [f"{number}-{name}" for name in ("dana", "gil")]
        self.known = {}

    tenant = some.integers(0, 1)
    session = some.integers(0, 1)
    person = some.integers(0, 1)

    def place(self, tenant, session):
        return self.tenants[tenant], self.ids[session]

    @rule(tenant=tenant, session=session, person=person)
    def somebody_starts(self, tenant, session, person):
        user, place = self.people[person], self.place(tenant, session)
        known = self.known.get(place)
        if known is None:
            make_dubbing_session(*place, user_id=user)
            self.known[place] = [user, "active"]
        elif known[0] != user:
            with pytest.raises(DubbingSessionConflict):
                make_dubbing_session(*place, user_id=user)
        elif known[1] != "active":
            with pytest.raises(DubbingSessionEnded):
                make_dubbing_session(*place, user_id=user)
        else:
            make_dubbing_session(*place, user_id=user)

    @rule(tenant=tenant, session=session, delay=some.integers(0, 1000))
    def it_is_heard_of(self, tenant, session, delay):
        place = self.place(tenant, session)
        match self.known.get(place):
            case None:
                with pytest.raises(UnknownDubbingSession):
                    dubbing.heartbeat(*place, {"sync_delay_ms": delay})
            case [_, "active"]:
                assert dubbing.heartbeat(*place, {"sync_delay_ms": delay})["sync_delay_ms"] == delay
            case _:
                with pytest.raises(DubbingSessionEnded):
                    dubbing.heartbeat(*place, {"sync_delay_ms": delay})

    @rule(tenant=tenant, session=session)
    def somebody_ends_it(self, tenant, session):
        place = self.place(tenant, session)
        if place in self.known:
            known = self.known[place]
            known[1] = "ended" if known[1] == "active" else known[1]
            assert dubbing.end(*place)["status"] == known[1]
        else:
            with pytest.raises(UnknownDubbingSession):
                dubbing.end(*place)

    @rule(tenant=tenant, session=session, is_long=some.booleans())
    def it_is_silent_for_a_while(self, tenant, session, is_long):
        place = self.place(tenant, session)
        known = self.known.get(place)
        if known and known[1] == "active":
            silent_for(15.1 if is_long else 14.0, tenant_id=place[0], session_id=place[1])
            known[1] = "timed_out" if is_long else "active"
        dubbing.end_idle()

    @rule(tenant=tenant, person=person)
    def somebody_is_erased(self, tenant, person):
        user = self.people[person]
        theirs = [place for place, (who, _) in self.known.items() if place[0] == self.tenants[tenant] and who == user]
        assert dubbing.erase_user(self.tenants[tenant], user) == len(theirs)
        for place in theirs:
            del self.known[place]

    @invariant()
    def each_is_what_it_must_be(self):
        for tenant, session in itertools.product((0, 1), (0, 1)):
            place = self.place(tenant, session)
            if place in self.known:
                found = dubbing.find(*place)
                assert [found["user_id"], found["status"]] == self.known[place]
                assert (found["ended_at"] is None) == (found["status"] == DubbingStatus.ACTIVE)
            else:
                with pytest.raises(UnknownDubbingSession):
                    dubbing.find(*place)


def test_in_any_order_of_events_each_session_is_what_it_must_be(tenant):
    machine = type("OurSessions", (Sessions,), {"tenants": (tenant.pk, make_tenant().pk)})
    try:
        run_state_machine_as_test(
            machine,
            settings=hypothesis.settings(
                max_examples=scaled(10, 200),
                stateful_step_count=12,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    finally:
        collection().delete_many({"tenant_id": {"$in": machine.tenants}})
