"""The pages in a real Chromium, against everything that `make run` starts."""

import os
import re

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS
from tests.journeys.test_call import put, start
from tests.sound import SPEECH, encode, tone
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("There is no Chromium on the PATH, and CI=true says that nothing may be skipped.")
        pytest.skip("No Chromium on the PATH: install chromium to test the pages too.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, stack):
    """A page whose script errors, and whatever its security policy had to stop, fail the test."""
    context = browser.new_context(base_url=stack.url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def agent(stack):
    return stack.client("demo-agent")


def sign_in(page, stack, username, *, to="/"):
    page.goto(to)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(stack.password())
    page.get_by_role("button", name="Sign in").click()
    # Loaded whole: what is pressed before a page's script runs is done by the server, with another page for an answer.
    page.wait_for_url(lambda address: "/sign-in" not in address)


def test_signing_in_leads_where_one_wanted_to_go_and_signing_out_ends_it(page, stack):
    sign_in(page, stack, "demo-supervisor", to="/sessions/?page=1")
    expect(page).to_have_url(re.compile(r"/sessions/\?page=1$"))
    expect(page.get_by_role("heading", name="Recordings", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in/"))
    page.goto("/sessions/")
    expect(page).to_have_url(re.compile("/sign-in/"))


def test_a_wrong_password_is_said_in_words(page, stack):
    page.goto("/sign-in/")
    page.get_by_label("Username").fill("demo-agent")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_recording_is_followed_live_to_its_last_word(page, stack, agent):
    session = start(agent)
    sign_in(page, stack, "demo-supervisor", to=f"/sessions/{session['id']}/")
    expect(page.locator("#connection-words")).to_have_text("Live")
    put(agent, session, 0, SPEECH.read_bytes())
    cell = page.locator('.cell[data-index="0"]')
    expect(cell).to_be_visible()
    agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 2})
    expect(page.locator('.cell[data-index="1"][data-state="missing"]')).to_be_visible()
    expect(page.locator("#segments")).to_contain_text("amiable", timeout=60_000)
    expect(cell).to_have_attribute("data-state", "transcribed")
    expect(page.locator("#draft")).to_be_visible()
    put(agent, session, 1, encode(tone(1.0)))
    expect(page.locator("#state .badge")).to_have_attribute("data-state", "completed", timeout=60_000)
    expect(page.locator("#status")).to_contain_text("All 2 chunks safe and heard")


def test_a_page_that_was_cut_off_catches_up_by_itself(page, stack, agent):
    session = start(agent)
    sign_in(page, stack, "demo-supervisor", to=f"/sessions/{session['id']}/")
    expect(page.locator("#connection-words")).to_have_text("Live")
    [web] = stack.processes("uvicorn")
    os.kill(web, 9)
    expect(page.locator("#connection")).to_have_attribute("data-name", re.compile("waiting|connecting"))
    wait_until(lambda: is_up(agent), what="the web server to come back")
    put(agent, session, 0, encode(tone(1.0)))
    expect(page.locator("#connection-words")).to_have_text("Live", timeout=60_000)
    expect(page.locator('.cell[data-index="0"]')).to_be_visible()


def test_a_colleague_finds_nothing_of_another_company(page, stack, agent):
    session = start(agent)
    sign_in(page, stack, "other-supervisor", to=f"/sessions/{session['id']}/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.request.get(f"/sessions/{session['id']}/").status == 404


def test_the_admin_shows_sessions_and_chunks(page, stack, agent):
    session = start(agent)
    put(agent, session, 0, encode(tone(1.0)))
    sign_in(page, stack, "demo-admin", to="/admin/audio/audiosession/")
    page.get_by_role("link", name=session["id"][:8]).click()
    expect(page.get_by_text(session["id"]).first).to_be_visible()
    page.goto("/admin/audio/audiochunk/?processing_status__exact=completed")
    expect(page.get_by_role("heading", name="Select audio chunk")).to_be_visible()


def test_the_description_of_the_api_opens_within_the_security_policy(page):
    page.goto("/api/docs/")
    expect(page.get_by_text("/api/audio/sessions", exact=True).first).to_be_visible()


def is_up(client):
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("width", [1440, 1024, 900, 360])
def test_a_list_of_the_admin_uses_the_width_there_is(page, stack, width):
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, stack, "demo-admin", to="/admin/audio/audiosession/")
    box = page.locator("#changelist").bounding_box()
    sidebar = page.locator("#nav-sidebar").bounding_box()
    taken = sidebar["width"] if sidebar else 0
    assert box["width"] > width - taken - 24 - 2 * 40, "but for its margins"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_times_in_the_admin_are_the_readers_own_with_utc_on_hover(page, stack):
    sign_in(page, stack, "demo-admin", to="/admin/audio/audiosession/")
    time = page.locator("#result_list .field-created_at time").first
    expect(time).to_have_attribute("title", re.compile("UTC"))
    expect(time).to_have_text(re.compile(r"^\d{2}:\d{2}$"))
