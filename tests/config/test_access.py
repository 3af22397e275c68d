"""Every page and socket, knocked at by everybody: a new one is covered the moment it exists."""

import itertools
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import get_resolver, path, reverse

from calls import statuses
from config import access
from crm import tokens, welcome
from crm.authentication import SocketAuthentication
from crm.models import Token, User
from crm.pages import RAIL
from crm.roles import CAPABILITIES, Role
from crm.sockets import guarded
from tests.builders import (
    make_alert,
    make_contact,
    make_erasure,
    make_hold,
    make_person_export,
    make_session,
    make_user,
)
from tests.sockets import OWN_HOST, first_frame, ticket_of, visit

DOCS = Path(__file__).resolve().parents[2] / "docs" / "access.md"
DOORS = access.doors()
# Doors that are open to everybody, each for a reason that stands beside it in the code.
OPEN = {
    "/",
    "/sign-in/",
    "/sign-out/",
    "/welcome/<str:uid>/<str:token>/",
    "/healthz",
    "/readyz",
    # To this machine, and to who has a token of its own.
    "/metrics",
    "/api/docs/",
    "/api/schema/",
}
PAGES = [door for door in DOORS if door.kind == "page" and door.address != "/"]
READABLE_PAGES = [door for door in PAGES if door.method == "GET"]
EVERY_CAPABILITY = sorted(set().union(*CAPABILITIES.values()))
SOCKETS = [door for door in DOORS if door.kind == "socket"]


def named(door):
    return f"{door.method} {door.address}"


# The server's threads ask the database for themselves, so what they are to find has to be committed.
in_threads = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ours(agent):
    """An agent's things, and the ids that addresses name them by."""
    session = make_session(agent)
    tokens.issue(agent, name="recorder")
    alert, delivery = make_alert(agent.tenant)
    _, _, uid, token, _ = urlsplit(welcome.link_for(agent)).path.split("/")
    return {
        "<uuid:session_id>": str(session.pk),
        "<str:call_id>": session.call_id,
        "<int:person_id>": str(agent.pk),
        "<int:token_id>": str(Token.objects.get().pk),
        "<int:contact_id>": str(make_contact(agent.tenant, "Quetzalcoatlus").pk),
        "<int:status_id>": str(statuses.create(agent.tenant_id, {"name": "Quetzalcoatlus"}).pk),
        "<int:alert_id>": str(alert.pk),
        "<int:destination_id>": str(delivery.destination_id),
        "<int:delivery_id>": str(delivery.pk),
        "<uuid:request_id>": str(make_erasure(agent.tenant).pk),
        "<int:hold_id>": str(make_hold(agent.tenant).pk),
        "<str:kind>": alert.rule.kind,
        "<uuid:export_id>": str(make_person_export(agent, of=agent).pk),
        "<str:uid>": uid,
        "<str:token>": token,
    }


def filled(address, ours):
    for blank, value in ours.items():
        address = address.replace(blank, value)
    assert "<" not in address, f"tests/config/test_access.py needs a thing of ours for {address}"
    return address


# Every company has one, and calls it by the same name.
OF_EVERY_COMPANY = {"/settings/alerts/rules/<str:kind>/"}


def is_a_colleagues(door, user):
    """Whether a page is of a recording or a call of somebody else's, and this user sees only their own."""
    return ("session_id" in door.address and not user.may("recordings.read_all")) or (
        "call_id" in door.address and not user.may("calls.read_all")
    )


def knock(address, user):
    """What a socket says first to this user's ticket; None when it does not open."""
    return visit(f"{address}?ticket={ticket_of(user)}", first_frame)


def test_the_table_in_the_docs_is_what_the_code_says(capsys):
    with capsys.disabled():
        print(f"\n{access.as_markdown()}")
    table = DOCS.read_text().partition("\n| door ")
    assert f"| door {table[2]}" == access.as_markdown(), "write it anew: manage.py show_access"


def test_only_these_doors_are_open_to_everybody():
    assert {door.address for door in DOORS if door.capability is None} == OPEN


def test_every_capability_is_somebodys():
    everybodys = set().union(*CAPABILITIES.values())
    assert {door.capability for door in DOORS if door.capability} <= everybodys


def test_every_door_says_what_is_written_down_or_that_nothing_is():
    for _, view in access._routes(get_resolver().url_patterns, ""):
        page = getattr(view, "view_class", None)
        if page is not None and page.__module__.partition(".")[0] in {"crm", "audio", "calls", "metrics"}:
            assert hasattr(page, "audits"), page


@pytest.mark.parametrize("door", READABLE_PAGES, ids=named)
def test_a_page_sends_nobody_to_sign_in(client, ours, door):
    response = client.get(filled(door.address, ours))
    if door.capability is None:
        assert response.status_code < 400
    else:
        assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/sign-in/")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("door", READABLE_PAGES, ids=named)
def test_a_page_opens_to_a_role_just_as_the_table_says(client, tenant, ours, door, role):
    user = make_user(tenant, role)
    client.force_login(user)
    response = client.get(filled(door.address, ours))
    if not door.opens_to(role):
        assert response.status_code == 403
    elif is_a_colleagues(door, user):
        assert response.status_code == 404, "a colleague's"
    else:
        assert response.status_code in {200, 302}


