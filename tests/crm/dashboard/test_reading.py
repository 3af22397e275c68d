"""What the dashboard reads, over REST, on real servers."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from metrics import gauges, person_keys, recent
from metrics.recent import clients
from tests.builders import bearer
from tests.segments import make_group, make_segment_of_work


@pytest.fixture
def write(tenant):
    def write(*segments):
        assert all(recent.write(tenant.pk, segments))

    return write


@pytest.fixture
def ask(supervisor):
    def ask(**query):
        answer = bearer(supervisor).get("/api/crm/dashboard", query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return ask


def test_a_reading_tells_what_was_done_of_whom_and_how_long_it_took(write, ask, agent):
    write(
        make_segment_of_work(total_ms=900),
        make_segment_of_work(total_ms=1800, error="engine_failed", retry_count=2),
        make_segment_of_work(
            group=make_group(channel_id="sport", user_id=person_keys.of_user(agent.pk)), source_language="ar"
        ),
    )
    told = ask(range="1h")
    assert told["missing"] == []
    assert told["timezone"] == "UTC"
    segments = told["segments"]
    totals = segments["totals"]
    assert (totals["segments"], totals["errors"], totals["retries"]) == (3, 1, 2)
    assert totals["error_share"] == pytest.approx(1 / 3)
    assert totals["average_ms"] == pytest.approx(1200)
    assert totals["p99_ms"] == pytest.approx(1800, rel=0.02)
    assert totals["stages"]["dubbing"] == pytest.approx(800)
    assert totals["source_languages"] == {"he": 2, "ar": 1}
    assert totals["original_bytes"] == 3 * 380_000
    assert [(one["id"], one["segments"]) for one in segments["channels"]] == [("news", 2), ("sport", 1)]
    assert [(one["id"], one["name"]) for one in segments["users"]] == [
        ("dana", "dana"),
        (person_keys.of_user(agent.pk), str(agent)),
    ]


def test_the_time_is_told_in_even_steps_of_which_the_last_still_runs(write, ask):
    write(make_segment_of_work())
    for asked, step, count in (("5m", "minute", 6), ("24h", "hour", 25), ("90d", "day", 91)):
        segments = ask(range=asked)["segments"]
        points = segments["points"]
        assert (segments["step"], len(points)) == (step, count)
        starts = [datetime.fromisoformat(point["start"]) for point in points]
        assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {
            timedelta(seconds=segments["step_seconds"])
        }
        assert [point["is_running"] for point in points] == [False] * (count - 1) + [True]
        assert sum(point["segments"] for point in points) == 1
        assert points[0]["p95_ms"] is None, "nothing was done, so nothing took any time"


def test_a_question_narrows_what_is_counted(write, ask):
    write(
        make_segment_of_work(),
        make_segment_of_work(group=make_group(channel_id="sport", user_id="7")),
        make_segment_of_work(group=make_group(channel_id="call", pipeline="audio")),
    )
    for asked, count in (
        ({"channel_id": "sport"}, 1),
        ({"user_id": "7"}, 1),
        ({"pipeline": "audio"}, 1),
        ({"pipeline": "dubbing"}, 2),
        ({"channel_id": "nowhere"}, 0),
    ):
        told = ask(range="24h", **asked)["segments"]
        assert told["totals"]["segments"] == count, asked
    # What can be chosen next is not narrowed by what has been.
    assert {one["id"] for one in ask(channel_id="sport")["segments"]["channels"]} == {"news", "sport", "call"}


def test_a_stretch_that_was_chosen_is_told_alone(write, ask):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    write(make_segment_of_work(received_at=now - timedelta(minutes=30)), make_segment_of_work(received_at=now))
    told = ask(since=(now - timedelta(minutes=40)).isoformat(), until=(now - timedelta(minutes=20)).isoformat())
    assert (told["segments"]["totals"]["segments"], len(told["segments"]["points"])) == (1, 20)
    assert not any(point["is_running"] for point in told["segments"]["points"])


@pytest.mark.parametrize(
    "query",
    [
        {"range": "9d"},
        {"pipeline": "other"},
        {"since": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:10Z"},
        {"since": "2020-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"channel_id": "x" * 256},
    ],
)
def test_what_cannot_be_asked_is_said(supervisor, query):
    answer = bearer(supervisor).get("/api/crm/dashboard", query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_another_company_reads_nothing_of_it(write, stranger):
    write(make_segment_of_work())
    stranger.role = "supervisor"
    stranger.save()
    told = bearer(stranger).get("/api/crm/dashboard").json()["segments"]
    assert (told["totals"]["segments"], told["channels"], told["users"]) == (0, [], [])


def test_the_server_is_told_by_its_queues_operations_and_tiers(ask):
    gauges.set("tier.bytes", 1234, tier="mongodb")
    gauges.set("tier.late", 1.0, tier="mongodb")
    gauges.set("tier.filled_until_timestamp_seconds", 1_790_000_000, tier="mongodb")
    gauges.set("workers.waiting", 3, queue="analysis")
    told = ask()
    assert told["intake"]["most_queued"] > 0
    [tier] = [tier for tier in told["tiers"] if tier["name"] == "mongodb"]
    assert (tier["bytes"], tier["is_late"], tier["filled_until"]) == (1234, True, "2026-09-21T14:13:20Z")
    assert [queue["waiting"] for queue in told["queues"] if queue["queue"] == "analysis"] == [3]
    thresholds = {one["kind"]: one for one in told["alerts"]["thresholds"]}
    assert thresholds["error_count"] == {
        "kind": "error_count",
        "unit": "percent",
        "threshold": 5.0,
        "window_minutes": 10,
        "subjects": ["dubbing", "audio"],
    }
    assert thresholds["queue_percent"]["window_minutes"] is None
    assert None not in (told["losses"]["segments_dropped"], told["losses"]["hours_lost"])


@pytest.fixture
def segments_away(settings):
    """The Redis of segments does not answer; whoever else asks it has connected before."""
    there = settings.EARSHOT_REDIS_URL
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    _forget_clients()
    yield
    settings.EARSHOT_REDIS_URL = there
    _forget_clients()


def _forget_clients():
    for client in (clients.patient, clients._script):
        client.cache_clear()


def test_a_part_that_cannot_be_read_takes_no_other_with_it(ask, request):
    before = ask()
    assert before["missing"] == []
    request.getfixturevalue("segments_away")
    told = ask()
    assert {one["part"] for one in told["missing"]} == {"segments"}
    assert all(one["message"] for one in told["missing"])
    assert told.keys() >= before.keys() - {"segments"}
    assert told["intake"]["most_queued"] > 0
