import pytest

from tests.metrics.erasing_steps.people import nothing_measured


@pytest.fixture
def nothing(transactional_db):
    nothing_measured()
    yield
    nothing_measured()
