"""The admin's list of calls, and the page of one."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls import board, editing, opening, statuses, store
from calls.documents import Segment
from calls.store.client import calls
from calls.store.recorded import recorded
from crm.models import AuditEntry, User
from crm.roles import Role, grants
from tests.builders import make_session, make_user
from tests.calls.indexed import index

PAGE = "/admin/calls/list/"
EVERYBODY = ["nobody", *Role, "superuser", "admin elsewhere"]
SAID = "Quetzalcoatlus"
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def be(client, tenant, stranger):
    """Signs in one of EVERYBODY."""

    def sign_in(who):
        if who == "superuser":
            client.force_login(User.objects.create(username="root", is_superuser=True))
        elif who != "nobody":
            company, role = (stranger.tenant, "admin") if who == "admin elsewhere" else (tenant, who)
            client.force_login(make_user(company, role))

    return sign_in


def make_call(user, call_id, *, minute=0, **details):
    said = Segment(segment_id="s", speaker="agent", text=SAID, start_time=0.0, end_time=1.0, confidence=1.0)
    given = {"call_id": call_id, "start_time": START + timedelta(minutes=minute), "subject": f"About {call_id}"}
    return opening.create_call(user, {**given, **details}, [said])[0]


def address_of(call):
    return f"{PAGE}{call['tenant_id']}/{call['call_id']}/"


def listed(client, **query):
    """The call_ids on a page, in their order."""
    answer = client.get(PAGE, query)
    assert answer.status_code == 200
    return [row["call"]["call_id"] for row in answer.context.get("rows", [])]


def acts():
    return [(entry.act, entry.subject) for entry in AuditEntry.objects.order_by("pk") if entry.via == "admin"]


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_pages_open_to_whom_the_admin_does_and_show_a_company_its_own(client, be, supervisor, who):
    call = make_call(supervisor, "ours")
    be(who)
    answer, detail = (client.get(address, follow=True) for address in (PAGE, address_of(call)))
    if who == "nobody":
        assert answer.request["PATH_INFO"] == detail.request["PATH_INFO"] == "/sign-in/"
    elif who in set(Role) and not grants(who, "admin.use"):
        assert {answer.status_code, detail.status_code} == {403}
    else:
        shown = who != "admin elsewhere"
        assert ("ours" in answer.content.decode()) == shown
        assert detail.status_code == (200 if shown else 404)
        assert acts() == [("call.listed", ""), *([("call.read", "call:ours")] if shown else [])]
        # Who runs the site sees what there is, and no word of it.
        for page in (answer, detail):
            assert ("About ours" in page.content.decode()) == (who == "admin")
        assert (SAID in detail.content.decode()) == (who == "admin")


def test_a_call_is_found_by_whatever_it_goes_by(client, be, agent, supervisor):
    session = make_session(agent)
    wanted = make_call(supervisor, "wanted", minute=1, external_user_id="visitor-9", subject="A Refund, perhaps")
    make_call(supervisor, "other", minute=2, subject="Funding")
    index()
    be("admin")
    for term in (str(wanted["id"]), "wanted", "visitor-9", "refund", "perh ref"):
        assert listed(client, q=term) == ["wanted"], term
    assert listed(client, q=str(session.pk)) == [session.call_id]
    assert listed(client, q="nothing") == listed(client, q="\0'") == []


def test_a_word_of_very_many_subjects_is_found_among_the_newest(client, be, supervisor, monkeypatch):
    for minute in range(4):
        make_call(supervisor, f"c{minute}", minute=minute, subject="Parcel (lost)")
    index()
    monkeypatch.setattr("calls.finding.MOST_NAMED", 2)
    be("admin")
    assert listed(client, q="parc lost") == ["c3", "c2", "c1", "c0"]


def test_filters_narrow_the_list(client, be, supervisor, tenant):
    status = statuses.create(tenant.pk, {"name": "New"})
    colleague = make_user(tenant, "agent")
    make_call(supervisor, "moved", minute=1, status_id=str(status.pk))
    make_call(supervisor, "running", minute=2, status="in_progress")
    make_call(supervisor, "later", minute=60 * 48)
    make_call(make_user(tenant, "supervisor", first_name="A"), "colleagues", minute=3)
    old = make_call(supervisor, "old", minute=4)
    # Of older calls, some have a number.
    calls().update_one({"id": old["id"]}, {"$set": {"status_id": status.pk}})
    be("admin")
    assert listed(client, status=status.pk) == ["old", "moved"]
    assert listed(client, status="none") == ["later", "colleagues", "running"]
    assert listed(client, state="in_progress") == ["running"]
    assert listed(client, person=supervisor.username) == ["later", "old", "running", "moved"]
    assert listed(client, person=colleague.pk) == listed(client, person="nobody") == []
    assert listed(client, since="2026-05-02") == ["later"]
    assert listed(client, until="2026-05-01", state="completed") == ["old", "colleagues", "moved"]


def test_pages_follow_one_another_there_and_back(client, be, supervisor, monkeypatch):
    monkeypatch.setattr("crm.admin.calls.PER_PAGE", 2)
    for minute in range(5):
        make_call(supervisor, f"c{minute}", minute=minute, external_user_id="visitor")
    be("admin")
    for query in ("", "&q=visitor"):
        seen, address = [], f"{PAGE}?{query}"
        while address:
            answer = client.get(address)
            seen.append([row["call"]["call_id"] for row in answer.context["rows"]])
            address = answer.context["older"] and PAGE + answer.context["older"]
        assert seen == [["c4", "c3"], ["c2", "c1"], ["c0"]]
        newer = client.get(PAGE + answer.context["newer"])
        assert [row["call"]["call_id"] for row in newer.context["rows"]] == ["c2", "c1"]


def test_who_runs_the_site_sees_all_companies_or_one(client, be, supervisor, stranger):
    make_call(supervisor, "here", minute=1)
    make_call(stranger, "there", minute=2)
    be("superuser")
    assert [call_id for call_id in listed(client) if call_id in {"here", "there"}] == ["there", "here"]
    assert listed(client, company=supervisor.tenant_id) == ["here"]
    # A company's own admin has no choice.
    be("admin")
    assert listed(client, company=stranger.tenant_id) == ["here"]


@pytest.mark.parametrize(
    "query",
    [
        {"before": "x"},
        {"before": "2026-05-01~x"},
        {"after": "9999-99-99~1"},
        {"before": f"0001-01-01T00:00:00+14:00~{'9' * 30}"},
        {"company": "9" * 30},
        {"status": "x"},
        {"since": "x"},
        {"person": "9" * 100},
        {"q": "\0"},
        {"q": "x" * 999},
        {"q": "9" * 40},
        {"q": "((' & !"},
    ],
)
def test_garbage_in_the_address_is_no_error(client, be, supervisor, query):
    make_call(supervisor, "ours")
    for who in ("admin", "superuser"):
        be(who)
        assert client.get(PAGE, query).status_code == 200


def test_a_page_costs_the_same_number_of_questions_however_much_is_on_it(client, be, supervisor, db):
    def cost():
        with recorded() as commands, CaptureQueriesContext(connection) as statements:
            client.get(PAGE)
        return len(commands), len(statements)

    make_call(supervisor, "first")
    be("admin")
    cost()
    before = cost()
    for number in range(10):
        make_call(supervisor, f"more-{number}")
    assert cost() == before
    assert before[0] == 1


def test_the_page_of_a_call_leads_to_its_recording_and_back(client, be, agent):
    session = make_session(agent)
    be("admin")
    page = client.get(f"{PAGE}{session.tenant_id}/{session.call_id}/").content.decode()
    assert f'href="/admin/audio/audiosession/{session.pk}/change/"' in page
    assert f'href="/admin/audio/audiochunk/?session__id__exact={session.pk}"' in page
    back = client.get(f"/admin/audio/audiosession/{session.pk}/change/").content.decode()
    assert f'href="{PAGE}{session.tenant_id}/{session.call_id}/"' in back


@pytest.mark.parametrize("who", ["admin", "superuser"])
def test_a_call_gets_another_status_unless_somebody_was_quicker(client, be, supervisor, tenant, who):
    status = statuses.create(tenant.pk, {"name": "New"})
    call = make_call(supervisor, "ours")
    be(who)
    form = {"action": "move", "status": status.pk, "version": call["version"]}
    page = client.post(address_of(call), form, follow=True).content.decode()
    assert "It has the other status now." in page
    assert "from none to New" in page
    assert board.counts(tenant.pk) == {str(status.pk): 1}
    again = client.post(address_of(call), form | {"status": ""}, follow=True).content.decode()
    assert "Somebody else has changed call ours" in again
    assert (
        "There is no status 987654"
        in client.post(address_of(call), form | {"status": "987654", "version": 2}, follow=True).content.decode()
    )
    assert [act for act, _ in acts() if act == "call.moved"] == ["call.moved"]


@pytest.mark.parametrize("who", ["admin", "superuser"])
def test_a_call_is_deleted_once_somebody_has_said_so_twice(client, be, supervisor, tenant, who):
    call = make_call(supervisor, "ours")
    be(who)
    assert "Delete it" in client.post(address_of(call), {"action": "delete"}).content.decode()
    assert listed(client, q="ours") == ["ours"]
    client.post(address_of(call), {"action": "delete", "confirmed": "yes"})
    assert client.get(address_of(call)).status_code == 404
    assert AuditEntry.objects.filter(act="call.deleted", tenant_id=tenant.pk, via="admin").count() == 1


@pytest.mark.parametrize("who", [who for who in EVERYBODY if who not in {"admin", "superuser"}])
def test_nobody_else_can_do_anything_with_a_call(client, be, supervisor, who):
    call = make_call(supervisor, "ours")
    be(who)
    for form in ({"action": "delete", "confirmed": "yes"}, {"action": "move", "version": call["version"]}):
        assert client.post(address_of(call), form).status_code in {302, 403, 404}
    assert store.find({"tenant_id": call["tenant_id"], "call_id": "ours"})["version"] == call["version"]


def test_what_people_wrote_is_shown_and_what_is_long_is_cut(client, be, supervisor, monkeypatch):
    call = make_call(supervisor, "ours")
    editing.note(supervisor, "ours", "Call <b>back</b>")
    monkeypatch.setattr("crm.admin.calls.MOST_SEGMENTS", 0)
    be("admin")
    page = client.get(address_of(call)).content.decode()
    assert "Call &lt;b&gt;back&lt;/b&gt;" in page
    assert SAID not in page
    assert client.post(address_of(call), {"action": "drop"}).status_code == 403


def test_a_call_that_there_are_several_of_says_so(client, be, supervisor):
    call = make_call(supervisor, "ours")
    calls().drop_index("tenant_number")
    twin = {**calls().find_one({"id": call["id"]}), "_id": ObjectId(), "call_id": "twin"}
    calls().insert_one(twin)
    be("admin")
    try:
        page = client.get(address_of(call)).content.decode()
        assert "twin" in page
        assert "clean_duplicate_calls" in page
    finally:
        calls().delete_one({"_id": twin["_id"]})
        store.create()
