"""A company with a customer who was spoken with, and somebody who looks after privacy."""

import pytest

from audio import blobs
from crm import contacts
from crm.contacts import Identity
from crm.person_exports import files
from tests.builders import bearer, make_user
from tests.person_exports import record


@pytest.fixture(autouse=True)
def no_archives(db):
    """The store goes on from test to test, its rows do not."""
    for page in blobs.listed(files.ROOT):
        for one in page:
            blobs.erase(one.key)


@pytest.fixture
def officer(tenant):
    return make_user(tenant, "privacy", first_name="Olga")


@pytest.fixture
def privacy(officer):
    return bearer(officer)


@pytest.fixture
def ada(tenant):
    return contacts.create(
        tenant.pk, names=["Ada Lovelace"], emails=["ada@example.com"], identities=[Identity("chat", "42")]
    )


@pytest.fixture
def call(agent, ada):
    """A call of the agent with Ada in two channels, each with a tone of its own, and each with words of its own."""
    return record(agent, channels=2)
