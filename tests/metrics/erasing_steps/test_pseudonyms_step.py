"""Keys are destroyed for good, and that is read in the archive itself."""

import secrets

import pytest

from metrics import archive, keyring
from metrics.erasing_steps import pseudonyms as step
from tests.builders import make_tenant
from tests.metrics.erasing_steps.people import customer

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def them():
    return customer(make_tenant().pk, ("web", "dana"), ("zoom", "dana"), contact_id=5)


def test_every_key_of_theirs_is_destroyed(them):
    for person_key in them.person_keys:
        keyring.pseudonym(them.tenant_id, person_key)
    assert (step.count(them), step.search(them)) == (3, 3)
    assert step.erase(them) == 3
    assert (step.count(them), step.search(them), step.erase(them)) == (0, 0, 0)


def test_others_keep_theirs(them):
    other = keyring.pseudonym(them.tenant_id, "external:web:other")
    elsewhere = keyring.pseudonym(make_tenant().pk, "external:web:dana")
    step.erase(them)
    assert keyring.known_pseudonym(them.tenant_id, "external:web:other") == other
    assert elsewhere


def test_the_key_under_which_the_sites_own_log_names_them_is_destroyed_too():
    # A number that no other test erases: the key is the site's, and once destroyed it is so for good.
    somebody = customer(make_tenant().pk, contact_id=secrets.randbelow(10**15))
    keyring.pseudonym(None, f"contact:{somebody.contact_id}")
    assert step.count(somebody) == 1
    step.erase(somebody)
    assert keyring.known_pseudonym(None, f"contact:{somebody.contact_id}") is None


def test_who_never_had_a_key_gets_none_any_more(them):
    assert step.erase(them) == 0
    first, second = (keyring.pseudonym(them.tenant_id, "external:web:dana") for _ in range(2))
    assert first != second
    assert keyring.known_pseudonym(them.tenant_id, "external:web:dana") is None


def test_a_key_that_this_process_believes_destroyed_is_found_where_it_lies(them):
    step.erase(them)
    name = keyring._key_names([keyring.Named(them.tenant_id, "external:web:dana")])[them.tenant_id, "external:web:dana"]
    archive.write(name, b"k" * 32)
    assert step.count(them) == 0
    assert step.search(them) == 1
