"""The privacy officer's desk in a real Chromium, against everything that `make run` starts."""

import json
import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.looking import assert_accessible, assert_fits_every_width
from tests.browser.test_pages import browser, page, sign_in

__all__ = ["browser", "page"]

PAGES = [
    "/privacy/",
    "/privacy/?state=due",
    "/privacy/?state=blocked",
    "/privacy/new/?q=demo",
    "/privacy/new/preview/?platform=telegram&external_user_id=Maximiliane-von-und-zu-Hohenstein-Waldburg",
    "/privacy/holds/",
    "/privacy/holds/?state=lifted",
    "/privacy/holds/new/",
    "/privacy/holds/new/?call_id=a-call",
]
# A worker that others keep busy may come late.
DONE_WITHIN_MS = 90_000


@pytest.fixture
def contact(stack):
    """A customer of the demo company, called as nobody else is."""
    name = f"Ada {uuid.uuid4().hex[:12]}"
    given = {"names": [name], "phones": ["+49 40 5550142"], "emails": [f"{uuid.uuid4().hex}@example.com"]}
    made = stack.client("demo-supervisor").post("/api/crm/contacts", json=given)
    assert made.status_code == 201, made.text
    return {"id": made.json()["id"], "name": name}


@pytest.fixture
def officer(page, stack):
    sign_in(page, stack, "demo-privacy", to="/privacy/")
    return page


def begin(page, contact):
    page.goto("/privacy/")
    page.get_by_role("link", name="Forget somebody").click()
    page.get_by_label("A colleague or a contact").fill(contact["name"])
    page.get_by_role("link", name=re.compile(contact["name"])).click()
    expect(page.get_by_role("heading", name=f"Forget {contact['name']}?")).to_be_visible()


def test_a_customer_is_forgotten_and_the_certificate_opens(officer, stack, contact):
    page = officer
    begin(page, contact)
    expect(page.get_by_text("Nothing was changed.")).to_be_visible()
    erase = page.get_by_role("button", name="Erase")
    expect(erase).to_be_disabled()
    field = page.get_by_label("their id, to go on")
    field.fill(f"{contact['id']}0")
    expect(erase).to_be_disabled()
    field.fill(str(contact["id"]))
    erase.click()
    page.wait_for_url(re.compile(r"/privacy/[0-9a-f-]{36}/$"))
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator(".standing")).to_have_text("Complete", timeout=DONE_WITHIN_MS)
    assert page.evaluate("window.isTheSamePage"), "it went on in place"
    expect(page.get_by_role("heading", name="A customer, forgotten")).to_be_visible()
    for cell in page.locator(".stores tbody tr td:nth-child(n + 5)").all():
        expect(cell).to_have_text(re.compile(r"\b0$"))
    assert stack.client("demo-supervisor").get(f"/api/crm/contacts/{contact['id']}").status_code == 404
    page.get_by_role("link", name="Open certificate").click()
    certificate = page.get_by_role("article", name="Certificate")
    expect(certificate).to_contain_text("Signature holds")
    assert_accessible(page)
    assert_fits_every_width(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    said = json.loads(download.value.path().read_text())
    assert download.value.suggested_filename == f"erasure-{said['request_id']}.json"
    assert contact["name"] not in json.dumps(said)


def test_somebody_is_chosen_by_the_keyboard_alone(officer, contact):
    page = officer
    page.goto("/privacy/new/")
    expect(page.get_by_label("A colleague or a contact")).to_be_focused()
    page.keyboard.type(contact["name"])
    expect(page.get_by_role("link", name=re.compile(contact["name"]))).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Forget {contact['name']}?")).to_be_visible()


def test_a_hold_keeps_somebody_until_it_is_lifted(officer, contact):
    page = officer
    page.goto("/privacy/holds/new/")
    page.get_by_label("A colleague or a contact").fill(contact["name"])
    page.get_by_role("link", name=re.compile(contact["name"])).click()
    page.get_by_label("Reason").fill("Case 4 O 17/26")
    page.get_by_role("button", name="Place the hold").click()
    expect(page.get_by_role("listitem").filter(has_text=contact["name"])).to_contain_text("Case 4 O 17/26")
    begin(page, contact)
    expect(page.get_by_text("A legal hold stands in the way.")).to_be_visible()
    page.get_by_label("their id, to go on").fill(str(contact["id"]))
    page.get_by_role("button", name="Erase").click()
    expect(page.locator(".standing")).to_have_text("On hold")
    page.get_by_role("button", name="Cancel the erasure").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the erasure").click()
    expect(page.locator(".standing")).to_have_text("Cancelled")
    page.goto("/privacy/holds/")
    lift = page.get_by_role("button", name=f"Lift the hold on {contact['name']}")
    lift.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(lift).to_be_visible()
    lift.click()
    page.get_by_role("dialog").get_by_role("button", name="Lift the hold").click()
    expect(lift).to_have_count(0)


def test_nobody_else_gets_in_or_sees_the_way(page, stack):
    sign_in(page, stack, "demo-supervisor")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Privacy")).to_have_count(0)
    for address in ("/privacy/", "/privacy/new/", "/privacy/holds/"):
        assert page.goto(address).status == 403


@pytest.fixture(scope="module")
def full(stack):
    """The pages of some requests, of many that there are."""
    fill = "from tests.browser import privacy_rows; privacy_rows.fill(username='demo-privacy', count=500)"
    filled = stack.manage("shell", "-c", fill)
    assert filled.returncode == 0, filled.stderr
    return json.loads(filled.stdout.splitlines()[-1])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_can_be_used_by_everybody_and_on_every_screen(browser, stack, full, theme):
    context = browser.new_context(base_url=stack.url, color_scheme=theme, reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, stack, "demo-privacy")
    for address in [*PAGES, *full]:
        page.set_viewport_size({"width": 1440, "height": 800})
        page.goto(address)
        expect(page.get_by_role("heading").first).to_be_visible()
        assert_accessible(page)
        assert_fits_every_width(page)
    context.close()
