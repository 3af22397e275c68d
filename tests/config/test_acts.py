"""What is done is written down: nothing of ours declares no act without a reason, and what is declared is written."""

import inspect

import pytest
from django.contrib import admin

from config import access
from crm.admin.scoping import Quick
from crm.models import AuditEntry
from tests.builders import bearer, make_contact, make_segment, make_session, make_user, put_chunk
from tests.sound import encode, tone

DOORS = access.doors()
# Doors through which nothing is done that anybody could want to know of, each with its reason.
OPENS_A_FORM = "an empty form, or one for what its reader may change; what is sent of it is written down"
LEADS_ON = "an address that is only posted to: whoever opens it is led elsewhere"
SHOWS_NOTHING_YET = "a page without anything on it; what it fetches is written down where it is fetched"
ABOUT_NOBODY = "nothing in it is about anybody"
PART_OF_AN_ACT = "one of many steps of something that is written down as a whole"
PROBE = "for machines that watch the server"
WITHOUT_AN_ACT = {
    "GET /": LEADS_ON,
    "GET /sign-in/": OPENS_A_FORM,
    "GET /welcome/<str:uid>/<str:token>/": OPENS_A_FORM,
    "GET /healthz": PROBE,
    "GET /readyz": PROBE,
    "GET /metrics": PROBE,
    "GET /api/docs/": ABOUT_NOBODY,
    "GET /api/schema/": ABOUT_NOBODY,
    "PUT /api/audio/sessions/<uuid:session_id>/chunks/<str:index>": PART_OF_AN_ACT,
    "POST /api/audio/sessions/<uuid:session_id>/upload-token": PART_OF_AN_ACT,
    "POST /api/audio/upload-chunk": PART_OF_AN_ACT,
    "POST /api/tickets": PART_OF_AN_ACT,
    "POST /api/metrics/segments": PART_OF_AN_ACT,
    "POST /api/metrics/dubbing-sessions/<str:session_id>/heartbeat": PART_OF_AN_ACT,
    "GET /api/audit/verification": ABOUT_NOBODY,
    "GET /api/conversations/<str:conversation_id>": ABOUT_NOBODY,
    "GET /api/conversations/stats": ABOUT_NOBODY,
    "GET /api/crm/statuses": ABOUT_NOBODY,
    "GET /api/crm/statuses/<int:status_id>": ABOUT_NOBODY,
    "GET /api/metrics/alerts": ABOUT_NOBODY,
    "GET /api/metrics/alerts/<int:alert_id>": ABOUT_NOBODY,
    "GET /api/metrics/alerts/deliveries": ABOUT_NOBODY,
    "GET /api/metrics/alerts/rules": ABOUT_NOBODY,
    "GET /api/metrics/alerts/rules/<str:kind>": ABOUT_NOBODY,
    "GET /api/metrics/hourly": ABOUT_NOBODY,
    "GET /api/metrics/trends": ABOUT_NOBODY,
    "GET /api/metrics/operations": ABOUT_NOBODY,
    "GET /board/": SHOWS_NOTHING_YET,
    "GET /dashboard/": SHOWS_NOTHING_YET,
    "GET /live/": SHOWS_NOTHING_YET,
    "GET /record/": SHOWS_NOTHING_YET,
    "GET /search/": SHOWS_NOTHING_YET,
    "GET /contacts/new/": OPENS_A_FORM,
    "GET /contacts/<int:contact_id>/remove/": LEADS_ON,
    "GET /privacy/audit/verify/": LEADS_ON,
    "GET /privacy/exports/new/": OPENS_A_FORM,
    "GET /privacy/exports/<uuid:export_id>/remove/": LEADS_ON,
    "GET /privacy/retention/change/": OPENS_A_FORM,
    "GET /privacy/holds/<int:hold_id>/lift/": LEADS_ON,
    "GET /api/privacy/certificate-key": ABOUT_NOBODY,
    # What is one's own.
    "GET /profile/": OPENS_A_FORM,
    "GET /profile/password/": LEADS_ON,
    "GET /profile/sign-out-everywhere/": LEADS_ON,
    "GET /profile/tokens/": LEADS_ON,
    "GET /profile/tokens/<int:token_id>/revoke/": LEADS_ON,
    "GET /settings/people/new/": OPENS_A_FORM,
    "GET /settings/statuses/": ABOUT_NOBODY,
    "GET /settings/statuses/<int:status_id>/": OPENS_A_FORM,
    "GET /settings/statuses/<int:status_id>/remove/": LEADS_ON,
    "GET /settings/statuses/new/": OPENS_A_FORM,
    "GET /settings/statuses/order/": LEADS_ON,
    "GET /settings/alerts/history/": ABOUT_NOBODY,
    "GET /settings/alerts/<int:alert_id>/acknowledge/": LEADS_ON,
    "GET /settings/alerts/<int:alert_id>/close/": LEADS_ON,
    "GET /settings/alerts/rules/<str:kind>/": OPENS_A_FORM,
    "GET /settings/alerts/destinations/": LEADS_ON,
    "GET /settings/alerts/destinations/<int:destination_id>/on/": LEADS_ON,
    "GET /settings/alerts/destinations/<int:destination_id>/remove/": LEADS_ON,
    "GET /settings/alerts/destinations/<int:destination_id>/secret/": LEADS_ON,
    "GET /settings/alerts/destinations/<int:destination_id>/sent/": ABOUT_NOBODY,
    "GET /settings/alerts/destinations/<int:destination_id>/test/": LEADS_ON,
    "GET /settings/alerts/deliveries/<int:delivery_id>/send/": LEADS_ON,
}
# The admin's pages that are about no model, and their pages about one thing: they write for themselves.
OF_THE_ADMIN = {"dead_letters", "dead_letter", "calls", "call"}


