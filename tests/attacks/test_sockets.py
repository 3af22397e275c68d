"""Sockets by the hundred."""

import pytest
from asgiref.testing import ApplicationCommunicator
from django.utils.module_loading import import_string

from crm.sockets import CLOSE_TRY_LATER
from tests.builders import make_session, make_tenant, make_user
from tests.sockets import OWN_HOST, PATIENCE_SECONDS, first_frame, ticket_of, visit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tenant(transactional_db):
    return make_tenant()


def knock_beside(address):
    """Opens one more while another is open; the code with which it is closed, or None once it is told something."""

    async def story(_):
        path, _, query = address.partition("?")
        scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": OWN_HOST[:1]}
        second = ApplicationCommunicator(import_string("config.asgi.application"), scope)
        await second.send_input({"type": "websocket.connect"})
        assert (await second.receive_output(timeout=PATIENCE_SECONDS))["type"] == "websocket.accept"
        answer = await second.receive_output(timeout=PATIENCE_SECONDS)
        await second.send_input({"type": "websocket.disconnect", "code": 1000})
        await second.wait(timeout=PATIENCE_SECONDS)
        return answer.get("code")

    return story


def test_one_person_opens_so_many_is_told_to_come_later_and_keeps_nobody_else_out(tenant, agent, settings):
    settings.EARSHOT_SOCKETS_PER_PERSON = 1
    address = f"/ws/audio/{make_session(agent).pk}"
    supervisor = make_user(tenant, "supervisor")
    own, second, others = ticket_of(agent), ticket_of(agent), ticket_of(supervisor)
    assert visit(f"{address}?ticket={own}", knock_beside(f"{address}?ticket={second}")) == CLOSE_TRY_LATER
    again, beside = ticket_of(agent), f"{address}?ticket={others}"
    assert visit(f"{address}?ticket={again}", knock_beside(beside)) is None
    # What was closed is counted no more.
    assert visit(f"{address}?ticket={ticket_of(agent)}", first_frame)
