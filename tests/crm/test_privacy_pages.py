import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from django.utils import timezone

from crm.erasure import certificates
from crm.models import AuditEntry, ErasureRequest, ErasureState, LegalHold, PrivacyPolicy
from tests.builders import make_contact, make_erasure, make_hold, make_user

PAGE = "/privacy/"
PREVIEW = "/privacy/new/preview/"
ROWS = [
    {"store": "objects", "step": "sound", "found": 3, "erased": 3, "left": 0, "found_again": 0},
    {"store": "postgres", "step": "search", "found": 2, "erased": 1, "left": 1, "found_again": None},
]


@pytest.fixture
def officer(tenant):
    return make_user(tenant, "privacy", first_name="Petra")


@pytest.fixture
def desk(client, officer):
    """The privacy officer's browser."""
    client.force_login(officer)
    return client


def said(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def due_in(tenant, *, days, **values):
    return make_erasure(tenant, due_at=timezone.now() + timedelta(days=days), **values)


def acts(kind="erasure"):
    return [*AuditEntry.objects.filter(act__startswith=f"{kind}.").order_by("pk").values_list("act", flat=True)]


# --- The list ---


def test_requests_are_listed_with_their_state_and_deadline(desk, tenant, officer, stranger):
    assert "Nobody was asked to be forgotten yet" in said(desk.get(PAGE))
    due_in(tenant, days=20, requested_by=officer, subject_name="Ada Lovelace")
    make_erasure(tenant, state="completed", kind="contact", subject_name="", is_replay=True)
    make_erasure(stranger.tenant, subject_name="Theirs")
    page = said(desk.get(PAGE))
    assert re.search(
        r"A customer \w{8} Complete ended the ledger .*Ada Lovelace \w{8} Needs approval due in 20 days", page
    )
    assert "Petra" in page
    assert "Theirs" not in page
    assert "to be complete soon" not in page
    assert acts() == ["erasure.listed", "erasure.listed"]


def test_what_is_near_its_deadline_is_brought_to_mind(desk, tenant):
    due_in(tenant, days=20)
    due_in(tenant, days=3, state="blocked")
    due_in(tenant, days=-2, state="failed")
    due_in(tenant, days=1, state="completed")
    page = desk.get(PAGE)
    assert "2 requests have to be complete soon : the first is 2 days late" in said(page)
    soon = desk.get(PAGE, {"state": "due"})
    assert {row.request.state for row in soon.context["rows"]} == {"blocked", "failed"}
    PrivacyPolicy.objects.create(tenant=tenant, remind_days=1)
    assert "1 request has to be complete soon" in said(desk.get(PAGE))


def test_the_list_is_filtered_by_state(desk, tenant):
    for state in ["pending", "failed", "completed", "cancelled"]:
        make_erasure(tenant, state=state)
    shown = {
        chosen: {row.request.state for row in desk.get(PAGE, {"state": chosen}).context["rows"]}
        for chosen in ["open", "failed", "blocked", "nonsense"]
    }
    assert shown == {"open": {"pending", "failed"}, "failed": {"failed"}, "blocked": set(), "nonsense": set()}
    assert "Show all requests" in said(desk.get(PAGE, {"state": "blocked"}))


def test_a_long_list_is_walked_through(desk, tenant):
    now = timezone.now()
    ErasureRequest.objects.bulk_create(
        ErasureRequest(tenant=tenant, kind="user", requested_at=now, due_at=now, state="completed") for _ in range(120)
    )
    seen, address = [], PAGE
    while address:
        page = desk.get(address)
        seen += [row.request.pk for row in page.context["rows"]]
        address = page.context["older"]
    assert len(seen) == len(set(seen)) == 120
    assert desk.get(PAGE, {"cursor": "nonsense"}).status_code == 404


# --- Asking ---


def test_somebody_is_found_by_what_one_knows_of_them(desk, tenant, stranger):
    ada = make_contact(tenant, "Ada Lovelace", phones=["+49 40 1234"])
    colleague = make_user(tenant, "agent", first_name="Adam")
    make_contact(stranger.tenant, "Ada of theirs")
    page = desk.get("/privacy/new/", {"q": "ada"}).content.decode()
    assert f"{PREVIEW}?contact_id={ada.pk}" in page
    assert f"{PREVIEW}?user_id={colleague.pk}" in page
    assert "of theirs" not in page
    assert "Nobody is found by" in said(desk.get("/privacy/new/", {"q": "mulder\0"}))


def test_a_dry_run_shows_what_would_go_and_changes_nothing(desk, tenant):
    ada = make_contact(tenant, "Ada Lovelace")
    make_hold(tenant, kind="contact", contact_id=ada.pk, call_id="", reason="Case 4")
    page = desk.get(PREVIEW, {"contact_id": ada.pk})
    words = said(page)
    assert "Forget Ada Lovelace ?" in words
    assert "Nothing was changed." in words
    assert "A legal hold stands in the way." in words
    assert "Case 4" in words
    assert not ErasureRequest.objects.exists()
    assert acts() == ["erasure.previewed"]


def test_somebody_is_erased_once_their_id_is_typed(desk, tenant, officer):
    ada = make_contact(tenant, "Ada Lovelace")
    wrong = desk.post(PREVIEW, {"contact_id": ada.pk, "typed": "Ada"})
    assert "This is not their id. Nothing was erased." in said(wrong)
    assert not ErasureRequest.objects.exists()
    right = desk.post(PREVIEW, {"contact_id": ada.pk, "typed": f" {ada.pk} ", "reason": "By mail"})
    erasure = ErasureRequest.objects.get()
    assert right["Location"] == f"/privacy/{erasure.pk}/"
    assert (erasure.subject, erasure.reason, erasure.requested_by) == ({"contact_id": ada.pk}, "By mail", officer)
    assert acts() == ["erasure.previewed", "erasure.requested"]
    assert AuditEntry.objects.get(act="erasure.requested").subject == f"erasure:{erasure.pk}"


def test_an_id_on_a_platform_is_typed_as_it_is(desk):
    named = {"platform": "web", "external_user_id": "dana <x>"}
    assert "dana &lt;x&gt;" in desk.get(PREVIEW, named).content.decode()
    desk.post(PREVIEW, {**named, "typed": "dana <x>"})
    assert ErasureRequest.objects.get().subject == named


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({}, "Forget somebody"),
        ({"user_id": "1", "contact_id": "2"}, "Name them in one way only."),
        ({"platform": "web"}, "A platform and the id there go together."),
        ({"user_id": "9" * 18}, "There is nobody with this id in your company."),
        ({"contact_id": "x"}, "Enter a whole number."),
    ],
)
def test_whoever_names_nobody_is_led_back_with_the_reason(desk, named, why):
    for answer in (desk.get(PREVIEW, named, follow=True), desk.post(PREVIEW, named, follow=True)):
        assert answer.redirect_chain == [("/privacy/new/", 302)]
        assert why in said(answer)