def named(door):
    return f"{door.method} {door.address}"


def test_whatever_declares_no_act_has_a_reason():
    without = {named(door) for door in DOORS if not door.acts}
    assert without - WITHOUT_AN_ACT.keys() == set(), (
        "name the act, or say in tests/config/test_acts.py why there is none"
    )
    assert WITHOUT_AN_ACT.keys() - without == set(), "these are gone, or declare an act by now"


def test_nothing_that_changes_something_goes_unnamed_but_parts_of_an_act():
    changing = {named(door) for door in DOORS if not door.acts and door.method not in {"GET", "WS"}}
    assert {WITHOUT_AN_ACT[door] for door in changing} == {PART_OF_AN_ACT}


def test_every_socket_declares_an_act():
    sockets = [door for door in DOORS if door.kind == "socket"]
    assert sockets
    assert [named(door) for door in sockets if not door.acts] == []


def test_an_act_is_a_thing_and_what_was_done_to_it():
    for door in DOORS:
        for act in door.acts:
            thing, _, done = act.partition(".")
            assert thing.isidentifier(), named(door)
            assert done.isidentifier(), named(door)


def test_every_list_of_the_admin_writes_down_what_is_done_in_it():
    for shown in admin.site._registry.values():
        assert isinstance(shown, Quick), shown
        assert shown.kind.isidentifier(), shown


def test_every_other_page_of_the_admin_writes_down_what_is_done_on_it():
    pages = {page.name: page.view for page in admin.site._pages}
    for name, view in pages.items():
        module = inspect.getsource(inspect.getmodule(inspect.unwrap(view)))
        assert "acts.write(" in module, f"{name} writes nothing down"
    assert set(pages) >= OF_THE_ADMIN


def test_what_the_product_promises_to_write_down_is_declared():
    """Who played, read, searched, exported, changed or erased what."""
    declared = {act for door in DOORS for act in door.acts}
    assert {
        "recording.played",
        "recording.read",
        "call.read",
        "calls.searched",
        "call.exported",
        "audit.exported",
        "call.changed",
        "call.deleted",
        "contact.changed",
        "settings.changed",
        "retention.changed",
    } <= declared


@pytest.fixture
def call(agent):
    """A recorded call with something that was said in it."""
    session = make_session(agent)
    put_chunk(bearer(agent), session, 0, encode(tone(1.0)))
    make_segment(session)
    AuditEntry.objects.all().delete()
    return session


def did(user):
    return [(entry.act, entry.subject) for entry in AuditEntry.objects.filter(actor=f"user:{user.pk}")]


DONE = {
    "played": ("recording.played", "recording", lambda api, call: api.get(f"/api/audio/sessions/{call.pk}/audio")),
    "read": ("call.read", "call", lambda api, call: api.get(f"/api/calls/{call.call_id}")),
    "searched": ("calls.searched", "", lambda api, call: api.get("/api/search?q=morning")),
    "exported": ("call.exported", "call", lambda api, call: api.get(f"/api/calls/{call.call_id}/export?format=txt")),
    "changed": (
        "call.noted",
        "call",
        lambda api, call: api.post(f"/api/calls/{call.call_id}/notes", {"text": "Call back"}, format="json"),
    ),
    "deleted": ("call.deleted", "call", lambda api, call: api.delete(f"/api/calls/{call.call_id}")),
}


@pytest.mark.parametrize("done", list(DONE))
def test_what_is_done_through_a_door_is_really_written_down(tenant, call, done):
    act, kind, do = DONE[done]
    supervisor = make_user(tenant, "supervisor")
    answer = do(bearer(supervisor), call)
    assert answer.status_code < 300, answer.content
    thing = {"recording": str(call.pk), "call": call.call_id}.get(kind)
    assert did(supervisor) == [(act, f"{kind}:{thing}" if thing else "")]


# What a page may be about that we have here.
BLANKS = ("<uuid:session_id>", "<str:call_id>", "<int:person_id>", "<int:contact_id>")


def is_to_be_had(door):
    address = door.address
    for blank in BLANKS:
        address = address.replace(blank, "")
    return bool(door.acts) and (door.kind, door.method) == ("page", "GET") and "<" not in address


@pytest.mark.parametrize("door", [door for door in DOORS if is_to_be_had(door)], ids=named)
def test_a_page_that_declares_an_act_writes_it_when_it_is_shown(client, tenant, agent, call, door):
    things = (str(call.pk), call.call_id, str(agent.pk), str(make_contact(tenant, "Ada").pk))
    address = door.address
    for blank, value in zip(BLANKS, things, strict=True):
        address = address.replace(blank, value)
    user = make_user(tenant, "admin" if door.opens_to("admin") else "privacy")
    client.force_login(user)
    shown = client.get(address)
    assert [act for act, _ in did(user)] == ([door.acts[0]] if shown.status_code == 200 else [])