def test_who_runs_the_site_gets_into_no_page_of_a_company(client, ours):
    client.force_login(User.objects.create(username="root", is_superuser=True))
    for door in PAGES:
        if door.capability:
            answer = getattr(client, door.method.lower())(filled(door.address, ours))
            assert answer.status_code == 403, named(door)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("door", [door for door in PAGES if door.capability and "<" in door.address], ids=named)
def test_a_page_of_another_company_is_not_found_and_changes_nothing(client, stranger, ours, door, role):
    client.force_login(make_user(stranger.tenant, role))
    agent = User.objects.get(pk=ours["<int:person_id>"])
    response = getattr(client, door.method.lower())(filled(door.address, ours))
    if door.method == "GET" and response.status_code == 302:
        # An address that is only posted to leads to one's own page.
        assert not any(thing in response["Location"] for thing in ours.values() if len(thing) > 3)
    else:
        found = 200 if door.address in OF_EVERY_COMPANY else 404
        assert response.status_code == (found if door.opens_to(role) else 403)
    assert Token.objects.get(user=agent).is_usable
    assert User.objects.get(pk=agent.pk).session_seal == agent.session_seal


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("door", [door for door in PAGES if door.method == "POST" and door.capability], ids=named)
def test_a_form_is_taken_from_a_role_just_as_the_table_says(client, tenant, ours, door, role):
    address = filled(door.address, ours)
    assert client.post(address)["Location"].startswith("/sign-in/"), "from nobody"
    client.force_login(make_user(tenant, role))
    response = client.post(address)
    assert (response.status_code == 403) == (not door.opens_to(role))
    assert response.status_code < 500


GARBAGE = ["0", "9" * 30, "%00", "🦊", "..%2f..", "x" * 400]


@pytest.mark.parametrize("door", [door for door in PAGES if "<" in door.address], ids=named)
def test_garbage_in_the_address_of_a_page_is_a_clear_4xx(client, tenant, ours, door):
    client.force_login(make_user(tenant, "admin"))
    for blank, garbage in itertools.product([blank for blank in ours if blank in door.address], GARBAGE):
        address = filled(door.address.replace(blank, garbage), ours)
        response = getattr(client, door.method.lower())(address)
        # An address that is only posted to leads to one's own page.
        assert 400 <= response.status_code < 500 or (door.method, response.status_code) == ("GET", 302)


@pytest.mark.parametrize("role", list(Role))
def test_a_page_shows_what_its_reader_may_do_and_nothing_else(client, tenant, role):
    user = make_user(tenant, role)
    client.force_login(user)
    page = client.get(f"/sessions/{make_session(user).pk}/").content.decode() if user.may("recordings.write") else ""
    page = page or client.get("/sessions/").content.decode()
    for _, capability, address, _ in RAIL:
        assert (f'class="rail-entry" href="{reverse(address)}"' in page) == (capability in CAPABILITIES[role])
    if user.may("recordings.write"):
        assert ('data-may-retry="yes"' in page) == ("recordings.retry" in CAPABILITIES[role])


class Greeter(AsyncWebsocketConsumer):
    """Lets in whoever reaches it, and says so."""

    audits = None

    async def connect(self):
        await self.accept()
        await self.send("welcome")


def door_with(capability):
    """A socket that takes this capability, behind the guard that stands before every socket."""
    consumer = type("GreeterWithCapability", (Greeter,), {"capability": capability})
    return SocketAuthentication(URLRouter(guarded([path("ws/made-up", consumer.as_asgi())])))


@in_threads
@pytest.mark.parametrize("role", [*Role, "superuser", "nobody"])
def test_the_guard_opens_a_socket_just_to_who_has_its_capability(client, tenant, role):
    headers = OWN_HOST
    if role in set(Role):
        client.force_login(make_user(tenant, role))
    elif role == "superuser":
        # They may do anything, but work in no company.
        client.force_login(User.objects.create(username="root", is_superuser=True))
    if role != "nobody":
        headers = [*OWN_HOST, (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())]
    opened = {
        capability
        for capability in [*EVERY_CAPABILITY, None]
        if visit("/ws/made-up", first_frame, headers=headers, application=door_with(capability))
    }
    assert opened == CAPABILITIES.get(role, frozenset())


@in_threads
@pytest.mark.parametrize("door", SOCKETS, ids=named)
def test_a_socket_is_refused_in_the_handshake_without_a_ticket_or_cookie(ours, door):
    address = filled(door.address, ours)
    assert visit(address, first_frame) is None
    assert visit(address, first_frame, headers=OWN_HOST) is None
    assert visit(f"{address}?ticket=made-up", first_frame) is None


@in_threads
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("door", SOCKETS, ids=named)
def test_a_socket_opens_to_a_role_just_as_the_table_says(tenant, ours, door, role):
    user = make_user(tenant, role)
    may_see = "<" not in door.address or user.may("recordings.read_all")
    assert (knock(filled(door.address, ours), user) is not None) == (door.opens_to(role) and may_see)


@in_threads
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("door", [door for door in SOCKETS if "<" in door.address], ids=named)
def test_a_socket_of_another_company_is_refused(stranger, ours, door, role):
    assert knock(filled(door.address, ours), make_user(stranger.tenant, role)) is None


@in_threads
@pytest.mark.parametrize("address", ["/ws/nothing", "/ws/audio/x", f"/ws/audio/{uuid.UUID(int=0)}", "/ws/audio/%00"])
def test_a_socket_that_is_not_there_is_refused(supervisor, address):
    assert knock(address, supervisor) is None
