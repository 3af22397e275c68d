import pytest

from tests.builders import make_user


@pytest.fixture
def officer(tenant):
    """Looks after privacy."""
    return make_user(tenant, "privacy")


@pytest.fixture
def colleague(tenant):
    """Looks after privacy, too."""
    return make_user(tenant, "privacy")


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")
