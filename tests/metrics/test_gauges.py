"""How much there is of something right now, and how often something has happened."""

import pytest
import redis
from django.conf import settings

from metrics import counters, gauges, histograms, prometheus
from metrics.gauges import Gauge
from metrics.timings import summarise


@pytest.fixture(autouse=True)
def server():
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    client.delete(gauges.KEY, counters.KEY)
    return client


def told():
    return {(gauge.name, *gauge.labels.items()): gauge.value for gauge in gauges.all_told()}


def test_what_was_told_last_is_what_there_is():
    gauges.set("tests.depth", 5)
    gauges.set("tests.depth", 2.5)
    gauges.set("tests.depth", 7, queue="a")
    assert told() == {("tests.depth",): 2.5, ("tests.depth", ("queue", "a")): 7.0}


def test_what_nobody_has_told_for_long_is_left_out():
    gauges.set("tests.depth", 5)
    assert gauges.all_told(within_seconds=-10) == []


@pytest.mark.parametrize(
    ("name", "labels"),
    [("Depth", {}), ("a|b", {}), ("a b", {}), ("a", {"queue": "x y"}), ("a", {"queue": "x" * 65}), ("a", {"Q": "x"})],
)
def test_a_name_or_label_that_may_hold_anything_is_refused(name, labels):
    with pytest.raises(ValueError, match="gauge"):
        gauges.set(name, 1, **labels)
    assert told() == {}


def test_there_are_no_more_than_so_many(monkeypatch):
    monkeypatch.setattr(gauges, "MOST_GAUGES", 2)
    for number in "abc":
        gauges.set(f"tests.{number}", 1)
    gauges.set("tests.a", 2)
    assert told() == {("tests.a",): 2.0, ("tests.b",): 1.0}


def test_what_happens_is_counted():
    assert counters.value("tests.hits") == 0
    counters.add("tests.hits")
    counters.add("tests.hits", 4)
    assert counters.value("tests.hits") == 5
    with pytest.raises(ValueError, match="counter"):
        counters.add("tests/hits")


def test_prometheus_reads_all_of_it():
    page = prometheus.page(
        [Gauge("intake.queued", {}, 3.0, 1000.0), Gauge("intake.health", {"state": "healthy"}, 1.0, 1001.0)],
        [summarise("intake.wait", {"0": 3, "failures": 1})],
        {counters.EMBEDDING_CACHE_HITS: 7, "tests.unknown": 8},
        histograms.read({"intake.wait|3": 2, "intake.wait|9": 1, "intake.wait|us": 560_000, "intake.wait|failures": 1}),
    ).decode()
    lines = page.splitlines()
    for line in (
        "earshot_intake_queued 3.0",
        'earshot_intake_health{state="healthy"} 1.0',
        'earshot_gauge_told_timestamp_seconds{gauge="intake.queued"} 1000.0',
        'earshot_operation_count{operation="intake.wait",outcome="success"} 2.0',
        'earshot_operation_count{operation="intake.wait",outcome="failure"} 1.0',
        "earshot_embedding_cache_hits_total 7.0",
        'earshot_operation_duration_seconds_bucket{le="0.005",operation="intake.wait"} 0.0',
        'earshot_operation_duration_seconds_bucket{le="0.01",operation="intake.wait"} 2.0',
        'earshot_operation_duration_seconds_bucket{le="+Inf",operation="intake.wait"} 3.0',
        'earshot_operation_duration_seconds_count{operation="intake.wait"} 3.0',
        'earshot_operation_duration_seconds_sum{operation="intake.wait"} 0.56',
        'earshot_operation_failures_total{operation="intake.wait"} 1.0',
        "# HELP earshot_intake_queued Conversations that nobody has taken yet",
    ):
        assert line in lines
    assert 'earshot_operation_seconds{operation="intake.wait",quantile="0.99"}' in page
    assert "tests_unknown" not in page


def get(client, **options):
    return client.get("/metrics", **{"HTTP_HOST": "127.0.0.1:8000", **options})


def test_this_machine_may_read_it(client, db):
    gauges.set("tests.depth", 5)
    answer = get(client)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert "earshot_tests_depth 5.0" in answer.content.decode()


def test_every_counter_that_is_known_is_there_from_the_start(client, db):
    def counted():
        lines = get(client).content.decode().splitlines()
        return {line for line in lines if line.startswith("earshot_") and "_total " in line}

    names = [f"earshot_{name.replace('.', '_')}_total" for name in counters.KNOWN]
    assert counted() == {f"{name} 0.0" for name in names}
    for name in counters.KNOWN:
        counters.add(name, 3)
    assert counted() == {f"{name} 3.0" for name in names}
    counters.add("tests.of_nobody")
    assert len(counted()) == len(names)


ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.mark.parametrize(
    "options",
    [
        ELSEWHERE,
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        {"HTTP_FORWARDED": "for=203.0.113.9"},
        # A proxy on this machine that names nobody, but the site by its name.
        {"HTTP_HOST": "testserver"},
        {**ELSEWHERE, "HTTP_AUTHORIZATION": "Bearer "},
        {**ELSEWHERE, "HTTP_AUTHORIZATION": "Bearer wrong"},
    ],
)
@pytest.mark.parametrize("token", ["", "s3cret"])
def test_who_is_elsewhere_or_behind_a_proxy_may_not(client, db, settings, options, token):
    settings.EARSHOT_METRICS_TOKEN = token
    answer = get(client, **options)
    assert answer.status_code == 403
    assert "earshot_" not in answer.content.decode()


def test_who_has_the_token_may_read_it_from_anywhere(client, db, settings):
    settings.EARSHOT_METRICS_TOKEN = "s3cret"
    assert get(client, **ELSEWHERE, HTTP_AUTHORIZATION="Bearer s3cret").status_code == 200


def test_while_redis_is_away_it_is_a_503_that_says_so(client, db, settings):
    gauges._client.cache_clear()
    settings.EARSHOT_REDIS_URL, before = "redis://127.0.0.1:9/0", settings.EARSHOT_REDIS_URL
    try:
        answer = get(client)
    finally:
        settings.EARSHOT_REDIS_URL = before
        gauges._client.cache_clear()
        gauges._set.cache_clear()
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
