import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from metrics import alerts, gauges, recent, timings
from metrics.alerts import evaluation, lifecycle, rules, watching
from metrics.alerts.evaluation import Ongoing, Verdict
from metrics.errors import UnknownAlert
from metrics.models import Alert
from metrics.segments import Group, Segment
from tests.builders import make_tenant, make_user
from tests.metrics.alerts.conftest import open_alert

NOW = timezone.now()


@pytest.fixture(autouse=True)
def nothing_measured():
    timings.flush()
    redis.Redis.from_url(settings.EARSHOT_REDIS_URL).flushdb()


def feed(tenant, *, errors=0, fine=0, total_ms=100, pipeline="dubbing"):
    """Segments of this minute."""
    group = Group(channel_id="1", session_id="s", user_id="u", platform="web", pipeline=pipeline)
    one = Segment(group=group, segment_id="", received_at=timezone.now(), total_us=total_ms * 1000)
    segments = [
        replace(
            one, segment_id=f"{timezone.now().timestamp()}-{number}", error="engine_failed" if number < errors else ""
        )
        for number in range(errors + fine)
    ]
    assert all(recent.write(tenant.pk, segments))


def told(tenant):
    return [(alert.rule.kind, alert.subject, alert.state) for alert in alerts.open_of(tenant.pk)]


@pytest.mark.parametrize(
    ("value", "known", "expected"),
    [
        (5.1, None, Verdict.OPEN),
        (5.0, None, Verdict.FINE),
        (None, None, Verdict.UNKNOWN),
        (9.0, NOW, Verdict.KEEP),
        (4.6, NOW, Verdict.KEEP),
        (4.5, NOW, Verdict.RESOLVE),
        (0.0, NOW, Verdict.RESOLVE),
        (None, NOW - timedelta(hours=23), Verdict.UNKNOWN),
        (None, NOW - timedelta(hours=25), Verdict.EXPIRE),
    ],
)
def test_a_figure_opens_keeps_and_resolves_and_where_there_is_none_nothing_changes(value, known, expected):
    ongoing = None if known is None else Ongoing(known)
    assert evaluation.judge(value, threshold=5.0, ongoing=ongoing, now=NOW) == expected


def test_a_company_has_every_rule_without_anybodys_doing_and_hears_only_of_its_own_segments(tenant):
    other = make_tenant()
    feed(tenant, errors=2, fine=30)
    feed(other, errors=0, fine=30)
    assert watching.watch([tenant.pk, other.pk]) == 1
    assert told(tenant) == [("error_count", "dubbing", "open")]
    assert told(other) == []
    assert {rule.kind: rule.threshold for rule in rules.of(other.pk)} == {
        "error_count": 5,
        "avg_total_ms": 2000,
        "avg_audio_ms": 30_000,
        "embedding_p99_ms": 500,
        "query_p95_ms": 100,
        "batch_insert_p95_ms": 50,
        "queue_percent": 80,
        "store_percent": 80,
        "store_gigabytes": 500,
    }


def test_one_error_of_two_rings_no_bell(tenant):
    feed(tenant, errors=1, fine=1)
    assert watching.watch([tenant.pk]) == 0


def test_an_alert_opens_once_keeps_its_worst_and_resolves_when_the_figure_is_back(tenant):
    feed(tenant, errors=10, fine=10)
    watching.watch([tenant.pk])
    assert watching.watch([tenant.pk]) == 0
    feed(tenant, fine=100)
    assert watching.watch([tenant.pk]) == 0, "8 % is better, and not well"
    feed(tenant, fine=200)
    assert watching.watch([tenant.pk]) == 1
    (alert,) = alerts.history(tenant.pk)
    assert (alert.state, alert.resolution, alert.opened_value, alert.worst_value) == ("resolved", "over", 50, 50)
    assert alert.last_value == pytest.approx(100 * 10 / 320)
    assert told(tenant) == []


def test_figures_of_the_server_open_an_alert_at_every_company_by_its_own_threshold(tenant):
    other = make_tenant()
    rules.change(other.pk, "queue_percent", {"threshold": 95})
    gauges.set("intake.share", 0.9)
    gauges.set("store.bytes", 600e9, store="recordings")
    gauges.set("store.share", 0.7, store="disk")
    for _ in range(20):
        timings.record("mongodb.read", 0.15)
    timings.flush()
    watching.watch([tenant.pk, other.pk])
    both = {("query_p95_ms", "mongodb.read", "open"), ("store_gigabytes", "recordings", "open")}
    assert set(told(tenant)) == both | {("queue_percent", "intake", "open")}
    assert set(told(other)) == both


def test_a_rule_that_is_switched_off_ends_what_goes_on_and_opens_nothing(tenant):
    alert = open_alert(tenant)
    rules.change(tenant.pk, "error_count", {"is_on": False})
    alert.refresh_from_db()
    assert (alert.state, alert.resolution) == ("resolved", "rule_off")
    feed(tenant, errors=10, fine=10)
    assert watching.watch([tenant.pk]) == 0


def test_while_nobody_can_tell_what_goes_on_goes_on(tenant, monkeypatch):
    open_alert(tenant)
    assert watching.watch([tenant.pk]) == 0
    Alert.objects.update(known_at=timezone.now() - timedelta(hours=25))
    assert watching.watch([tenant.pk]) == 1
    assert [alert.resolution for alert in alerts.history(tenant.pk)] == ["no_figures"]


def test_somebody_sees_to_it_or_closes_it_and_nobody_elsewhere_does(tenant, supervisor):
    alert = open_alert(tenant)
    stranger = make_user(make_tenant(), "supervisor")
    for verb in (alerts.acknowledge, alerts.close):
        with pytest.raises(UnknownAlert):
            verb(stranger, alert.pk)
    assert alerts.acknowledge(supervisor, alert.pk).acknowledged_by == supervisor
    assert alerts.acknowledge(make_user(tenant, "admin"), alert.pk).acknowledged_by == supervisor, "the first"
    assert told(tenant) == [("error_count", "dubbing", "acknowledged")]
    assert alerts.close(supervisor, alert.pk).resolution == "by_hand"
    assert not lifecycle.resolve(alert, "over", at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_of_two_who_look_at_once_one_opens_the_alert(receiver):
    tenant = make_tenant()
    rules.of(tenant.pk)
    feed(tenant, errors=10, fine=10)
    at_once = threading.Barrier(4)
    opened = []

    def look():
        at_once.wait()
        opened.append(watching.watch([tenant.pk]))
        connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(opened) == [0, 0, 0, 1]
    assert Alert.objects.count() == 1
    connection.close()
