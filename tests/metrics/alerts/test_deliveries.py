import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from metrics.alerts import deliveries, destinations, lifecycle, rules
from metrics.errors import DeliveryBusy, UnknownDelivery
from metrics.models import AlertDelivery, Resolution
from tests.builders import make_tenant
from tests.metrics.alerts.conftest import open_alert
from tests.receivers import WebhookReceiver
from tests.running import ROOT
from tests.waiting import wait_until


def past_the_wait():
    """As if the wait before the next attempt, and every claim, were over."""
    AlertDelivery.objects.update(next_attempt_at=timezone.now(), claimed_until=None)


def test_an_alert_is_told_in_a_signed_message_when_it_opens_and_when_it_is_over(tenant, receiver, webhook):
    alert = open_alert(tenant)
    lifecycle.resolve(alert, Resolution.OVER, at=timezone.now(), value=2.0)
    began = int(time.time())
    assert deliveries.send_due() == 2
    ended = time.time()
    (headers, body), (_, second) = receiver.requests
    secret = base64.b64decode(destinations.secret_of(webhook).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert began <= int(headers["webhook-timestamp"]) <= ended
    told, over = json.loads(body), json.loads(second)
    assert (told["type"], over["type"]) == ("alert.opened", "alert.resolved")
    assert told["data"] | {"opened_at": None} == {
        "alert_id": alert.pk,
        "tenant_id": tenant.pk,
        "kind": "error_count",
        "subject": "dubbing",
        "of": "company",
        "state": "open",
        "unit": "percent",
        "threshold": 5.0,
        "opened_value": 12.0,
        "worst_value": 12.0,
        "last_value": 12.0,
        "opened_at": None,
        "resolved_at": None,
        "resolution": "",
        "text": "Segments that fail (Video segments): 12 %, more than 5 %.",
    }
    assert over["data"]["text"] == "Segments that fail (Video segments): back at 2 %. At its worst it was 12 %."
    assert deliveries.send_due() == 0
    assert set(deliveries.of(tenant.pk).values_list("state", "attempts", "status_code")) == {("delivered", 1, 204)}


def test_what_a_receiver_misses_waits_for_it_in_order(tenant, receiver, webhook):
    receiver.status = 503
    lifecycle.resolve(open_alert(tenant), Resolution.OVER, at=timezone.now(), value=2.0)
    for _ in range(3):
        past_the_wait()
        assert deliveries.send_due() == 1, "that it is over is not told before that it opened"
    opened = deliveries.of(tenant.pk).get(event="alert.opened")
    assert (opened.state, opened.attempts, opened.status_code, opened.error) == ("waiting", 3, 503, "refused")
    assert opened.next_attempt_at - timezone.now() > timedelta(minutes=4)
    receiver.status = 200
    past_the_wait()
    assert deliveries.send_due() == 2
    ids = [headers["webhook-id"] for headers, _ in receiver.requests]
    assert ids[:4] == [f"msg_{opened.message_id.hex}"] * 4
    assert len(set(ids)) == 2
    assert set(deliveries.of(tenant.pk).values_list("state", flat=True)) == {"delivered"}


def test_a_receiver_that_never_comes_back_is_given_up_and_can_be_sent_to_again(tenant, receiver, webhook):
    receiver.status = 500
    open_alert(tenant)
    for _ in range(deliveries.MOST_ATTEMPTS):
        past_the_wait()
        deliveries.send_due()
    past_the_wait()
    assert deliveries.send_due() == 0
    failed = deliveries.of(tenant.pk).get()
    assert (failed.state, failed.attempts) == ("failed", deliveries.MOST_ATTEMPTS)
    receiver.status = 200
    deliveries.send_again(tenant.pk, failed.pk)
    assert deliveries.send_due() == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    with pytest.raises(UnknownDelivery):
        deliveries.send_again(make_tenant().pk, failed.pk)


def test_those_chosen_for_a_rule_are_told_or_all_that_are_on_and_never_another_companys(tenant, receiver, webhook):
    other = destinations.create(tenant.pk, kind="webhook", address=f"{receiver.url}&other=1")
    off = destinations.create(tenant.pk, kind="webhook", address=f"{receiver.url}&off=1")
    destinations.create(make_tenant().pk, kind="webhook", address=receiver.url)
    destinations.change(tenant.pk, off.pk, {"is_on": False})
    open_alert(tenant)
    rules.change(tenant.pk, "error_count", {"destinations": [other]})
    open_alert(tenant, subject="audio")
    told = AlertDelivery.objects.values_list("alert__subject", "destination_id")
    assert sorted(told) == [("audio", other.pk), ("dubbing", webhook.pk), ("dubbing", other.pk)]


def test_one_test_at_a_time_is_on_its_way_to_a_destination(tenant, receiver, webhook):
    deliveries.order_test(webhook)
    with pytest.raises(DeliveryBusy):
        deliveries.order_test(webhook)
    deliveries.send_due()
    assert json.loads(receiver.requests[0][1])["type"] == "test"
    deliveries.order_test(webhook)


def test_a_place_that_hangs_keeps_nobody_else_waiting(tenant, receiver, webhook, monkeypatch):
    monkeypatch.setattr("metrics.notify.QUIET_SECONDS", 0.3)
    receiver.is_open.clear()
    for number in range(8):
        destinations.create(tenant.pk, kind="webhook", address=f"{receiver.url}&number={number}")
    open_alert(tenant)
    assert deliveries.send_due() == 9
    assert len(receiver.requests) == 9, "all at once, and each is asked once"
    assert set(deliveries.of(tenant.pk).values_list("error", flat=True)) == {"timed_out"}


def test_a_company_whose_places_all_hang_keeps_no_other_company_waiting(tenant, receiver):
    receiver.is_open.clear()
    for number in range(destinations.MOST):
        destinations.create(tenant.pk, kind="webhook", address=f"{receiver.url}&number={number}")
    open_alert(tenant)
    other, elsewhere = make_tenant(), WebhookReceiver()
    destinations.create(other.pk, kind="webhook", address=elsewhere.url)
    open_alert(other)

    def go_on_once_the_other_was_told():
        wait_until(lambda: elsewhere.requests, what="the other company to be told")
        receiver.is_open.set()

    release = threading.Thread(target=go_on_once_the_other_was_told)
    release.start()
    try:
        assert deliveries.send_due() == destinations.MOST + 1
    finally:
        receiver.is_open.set()
        release.join()
        elsewhere.stop()
    told = set(AlertDelivery.objects.values_list("state", "attempts"))
    assert told == {("delivered", 1)}, "the other was told before any of those that hung was given up"


def test_an_alert_comes_by_mail_and_who_is_refused_is_tried_again(tenant, mailbox):
    destinations.create(tenant.pk, kind="email", address="desk@example.com")
    destinations.create(tenant.pk, kind="email", address="gone@example.com")
    mailbox.refused.add("gone@example.com")
    open_alert(tenant, kind="queue_percent", subject="intake", value=91)
    deliveries.send_due()
    ((recipients, lines),) = mailbox.messages
    assert recipients == ["desk@example.com"]
    assert "Subject: Earshot alert: Queue of conversations" in lines
    assert "Queue of conversations (Conversations on their way): 91 %, more than 80 %." in lines
    assert "It is of the whole server, not of your company alone." in lines
    refused = deliveries.of(tenant.pk).get(destination__address="gone@example.com")
    assert (refused.state, refused.error, refused.status_code) == ("waiting", "refused", 550)


def test_without_a_mail_server_mail_fails_at_once_and_says_why(tenant, settings):
    settings.EARSHOT_EMAIL_URL = ""
    destinations.create(tenant.pk, kind="email", address="desk@example.com")
    open_alert(tenant)
    deliveries.send_due()
    assert deliveries.of(tenant.pk).values_list("state", "error").get() == ("failed", "mail_off")


SENDER = """
import django
django.setup()
from django.conf import settings
from django.db import connection
settings.EARSHOT_WEBHOOKS_TO_PRIVATE = True
settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = {name!r}
from metrics.alerts import deliveries
deliveries.send_due()
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_while_it_sends_leaves_it_to_another_as_the_same_message(receiver):
    tenant = make_tenant()
    destinations.create(tenant.pk, kind="webhook", address=receiver.url)
    receiver.is_open.clear()
    open_alert(tenant)
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER.format(name=connection.settings_dict["NAME"])],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )
    wait_until(lambda: receiver.requests, what="the first attempt")
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    receiver.is_open.set()
    assert deliveries.send_due() == 0, "it is still in the dead worker's hands"
    past_the_wait()
    # The server notices that the dead one's connection, and with it its lock, is gone.
    wait_until(deliveries.send_due, what="another worker to take over")
    (first, body), (second, again) = receiver.requests
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert deliveries.of(tenant.pk).values_list("state", "attempts").get() == ("delivered", 2)
    assert django_settings.EARSHOT_WEBHOOKS_TO_PRIVATE
