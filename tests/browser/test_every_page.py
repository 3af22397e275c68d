"""Each page once in both themes: who cannot see, has no mouse or holds a phone can use it too."""

import pytest
from playwright.sync_api import expect

from tests.browser.looking import assert_accessible, assert_fits_every_width
from tests.browser.test_pages import browser, sign_in  # noqa: F401
from tests.journeys.test_call import start

PAGES = [
    "/record/",
    "/sessions/",
    "/board/",
    "/calls/demo-conversation-1/",
    "/live/",
    "/search/",
    "/dashboard/",
    "/contacts/",
    "/contacts/new/",
    "/settings/",
    "/settings/people/",
    "/settings/people/new/",
    "/settings/statuses/",
    "/settings/statuses/new/",
    "/settings/alerts/",
    "/settings/alerts/history/",
    "/settings/alerts/rules/error_count/",
    "/privacy/audit/",
    "/privacy/retention/",
    "/privacy/retention/change/",
    "/profile/",
    "/nowhere/",
]
SHORT = ["/live/", "/search/", "/contacts/", "/nowhere/"]
OF_THE_ADMIN = [
    "/admin/",
    "/admin/calls/list/",
    "/admin/calls/callstatus/",
    "/admin/crm/contact/",
    "/admin/metrics/alertrule/",
    "/admin/crm/erasurerequest/",
]


@pytest.fixture(params=["light", "dark"])
def admins_page(request, browser, stack):  # noqa: F811
    context = browser.new_context(base_url=stack.url, color_scheme=request.param, reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, stack, "demo-admin")
    yield page
    context.close()


def test_every_page_can_be_used_by_everybody_and_on_every_screen(admins_page, stack):
    page = admins_page
    recording = start(stack.client("demo-admin"))["id"]
    for address in [*PAGES, f"/sessions/{recording}/", *OF_THE_ADMIN]:
        page.set_viewport_size({"width": 1440, "height": 800})
        page.goto(address)
        expect(page.get_by_role("heading").first).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert_accessible(page)
        if address not in OF_THE_ADMIN:
            assert_fits_every_width(page)


def test_a_phone_leads_everywhere_and_a_short_page_does_not_scroll(admins_page):
    page = admins_page
    for address in SHORT:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollHeight") == 900, address
    page.set_viewport_size({"width": 360, "height": 740})
    bar = page.locator(".rail > .rail-entries")
    assert bar.evaluate("bar => bar.scrollWidth <= bar.clientWidth")
    page.get_by_role("button", name="More").click()
    page.get_by_role("navigation").get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("heading", name="Contacts")).to_be_visible()
