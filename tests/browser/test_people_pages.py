"""Profile, settings and people in a real Chromium, against everything that `make run` starts."""

import re
import uuid

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import browser, page, sign_in

__all__ = ["browser", "page"]

PASSWORD = "a-long-enough-pass-phrase"


@pytest.fixture
def other_browser(browser, stack):
    context = browser.new_context(base_url=stack.url)
    yield context.new_page()
    context.close()


def add_person(page, *, username, role):
    page.goto("/settings/people/")
    page.get_by_role("link", name="Add person").click()
    page.get_by_label("Username").fill(username)
    page.get_by_label("Name", exact=True).fill("Nova Ng")
    page.get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Add person").click()


def choose_password(page, link):
    page.goto(link)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Save and sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def new_name(what):
    return f"{what}-{uuid.uuid4().hex[:8]}"


def test_too_many_wrong_passwords_are_answered_with_when_to_try_again(page):
    username = new_name("nobody")
    for _ in range(6):
        page.goto("/sign-in/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Try again in 15 minutes")


def test_a_token_is_made_on_the_profile_used_and_revoked(page, stack):
    sign_in(page, stack, "demo-supervisor")
    page.locator(".account").get_by_role("link", name="Sam Supervisor").click()
    name = new_name("export")
    page.get_by_label("What it is for").fill(name)
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator("#secret").inner_text()
    client = httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30)
    assert client.get("/api/tokens").status_code == 200
    page.goto("/profile/")
    assert secret not in page.content()
    page.get_by_role("button", name=f"Revoke {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert client.get("/api/tokens").status_code == 200
    page.get_by_role("button", name=f"Revoke {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status").filter(has_text="revoked")).to_be_visible()
    assert client.get("/api/tokens").status_code == 401


def test_somebody_is_added_chooses_a_password_and_is_signed_out_everywhere(page, other_browser, stack):
    username = new_name("nova")
    sign_in(page, stack, "demo-admin")
    add_person(page, username=username, role="supervisor")
    link = page.locator("#link").inner_text()
    choose_password(other_browser, link)
    other_browser.goto(link)
    expect(other_browser.get_by_role("heading", name="This link no longer works")).to_be_visible()

    page.goto(f"/settings/people/?q={username}")
    expect(page.locator(".people tbody")).to_contain_text("Active")
    page.locator(".people tbody tr").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("status").filter(has_text="Signed out everywhere")).to_be_visible()
    other_browser.goto("/sessions/")
    expect(other_browser).to_have_url(re.compile("/sign-in/"))


def test_a_role_and_the_settings_are_for_admins_to_change(page, stack):
    sign_in(page, stack, "demo-agent")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings")).to_have_count(0)
    for address in ("/settings/", "/settings/people/", "/settings/people/new/", "/settings/people/1/"):
        assert page.goto(address).status == 403


@pytest.mark.parametrize("width", [1440, 1024, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_of_people_scrolls_sideways(browser, stack, width, theme):
    context = browser.new_context(
        base_url=stack.url, viewport={"width": width, "height": 800}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    sign_in(page, stack, "demo-admin")
    add_person(page, username=new_name("maximiliane.von-und-zu-hohenstein-waldburg"), role="integration")
    page.get_by_label("What it is for").fill("Telephone system of the Vienna office, calls and recordings")
    page.get_by_role("button", name="Make a token").click()
    assert fits(page), "a program's page with a new token"
    for address in ("/profile/", "/settings/", "/settings/people/", "/settings/people/new/", "/welcome/x/y/"):
        page.goto(address)
        assert fits(page), address
    context.close()


def fits(page):
    page.wait_for_load_state()
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