def test_nobody_of_another_company_is_looked_at(desk, stranger):
    theirs = make_contact(stranger.tenant, "Quetzalcoatlus")
    for named in ({"contact_id": theirs.pk}, {"user_id": stranger.pk}):
        page = said(desk.get(PREVIEW, named, follow=True))
        assert "Quetzalcoatlus" not in page
        assert stranger.username not in page


def test_the_last_admin_is_not_erased_and_one_is_told_why(desk, tenant):
    admin = make_user(tenant, "admin")
    page = desk.post(PREVIEW, {"user_id": admin.pk, "typed": admin.pk})
    assert "This is the last active admin" in said(page)
    assert not ErasureRequest.objects.exists()


# --- One request ---


def test_a_request_shows_its_stores_and_what_is_left(desk, tenant, officer):
    erasure = make_erasure(
        tenant, state="failed", stores=ROWS, error="Something was left: search.", requested_by=officer, attempts=2
    )
    page = said(desk.get(f"{PAGE}{erasure.pk}/"))
    assert "Not complete" in page
    assert "Something was left: search." in page
    assert re.search(r"Sound objects before 3 erased 3 left 0 found 0", page)
    assert re.search(r"Search postgres before 2 erased 1 left 1 found –", page)
    assert "Run again" in page
    assert acts() == ["erasure.read"]


def test_a_page_that_looks_again_and_again_is_one_reading(desk, tenant):
    erasure = make_erasure(tenant, state="running", stores=ROWS)
    for _ in range(3):
        part = desk.get(f"{PAGE}{erasure.pk}/standing/")
        assert 'data-beat="fast"' in part.content.decode()
        assert "<html" not in part.content.decode()
    assert acts() == ["erasure.read"]


@pytest.mark.parametrize("state", ErasureState)
def test_only_what_a_state_allows_is_offered(desk, tenant, state):
    erasure = make_erasure(tenant, state=state, waits_until=timezone.now() + timedelta(hours=5))
    page = said(desk.get(f"{PAGE}{erasure.pk}/"))
    offered = {words for words in ("Approve", "Cancel the erasure", "Run again", "Open certificate") if words in page}
    before = {"Cancel the erasure"}
    assert offered == {
        "pending": {"Approve", *before},
        "waiting": before,
        "approved": before,
        "blocked": before,
        "failed": {"Run again"},
        "completed": {"Open certificate"},
    }.get(state.value, set())
    assert ("Begins in 5 hours" in page) == (state == "waiting")


def test_whoever_asked_does_not_approve_and_a_colleague_does(desk, client, tenant, officer):
    erasure = make_erasure(tenant, requested_by=officer)
    page = said(desk.get(f"{PAGE}{erasure.pk}/"))
    assert "You asked for it, so somebody else who looks after privacy has to approve it." in page
    refused = desk.post(f"{PAGE}{erasure.pk}/approve/")
    assert "Somebody other than who asked for it has to approve it." in said(refused)
    client.force_login(make_user(tenant, "privacy"))
    assert "Approved." in said(client.post(f"{PAGE}{erasure.pk}/approve/", follow=True))
    assert ErasureRequest.objects.get().approved_by != officer
    assert "erasure.approved" in acts()


