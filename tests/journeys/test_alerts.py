"""From segments that fail to whoever is told of it, and back: with the beat and the workers that `make run` starts."""

import json

import pytest

from tests.receivers import WebhookReceiver
from tests.waiting import wait_until

ALERTS = "/api/metrics/alerts"
STAGES = {"extraction_ms": 100, "dubbing_ms": 300, "reinsertion_ms": 100}


@pytest.fixture
def receiver():
    receiver = WebhookReceiver()
    yield receiver
    receiver.stop()


def send_segments(client, count, *, error="", prefix):
    segments = [
        {
            "segment_id": f"{prefix}-{number}",
            "channel_id": "7",
            "session_id": "s",
            "user_id": "u",
            "error": error,
            **STAGES,
        }
        for number in range(count)
    ]
    answer = client.post("/api/metrics/segments", json=segments)
    assert (answer.status_code, answer.json()["accepted"]) == (202, count), answer.text


def test_who_is_to_be_told_hears_that_segments_fail_and_that_it_is_over(stack, receiver):
    admin = stack.client("demo-admin")
    # The receiver is away at first.
    receiver.status = 503
    made = admin.post(f"{ALERTS}/destinations", json={"kind": "webhook", "address": receiver.url})
    assert made.status_code == 201
    send_segments(admin, 30, error="engine_failed", prefix="bad")
    wait_until(lambda: receiver.requests, what="the first attempt")
    receiver.status = 204

    def told(kind):
        bodies = [json.loads(body) for _, body in receiver.requests]
        return [body["data"] for body in bodies if body["type"] == kind and body["data"]["kind"] == "error_count"]

    wait_until(lambda: admin.get(f"{ALERTS}/deliveries").json()["results"][-1]["state"] == "delivered", what="delivery")
    alert_id = told("alert.opened")[0]["alert_id"]
    acknowledged = stack.client("demo-supervisor").post(f"{ALERTS}/{alert_id}/acknowledge").json()
    assert acknowledged["state"] == "acknowledged"
    send_segments(admin, 970, prefix="good")
    wait_until(lambda: told("alert.resolved"), what="the news that it is over")
    alert = admin.get(f"{ALERTS}/{alert_id}").json()
    assert (alert["state"], alert["resolution"]) == ("resolved", "over")
    # The company has segments of other tests as well.
    assert alert["worst_value"] > alert["threshold"]
    assert alert["last_value"] < alert["threshold"]
    assert {one["alert_id"] for one in told("alert.opened")} == {alert_id}, "opened once"
    admin.delete(f"{ALERTS}/destinations/{made.json()['id']}")
