import pytest

from metrics.alerts import destinations
from metrics.errors import BadDestination, DestinationTaken, UnknownDestination
from tests.builders import make_tenant


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/alerts",
        "ftp://example.com/",
        "https://",
        "https://user:password@example.com/",
        "https://example.com/#here",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://пример.example/",
        "https://[::1/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:8000/",
        f"https://example.com/{'x' * 500}",
    ],
)
def test_a_url_that_cannot_be_right_is_refused_beside_its_field(tenant, url):
    with pytest.raises(BadDestination) as refused:
        destinations.create(tenant.pk, kind="webhook", address=url)
    assert list(refused.value.fields) == ["address"]


def test_a_secret_is_each_destinations_own_and_another_one_once_it_is_made_anew(tenant):
    first, second = (
        destinations.create(tenant.pk, kind="webhook", address=f"https://example.com/{number}") for number in (1, 2)
    )
    secrets = {destinations.secret_of(first), destinations.secret_of(second)}
    secrets.add(destinations.make_secret(tenant.pk, first.pk))
    assert len(secrets) == 3
    assert destinations.secret_of(destinations.find(tenant.pk, first.pk)) in secrets
    email = destinations.create(tenant.pk, kind="email", address="desk@example.com")
    with pytest.raises(BadDestination):
        destinations.make_secret(tenant.pk, email.pk)


def test_a_destination_is_there_once_and_no_other_company_finds_it(tenant):
    there = destinations.create(tenant.pk, kind="webhook", address="https://example.com/")
    with pytest.raises(DestinationTaken):
        destinations.create(tenant.pk, kind="webhook", address=" https://example.com/ ")
    other = make_tenant()
    destinations.create(other.pk, kind="webhook", address="https://example.com/")
    with pytest.raises(UnknownDestination):
        destinations.remove(other.pk, there.pk)


def test_there_is_an_end_to_how_many_there_are(tenant):
    for number in range(destinations.MOST):
        destinations.create(tenant.pk, kind="email", address=f"desk{number}@example.com")
    with pytest.raises(DestinationTaken):
        destinations.create(tenant.pk, kind="email", address="one.more@example.com")
