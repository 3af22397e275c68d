"""Alerts name nobody who was erased, neither as a place to tell nor as who saw to something."""

import pytest

from metrics.alerts import destinations, lifecycle
from metrics.erasing import Subject
from metrics.erasing_steps import alerts as step
from metrics.models import Alert, AlertDelivery, Destination
from tests.builders import make_alert, make_user

EMAIL = "dana@example.com"


@pytest.fixture
def dana(tenant):
    return make_user(tenant, "admin", email=EMAIL)


@pytest.fixture
def them(dana):
    return Subject(dana.tenant_id, user_id=dana.pk, emails=(EMAIL,))


def to(tenant, address, kind="email"):
    return destinations.create(tenant.pk, kind=kind, address=address)


def test_their_address_is_told_nothing_any_more_and_others_are(tenant, them):
    to(tenant, "Dana@Example.com")
    to(tenant, "jordana@example.com")
    to(tenant, "dana@example.com.au")
    make_alert(tenant)
    assert (step.count(them), step.search(them)) == (2, 1)
    assert step.erase(them) == 2
    assert (step.count(them), step.search(them), step.erase(them)) == (0, 0, 0)
    assert {one.address for one in Destination.objects.filter(tenant=tenant)} == {
        "jordana@example.com",
        "dana@example.com.au",
        "https://example.com/alerts",
    }
    assert AlertDelivery.objects.of(tenant.pk).count() == 3


@pytest.mark.parametrize(
    "url", ["https://example.com/to/dana@example.com", "https://example.com/?to=dana%40example.com"]
)
def test_a_webhook_with_their_address_in_it_goes_too(tenant, them, url):
    to(tenant, url, kind="webhook")
    assert (step.count(them), step.search(them)) == (1, 1)
    assert step.erase(them) == 1
    assert not Destination.objects.filter(tenant=tenant).exists()


def test_who_saw_to_an_alert_is_nobody_and_the_alert_stays(tenant, dana, them):
    alert, _ = make_alert(tenant)
    lifecycle.acknowledge(dana, alert.pk)
    assert (step.count(them), step.search(them)) == (1, 1)
    assert step.erase(them) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by, bool(alert.acknowledged_at)) == ("acknowledged", None, True)
    assert (step.count(them), step.search(them)) == (0, 0)


def test_a_delivery_that_names_them_goes_and_others_to_the_same_place_stay(tenant, them):
    _, delivery = make_alert(tenant)
    _, other = make_alert(tenant, subject="audio")
    AlertDelivery.objects.filter(pk=delivery.pk).update(payload={"data": {"text": "Tell DANA@example.com."}})
    assert (step.count(them), step.search(them)) == (1, 1)
    assert step.erase(them) == 1
    assert list(AlertDelivery.objects.of(tenant.pk)) == [other]


def test_another_company_keeps_its_own(tenant, stranger, them):
    to(stranger.tenant, EMAIL)
    alert, _ = make_alert(stranger.tenant)
    lifecycle.acknowledge(stranger, alert.pk)
    assert (step.count(them), step.erase(them)) == (0, 0)
    assert Destination.objects.filter(tenant=stranger.tenant, address=EMAIL).exists()
    assert Alert.objects.get(pk=alert.pk).acknowledged_by == stranger


def test_a_customer_without_an_address_is_in_no_alert(tenant):
    make_alert(tenant)
    nobody = Subject(tenant.pk, contact_id=3)
    assert (step.count(nobody), step.erase(nobody), step.search(nobody)) == (0, 0, 0)
