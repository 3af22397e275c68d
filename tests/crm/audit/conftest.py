import pytest

from crm.audit import acts
from metrics import archive


@pytest.fixture
def empty_archive(transactional_db):
    """Block numbers begin again with each test's empty database, and so must their anchors."""
    for name in list(archive.names("audit/")):
        archive.erase(name)


@pytest.fixture
def did():
    """Write down that somebody did something."""

    def write(actor, act="recording.listed", subject="", via="api", **values):
        acts.write(act, actor=actor, subject=subject, via=via, **values)

    return write
