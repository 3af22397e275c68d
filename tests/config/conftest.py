import pytest

from tests.builders import make_tenant, make_user


@pytest.fixture
def tenant(db):
    """Within a transaction that is rolled back, which costs a tenth of emptying every table."""
    return make_tenant()


@pytest.fixture
def stranger(db):
    return make_user(make_tenant(), "supervisor")
