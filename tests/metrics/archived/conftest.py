import pytest

from metrics import archive, hours
from tests.metrics.archived import below


@pytest.fixture
def nothing_below(transactional_db, settings):
    """MongoDB has no figures, and keeps what it gets for as long as it can be told to, whenever this runs."""
    settings.EARSHOT_METRICS_HOURS_DAYS = below.LONG
    below.empty()
    yield
    below.empty()
    hours.set_life(90)


@pytest.fixture
def nothing_archived(transactional_db):
    """The archive is not emptied after each test, as the database is."""
    for name in list(archive.names("metrics/")):
        archive.erase(name)
