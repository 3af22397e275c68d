import re

import pytest

from calls import board, opening, statuses
from calls.models import CallStatus
from crm.forms import COLORS
from crm.models import AuditEntry
from tests.builders import make_user

PAGES = "/settings/statuses/"


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


@pytest.fixture
def desk(client, admin):
    """The admin's browser."""
    client.force_login(admin)
    return client


def said(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def names(tenant):
    return [status.name for status in statuses.of(tenant.pk)]


def make_statuses(tenant, *names):
    return [statuses.create(tenant.pk, {"name": name}) for name in names]


def make_calls(user, status, count=1):
    return [opening.create_call(user, {"status_id": str(status.pk)})[0] for _ in range(count)]


def page_of(status, what=""):
    return f"{PAGES}{status.pk}/{what}"


def acts():
    return [*AuditEntry.objects.filter(act__startswith="status.").values_list("act", flat=True)]


def test_statuses_are_listed_in_the_boards_order_with_how_many_calls_have_each(desk, tenant, admin, stranger):
    new, won = make_statuses(tenant, "New", "Won")
    statuses.put_in_order(tenant.pk, [won.pk, new.pk])
    make_statuses(stranger.tenant, "Theirs")
    make_calls(admin, won, 2)
    opening.create_call(admin, {})
    page = said(desk.get(PAGES))
    assert re.search("Won 2 calls .* New 0 calls", page)
    assert "1 call without a status stands in a last column of its own" in page
    assert "Theirs" not in page


def test_a_company_without_statuses_is_told_what_they_are_for(desk):
    assert "No statuses yet" in said(desk.get(PAGES))


def test_a_status_is_added_with_a_colour_of_the_palette_or_ones_own(desk, tenant):
    desk.post(f"{PAGES}new/", {"name": "New", "description": "Just in", "color": "#4a9163"})
    desk.post(f"{PAGES}new/", {"name": "Won", "color": "own", "own_color": "#AABBCC"})
    found = [(status.name, status.description, status.color) for status in statuses.of(tenant.pk)]
    assert found == [("New", "Just in", "#4a9163"), ("Won", "", "#aabbcc")]
    assert acts() == ["status.made", "status.made"]


@pytest.mark.parametrize("own", ["", "red", "#12345", "#1234567", "#12345g", "url(x)"])
def test_a_colour_that_is_none_is_refused_beside_its_field(desk, tenant, own):
    response = desk.post(f"{PAGES}new/", {"name": "Won", "color": "own", "own_color": own})
    assert "own_color" in response.context["form"].errors
    assert names(tenant) == []


def test_a_name_that_is_taken_is_said_beside_it_and_one_that_was_taken_away_is_free(desk, tenant, admin):
    won, lost = make_statuses(tenant, "Won", "Lost")
    for address in (f"{PAGES}new/", page_of(lost)):
        response = desk.post(address, {"name": "Won", "color": "#4a9163"})
        assert response.context["form"].errors == {"name": ["There is a status called Won already."]}
    assert acts() == []
    statuses.remove(admin, won.pk)
    assert desk.post(page_of(lost), {"name": "Won", "color": "#4a9163"}).url == PAGES
    assert names(tenant) == ["Won"]


def test_a_status_moves_a_step_at_a_time_and_stays_at_the_ends(desk, tenant):
    first, second, third = make_statuses(tenant, "A", "B", "C")
    for step, order in (
        ({"up": third.pk}, "ACB"),
        ({"up": third.pk}, "CAB"),
        ({"up": third.pk}, "CAB"),
        ({"down": second.pk}, "CAB"),
        ({"down": first.pk}, "CBA"),
    ):
        assert desk.post(f"{PAGES}order/", step).url == PAGES
        assert "".join(names(tenant)) == order
    assert desk.post(f"{PAGES}order/", {"up": "9" * 30}).status_code == 409


def test_a_status_that_calls_have_goes_once_one_says_which_one_they_get(desk, tenant, admin):
    open_, done = make_statuses(tenant, "Open", "Done")
    call = make_calls(admin, open_)[0]
    refused = desk.post(page_of(open_, "remove/"))
    assert "Say which one they are to get instead" in said(refused)
    assert "Move its 1 call to" in said(refused)
    assert acts() == []
    told = said(desk.post(page_of(open_, "remove/"), {"move_calls_to": done.pk}, follow=True))
    assert "Open is removed. 1 call has moved." in told
    assert names(tenant) == ["Done"]
    assert board.counts(tenant.pk) == {str(done.pk): 1}
    assert opening.create_call(admin, {"call_id": call["call_id"]})[0]["status_id"] == str(done.pk)


def test_calls_cannot_move_to_a_status_that_has_just_been_taken_away(desk, tenant, admin, stranger):
    open_, gone = make_statuses(tenant, "Open", "Gone")
    (theirs,) = make_statuses(stranger.tenant, "Theirs")
    make_calls(admin, open_)
    statuses.remove(admin, gone.pk)
    for other in (gone, theirs, open_):
        response = desk.post(page_of(open_, "remove/"), {"move_calls_to": other.pk})
        assert "has just been removed. Choose another one." in said(response)
    assert names(tenant) == ["Open"]


def test_whoever_comes_too_late_is_told_so_and_changes_nothing(desk, tenant, admin):
    (gone,) = make_statuses(tenant, "Gone")
    statuses.remove(admin, gone.pk)
    for response in (
        desk.get(page_of(gone)),
        desk.post(page_of(gone), {"name": "Back", "color": "#4a9163"}),
        desk.post(page_of(gone, "remove/")),
    ):
        assert response.status_code == 410
        assert "Somebody else has removed this status" in said(response)
    assert CallStatus.objects.get(pk=gone.pk).deleted
    assert acts() == []


def test_names_are_shown_as_they_are_and_never_as_markup(desk, tenant):
    (status,) = make_statuses(tenant, "<b>فتح</b> & “co”")
    for address in (PAGES, page_of(status)):
        page = desk.get(address).content.decode()
        assert ">&lt;b&gt;فتح&lt;/b&gt; &amp; “co”</" in page


def test_every_colour_of_the_palette_is_seen_in_both_themes():
    def light_of(color):
        parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for color, surface in ((color, surface) for color in COLORS for surface in ("#ffffff", "#21252b")):
        dark, light = sorted([light_of(color), light_of(surface)])
        assert (light + 0.05) / (dark + 0.05) >= 3, (color, surface)


# --- The same in the admin ---


def test_statuses_are_made_changed_and_found_in_the_admin(desk, tenant):
    (won,) = make_statuses(tenant, "Won")
    given = {"name": "New", "description": "", "color": "#4a9163", "position": 7}
    assert desk.post("/admin/calls/callstatus/add/", given).status_code == 302
    assert desk.post("/admin/calls/callstatus/add/", given, follow=True).content.count(b"called New already") == 1
    assert desk.post(f"/admin/calls/callstatus/{won.pk}/change/", {**given, "name": "Sold"}).status_code == 302
    assert sorted(names(tenant)) == ["New", "Sold"]
    shown = desk.get("/admin/calls/callstatus/", {"q": "sol"}).context["cl"].result_list
    assert [status.name for status in shown] == ["Sold"]


def test_the_admin_too_asks_where_the_calls_of_a_removed_status_go(desk, tenant, admin):
    open_, done = make_statuses(tenant, "Open", "Done")
    make_calls(admin, open_)
    address = f"/admin/calls/callstatus/{open_.pk}/delete/"
    assert "1 call has this status and gets another one" in said(desk.get(address))
    assert "Say which one they are to get instead" in said(desk.post(address, {"post": "yes"}))
    assert desk.post(address, {"move_calls_to": done.pk}).status_code == 302
    assert CallStatus.objects.get(pk=open_.pk).deleted
    assert board.counts(tenant.pk) == {str(done.pk): 1}
    assert desk.post(address, {"move_calls_to": done.pk}).status_code == 403
    assert "status.removed" in acts()