def test_a_request_is_cancelled_and_then_names_nobody(desk, tenant):
    erasure = make_erasure(tenant, subject_name="Ada Lovelace")
    page = said(desk.post(f"{PAGE}{erasure.pk}/cancel/", follow=True))
    assert "Cancelled. Nothing was erased." in page
    assert "Ada Lovelace" not in page
    done = make_erasure(tenant, state="completed", subject_name="")
    assert "what is erased cannot be brought back" in said(desk.post(f"{PAGE}{done.pk}/cancel/"))


def test_a_certificate_is_read_in_the_page_and_downloads(desk, tenant):
    erasure = make_erasure(tenant, state="completed", subject_name="", stores=ROWS[:1])
    early = desk.get(f"{PAGE}{erasure.pk}/certificate/", follow=True)
    assert early.redirect_chain == [(f"{PAGE}{erasure.pk}/", 302)]
    assert "There is a certificate once the erasure is complete." in said(early)
    certificates.issue(erasure, ROWS[:1], people=1, calls=0, ledger_entry=b"{}", completed_at=timezone.now())
    page = said(desk.get(f"{PAGE}{erasure.pk}/certificate/"))
    assert "Signature holds" in page
    assert "Erased 3 Left 0" in page
    assert str(erasure.pk) in page
    assert desk.get(reverse("erasure-certificate", args=[erasure.pk])).json()["request_id"] == str(erasure.pk)
    assert acts() == ["erasure.read", "erasure.certificate_read", "erasure.certificate_read"]


# --- Holds ---


def test_a_hold_is_placed_on_somebody_and_lifted(desk, tenant, officer):
    assert "No legal holds" in said(desk.get("/privacy/holds/"))
    ada = make_contact(tenant, "Ada Lovelace")
    assert "Place a hold on Ada Lovelace" in said(desk.get("/privacy/holds/new/", {"contact_id": ada.pk}))
    assert "This field is required." in said(desk.post("/privacy/holds/new/", {"contact_id": ada.pk}))
    page = said(desk.post("/privacy/holds/new/", {"contact_id": ada.pk, "reason": "Case 4"}, follow=True))
    assert re.search(r"Ada Lovelace Customer Case 4 Placed .* by Petra", page)
    hold = LegalHold.objects.get()
    assert (hold.contact_id, hold.placed_by) == (ada.pk, officer)
    assert "No hold is in force" in said(desk.post(f"/privacy/holds/{hold.pk}/lift/", follow=True))
    assert "Ada Lovelace" in said(desk.get("/privacy/holds/", {"state": "lifted"}))
    assert [act for act in acts("hold") if act != "hold.listed"] == ["hold.placed", "hold.lifted"]


def test_a_hold_is_placed_on_a_call(desk):
    desk.post("/privacy/holds/new/", {"call_id": "call-7", "reason": "Case 4"})
    assert (LegalHold.objects.get().kind, LegalHold.objects.get().call_id) == ("call", "call-7")
    assert reverse("call-page", args=["call-7"]) in desk.get("/privacy/holds/").content.decode()


@pytest.mark.parametrize("named", [{"call_id": "a", "user_id": "1"}, {"platform": "web"}, {"user_id": "9" * 18}])
def test_a_hold_on_nobody_in_particular_is_not_placed(desk, named):
    assert 'role="alert"' in desk.get("/privacy/holds/new/", named).content.decode()
    assert 'role="alert"' in desk.post("/privacy/holds/new/", {**named, "reason": "x"}).content.decode()
    assert not LegalHold.objects.exists()


# --- The ways here ---


def test_a_contacts_page_leads_to_what_is_kept_of_them_for_who_may_erase(desk, client, tenant):
    ada = make_contact(tenant, "Ada")
    address = f"{PREVIEW}?{urlencode({'contact_id': ada.pk})}"
    assert address in desk.get(f"/contacts/{ada.pk}/").content.decode()
    client.force_login(make_user(tenant, "supervisor"))
    for page in ("", "edit/"):
        assert address not in client.get(f"/contacts/{ada.pk}/{page}").content.decode()
    assert "ask whoever looks after privacy" in said(client.get(f"/contacts/{ada.pk}/edit/"))


def test_the_rail_and_the_tabs_show_what_one_may_open(desk, client, tenant):
    page = desk.get(PAGE).content.decode()
    assert f'class="rail-entry" href="{PAGE}" aria-current="page"' in page
    assert f'<a href="{PAGE}" aria-current="page">Erasures</a>' in page
    assert '<a href="/privacy/holds/">Holds</a>' in page
    client.force_login(make_user(tenant, "supervisor"))
    assert "/privacy/" not in client.get("/board/").content.decode()
    client.force_login(make_user(tenant, "admin"))
    page = client.get("/privacy/audit/").content.decode()
    assert re.search(r'class="rail-entry" href="/privacy/(retention|audit)/" aria-current="(true|page)"', page)
    assert ">Erasures</a>" not in page
