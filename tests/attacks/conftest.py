import re
from urllib.parse import urlsplit

import pytest

from config import access
from crm import welcome
from crm.roles import Role
from tests.builders import make_tenant, make_user
from tests.config.test_every_endpoint import ours  # noqa: F401


@pytest.fixture
def tenant(db):
    """Within a transaction that is rolled back, which costs a tenth of emptying every table."""
    return make_tenant()


@pytest.fixture
def stranger(db):
    return make_user(make_tenant(), "supervisor")


@pytest.fixture
def things(agent, ours):  # noqa: F811
    """Something of the agent's company for every blank in an address, by the blank's name."""
    _, _, uid, token, _ = urlsplit(welcome.link_for(agent)).path.split("/")
    return {**ours, "uid": uid, "token": token}


@pytest.fixture
def insiders(tenant):
    """One of the company in each role."""
    return {role: make_user(tenant, role) for role in Role}


@pytest.fixture
def doors(things, insiders):
    """Every door of a company's people: method, address, and somebody whom it opens to."""
    found = []
    for door in access.doors():
        if door.kind in {"api", "page"}:
            # Who sees most first.
            ranked = (Role.ADMIN, Role.PRIVACY, Role.SUPERVISOR, Role.INTEGRATION, Role.AGENT)
            somebody = insiders[next(role for role in ranked if door.opens_to(role))]
            address = re.sub(r"<(?:\w+:)?(\w+)>", lambda blank: things[blank[1]], door.address)
            found.append((door.method, address, somebody))
    return found
