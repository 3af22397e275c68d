import re

import pytest

from crm.models import AuditEntry
from metrics import alerts
from metrics.alerts import deliveries, destinations, rules
from metrics.models import AlertDelivery, Destination
from tests.builders import make_alert, make_tenant, make_user

PAGES = "/settings/alerts/"


@pytest.fixture
def tenant(db):
    """Within a transaction that is rolled back."""
    return make_tenant()


@pytest.fixture
def desk(client, tenant):
    """The browser of an admin."""
    client.force_login(make_user(tenant, "admin", first_name="Ada"))
    return client


def said(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def acts():
    return [*AuditEntry.objects.exclude(act__endswith="listed").order_by("pk").values_list("act", flat=True)]


def test_what_goes_on_is_shown_in_words_and_acknowledged_and_closed(desk, tenant):
    alert, _ = make_alert(tenant)
    make_alert(make_tenant(), kind="queue_percent", subject="intake", value=99)
    page = said(desk.get(PAGES))
    assert "Segments that fail Open 12 % now · 12 % at its worst · alert above 5 % Video segments · since" in page
    assert "99 %" not in page
    desk.post(f"{PAGES}{alert.pk}/acknowledge/")
    assert "Ada sees to it" in said(desk.get(PAGES))
    desk.post(f"{PAGES}{alert.pk}/close/")
    assert "No alert goes on" in said(desk.get(PAGES))
    assert "Closed by somebody 12 % at its worst" in said(desk.get(f"{PAGES}history/"))
    assert acts() == ["alert.acknowledged", "alert.closed"]
    assert alerts.open_of(tenant.pk) == []


def test_a_rule_is_changed_and_what_cannot_be_is_said_beside_its_field(desk, tenant):
    there = destinations.create(tenant.pk, kind="email", address="desk@example.com")
    elsewhere = destinations.create(make_tenant().pk, kind="email", address="desk@example.com")
    page = f"{PAGES}rules/error_count/"
    given = {"is_on": "on", "threshold": "7.5", "window_minutes": "30", "least_count": "50", "destinations": there.pk}
    for field, wrong in {
        "threshold": "0",
        "window_minutes": "1",
        "least_count": "-1",
        "destinations": elsewhere.pk,
    }.items():
        response = desk.post(page, {**given, field: wrong})
        assert list(response.context["form"].errors) == [field]
    assert desk.post(page, given).url == PAGES
    rule = rules.find(tenant.pk, "error_count")
    assert (rule.threshold, rule.window_minutes, rule.least_count, [*rule.destinations.all()]) == (7.5, 30, 50, [there])
    assert "alert above 7.5 %" in said(desk.get(PAGES))
    assert desk.post(f"{PAGES}rules/queue_percent/", {"threshold": "90"}).url == PAGES
    assert not rules.find(tenant.pk, "queue_percent").is_on
    assert desk.get(f"{PAGES}rules/anything/").status_code == 404


def test_a_webhooks_secret_is_shown_once_and_a_test_tells_what_came_of_it(desk, tenant):
    page = desk.post(f"{PAGES}destinations/", {"kind": "webhook", "address": "https://example.com/alerts"})
    assert page.status_code == 201
    webhook = Destination.objects.get()
    secret = destinations.secret_of(webhook)
    assert secret in said(page)
    theirs = f"{PAGES}destinations/{webhook.pk}/"
    assert secret not in said(desk.get(theirs))
    anew = said(desk.post(f"{theirs}secret/"))
    assert secret not in anew
    assert "Copy the secret now" in anew
    desk.post(f"{theirs}test/")
    assert "Test Waiting" in said(desk.get(theirs))
    assert "A test is on its way there already" in said(desk.post(f"{theirs}test/", follow=True))
    delivery = AlertDelivery.objects.get()
    AlertDelivery.objects.update(state="failed", error="timed_out", attempts=deliveries.MOST_ATTEMPTS)
    assert "Test Failed" in said(desk.get(f"{theirs}sent/"))
    assert "No answer in time" in said(desk.get(theirs))
    desk.post(f"{PAGES}deliveries/{delivery.pk}/send/")
    assert "Test Waiting" in said(desk.get(theirs))
    assert acts() == [
        "destination.made",
        "destination.read",
        "destination.secret_made",
        "destination.tested",
        "destination.read",
        "destination.tested",
        *["destination.read"] * 2,
        "delivery.sent_again",
        "destination.read",
    ]


def test_a_destination_is_refused_switched_off_and_removed(desk, tenant):
    for kind, address in (("webhook", "http://127.0.0.1/"), ("email", "nobody"), ("pigeon", "x")):
        response = desk.post(f"{PAGES}destinations/", {"kind": kind, "address": address})
        assert response.context["destination_form"].errors
    desk.post(f"{PAGES}destinations/", {"kind": "email", "address": "desk@example.com"})
    there = Destination.objects.get()
    assert "No mail server is set up" in said(desk.get(f"{PAGES}destinations/{there.pk}/"))
    desk.post(f"{PAGES}destinations/{there.pk}/on/")
    assert not destinations.find(tenant.pk, there.pk).is_on
    desk.post(f"{PAGES}destinations/{there.pk}/remove/")
    assert destinations.of(tenant.pk) == []
