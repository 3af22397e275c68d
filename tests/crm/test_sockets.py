"""Who gets a socket, and for how long; told with the socket of a recording."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.utils import timezone

from crm import live, policies, tokens
from crm.models import AuditEntry, Token, User
from tests.builders import make_session, make_user
from tests.sockets import OWN_HOST, close_code, first_frame, ticket_of, visit

FOREIGN = [(b"host", b"localhost"), (b"origin", b"https://evil.example")]


@pytest.fixture
def address(session):
    return f"/ws/audio/{session.pk}"


@pytest.fixture(autouse=True)
def no_rounds(settings):
    """So that only what is announced is obeyed."""
    settings.EARSHOT_RIGHTS_SECONDS = 3600


def cookie_of(client):
    return (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())


def ended_by(change):
    """A story: the visitor's rights change and are announced until the socket is closed."""

    async def story(socket):
        await first_frame(socket)
        user_id = await sync_to_async(change)()
        # The guard may not listen yet, so it is told again until it has heard.
        while socket.output_queue.empty():
            await sync_to_async(live.rights_changed)(user_id)
        return await close_code(socket)

    return story


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda agent: tokens.revoke(Token.objects.get()), 4401),
        (lambda agent: User.objects.filter(pk=agent.pk).update(is_active=False), 4401),
        (lambda agent: User.objects.filter(pk=agent.pk).update(role="nobody"), 4403),
    ],
    ids=["token revoked", "person deactivated", "role without the capability"],
)
def test_who_has_lost_their_rights_is_shown_out_at_once(agent, address, change, code):
    def change_rights():
        change(agent)
        return agent.pk

    assert visit(f"{address}?ticket={ticket_of(agent)}", ended_by(change_rights)) == code


def test_signing_out_ends_what_was_opened_with_the_cookie(client, agent, address):
    client.force_login(agent)

    def sign_out():
        Session.objects.all().delete()
        return agent.pk

    assert visit(address, ended_by(sign_out), headers=[*OWN_HOST, cookie_of(client)]) == 4401


def test_a_shorter_limit_of_the_company_shows_out_at_the_next_reading(client, agent, address, settings):
    settings.EARSHOT_RIGHTS_SECONDS = 0.1
    an_hour_ago = timezone.now() - timedelta(hours=1, seconds=1)
    client.force_login(agent)
    session = client.session
    session["used_at"] = int(an_hour_ago.timestamp())
    session.save()
    by_ticket = f"{address}?ticket={ticket_of(agent)}"
    Token.objects.update(created_at=timezone.now() - timedelta(days=2))

    def ended_by_limit(limit):
        async def story(socket):
            await first_frame(socket)
            await sync_to_async(policies.write)(agent.tenant, {"access": limit})
            return await close_code(socket)

        return story

    assert visit(by_ticket, ended_by_limit({"longest_token_days": 1})) == 4401
    assert visit(address, ended_by_limit({"sign_in_hours": 1}), headers=[*OWN_HOST, cookie_of(client)]) == 4401


def test_who_may_no_longer_see_the_recording_is_shown_out_by_its_own_consumer(tenant, agent, address):
    supervisor = make_user(tenant, "supervisor")

    def demote():
        User.objects.filter(pk=supervisor.pk).update(role="agent")
        return supervisor.pk

    assert visit(f"{address}?ticket={ticket_of(supervisor)}", ended_by(demote)) == 4403


def test_whose_rights_stay_stays(agent, address):
    async def story(socket):
        await first_frame(socket)
        await sync_to_async(live.rights_changed)(agent.pk)
        await socket.send_input({"type": "websocket.receive", "text": '{"type": "ping"}'})
        return await first_frame(socket)

    assert '"pong"' in visit(f"{address}?ticket={ticket_of(agent)}", story)


def test_a_cookie_opens_a_socket_to_the_hosts_own_pages_alone(client, agent, address):
    client.force_login(agent)
    assert visit(address, first_frame, headers=[*OWN_HOST, cookie_of(client)])
    assert visit(address, first_frame, headers=[*FOREIGN, cookie_of(client)]) is None
    assert visit(address, first_frame, headers=[OWN_HOST[0], cookie_of(client)]) is None


def test_a_cookie_opens_nothing_under_a_name_we_do_not_answer_to(client, agent, address):
    client.force_login(agent)
    rebound = [(b"host", b"evil.example"), (b"origin", b"http://evil.example"), cookie_of(client)]
    assert visit(address, first_frame, headers=rebound) is None


def test_a_ticket_needs_no_origin(agent, address):
    assert visit(f"{address}?ticket={ticket_of(agent)}", first_frame, headers=FOREIGN)


def test_an_opened_socket_is_written_down_and_a_refused_one_is_not(agent, stranger, session, address):
    assert visit(f"{address}?ticket={ticket_of(stranger)}", first_frame) is None
    assert not AuditEntry.objects.exists()
    visit(f"{address}?ticket={ticket_of(agent)}", first_frame)
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.actor, entry.subject, entry.via, entry.tenant_id) == (
        "recording.watched",
        f"user:{agent.pk}",
        f"recording:{session.pk}",
        "socket",
        agent.tenant_id,
    )


def test_a_colleagues_recording_does_not_open_to_an_agent(tenant, agent):
    theirs = make_session(make_user(tenant, "agent"))
    assert visit(f"/ws/audio/{theirs.pk}?ticket={ticket_of(agent)}", first_frame) is None
