import json

import pytest

from crm.models import AuditEntry
from metrics.alerts import destinations, lifecycle
from metrics.models import Resolution
from tests.builders import bearer, make_alert, make_user

ALERTS = "/api/metrics/alerts"


@pytest.fixture
def api(tenant):
    return bearer(make_user(tenant, "admin"))


def test_alerts_are_listed_newest_first_page_by_page_and_by_state(tenant, api):
    made = [make_alert(tenant, subject=subject)[0] for subject in ("dubbing", "audio")]
    lifecycle.resolve(made[0], Resolution.OVER, at=made[0].opened_at, value=1.0)
    first = api.get(f"{ALERTS}?limit=1").json()
    assert [one["id"] for one in first["results"]] == [made[1].pk]
    second = api.get(first["next"]).json()
    assert (second["results"][0]["id"], second["next"]) == (made[0].pk, None)
    assert [one["id"] for one in api.get(f"{ALERTS}?state=open").json()["results"]] == [made[1].pk]
    assert api.get(f"{ALERTS}?state=shut").status_code == 422
    assert api.get(f"{ALERTS}?cursor=x").status_code == 404


def test_an_alert_is_acknowledged_by_who_may_and_that_is_written_down(tenant, supervisor):
    alert, _ = make_alert(tenant)
    address = f"{ALERTS}/{alert.pk}/acknowledge"
    assert bearer(make_user(tenant, "agent")).post(address).status_code == 403
    told = bearer(supervisor).post(address).json()
    assert (told["state"], told["acknowledged_by"], told["unit"]) == ("acknowledged", supervisor.pk, "percent")
    entry = AuditEntry.objects.get(act="alert.acknowledged")
    assert (entry.subject, entry.actor) == (f"alert:{alert.pk}", f"user:{supervisor.pk}")


def test_a_rule_takes_what_can_be_and_refuses_what_cannot(tenant, api, stranger):
    address = f"{ALERTS}/rules/error_count"
    there = destinations.create(tenant.pk, kind="email", address="desk@example.com")
    changed = api.patch(address, {"threshold": 8, "destinations": [there.pk]}, format="json").json()
    assert (changed["threshold"], changed["default_threshold"], changed["destinations"]) == (8, 5, [there.pk])
    elsewhere = destinations.create(stranger.tenant_id, kind="email", address="desk@example.com")
    for wrong in ({"threshold": 0}, {"threshold": "nan"}, {"window_minutes": 500}, {"destinations": [elsewhere.pk]}):
        refused = api.patch(address, wrong, format="json")
        assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, list(wrong))
    assert api.patch(f"{ALERTS}/rules/nothing", {}, format="json").status_code == 404


def test_a_secret_is_told_when_it_is_made_and_never_again(tenant, api):
    given = {"kind": "webhook", "address": "https://example.com/"}
    made = api.post(f"{ALERTS}/destinations", given, format="json")
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    secret, address = made.json()["secret"], f"{ALERTS}/destinations/{made.json()['id']}"
    assert secret.startswith("whsec_")
    assert secret not in json.dumps([api.get(address).json(), api.get(f"{ALERTS}/destinations").json()])
    assert api.post(f"{address}/secret").json()["secret"] != secret
    assert api.post(f"{ALERTS}/destinations", given, format="json").status_code == 409
    tested = api.post(f"{address}/test")
    assert (tested.status_code, tested.json()["event"], tested.json()["state"]) == (202, "test", "waiting")
    assert api.post(f"{address}/test").status_code == 409
    (sent,) = api.get(f"{ALERTS}/deliveries").json()["results"]
    assert sent["message_id"].startswith("msg_")
    assert api.post(f"{ALERTS}/deliveries/{sent['id']}/send").status_code == 202
