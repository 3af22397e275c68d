"""Searching, and the call that a result opens, in a real Chromium, against everything that `make run` starts."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.looking import assert_accessible
from tests.browser.test_pages import browser, page, sign_in
from tests.waiting import wait_until

__all__ = ["browser", "page"]

LINES = [
    ("agent", "Good morning, is this about the coffee grinder?"),
    ("client", "I would like a refund, please."),
    ("agent", "The refund was sent out on Tuesday."),
    ("client", "My card is 4111 1111 1111 1111, and your form said <script>alert(1)</script> to me."),
]


@pytest.fixture(scope="module")
def call(stack):
    """A call on a platform of its own, by which a search finds it alone, once it can be found by its meaning."""
    platform = f"shop-{uuid.uuid4().hex[:8]}"
    segments = [
        {
            "segment_id": str(place),
            "speaker": speaker,
            "text": text,
            "start_time": place * 61.24,
            "end_time": place * 61.24 + 5,
        }
        for place, (speaker, text) in enumerate(LINES)
    ]
    client = stack.client("demo-supervisor")
    made = client.post("/api/calls", json={"subject": "A lost parcel", "platform": platform, "segments": segments})
    made.raise_for_status()
    asked = {"q": "money back", "platform": platform}
    wait_until(lambda: client.get("/api/search", params=asked).json()["results"], timeout=60, what="the call's index")
    return made.json()


def search(page, typed):
    page.get_by_role("searchbox").fill(typed)


def hits(page):
    return page.locator("#hits .hit")


def test_what_was_meant_is_found_and_opens_the_call_at_that_second(page, stack, call):
    sign_in(page, stack, "demo-supervisor", to="/sessions/")
    expect(page.get_by_role("heading", name="Recordings", exact=True)).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.goto(f"/search/?platform={call['platform']}")
    search(page, "money back")
    first = hits(page).first
    expect(first).to_contain_text("refund")
    expect(first.locator(".hit-matched")).to_have_text("meaning")
    expect(page.locator("#found-how")).to_have_text("Searched by words and by meaning")
    page.keyboard.press("ArrowDown")
    expect(first.get_by_role("link")).to_be_focused()
    said = first.get_by_role("link").inner_text()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/calls/{call['call_id']}/\?t=(61\.2|122\.5)$"))
    line = page.locator(".segment[aria-current]")
    expect(line).to_contain_text(said)
    expect(line).to_be_focused()
    expect(page.get_by_role("heading", name="A lost parcel")).to_be_visible()
    page.get_by_role("link", name="Search").first.click()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("money back")
    expect(first.get_by_role("link")).to_be_focused()


def test_words_are_marked_and_filters_are_kept_in_the_address(page, stack, call):
    sign_in(page, stack, "demo-supervisor", to=f"/search/?q=refund&platform={call['platform']}")
    expect(hits(page).locator("mark")).to_have_text(["refund", "refund"])
    page.locator('[data-filter="speaker"]').get_by_role("button", name="Client").click()
    expect(hits(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?q=refund&speaker=client&platform="))
    page.reload()
    expect(hits(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Client")).to_have_attribute("aria-pressed", "true")
    search(page, '"zebra crossing"')
    expect(page.get_by_role("heading", name="Nothing was found")).to_be_visible()
    page.get_by_role("button", name="Clear all").click()
    expect(page).to_have_url(re.compile(r"/search/\?q=[^&]*$"))


def test_an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one(page, stack, call):
    sign_in(page, stack, "demo-supervisor", to=f"/search/?platform={call['platform']}")
    held = []

    def hold(route):
        held.append(route)

    page.route(re.compile("/api/search.*q=morning"), hold)
    search(page, "morning")
    wait_until(lambda: page.title() and held, what="the first question")
    search(page, "grinder")
    expect(hits(page).locator("mark")).to_have_text(["grinder"])
    for route in held:
        route.continue_()
    page.route(re.compile("/api/search.*q=tuesday"), lambda route: route.abort())
    search(page, "tuesday")
    expect(page.get_by_role("alert")).to_contain_text("What you typed is kept")
    page.unroute_all(behavior="wait")
    page.get_by_role("button", name="Try again").click()
    expect(hits(page).locator("mark")).to_have_text(["Tuesday"])


def test_another_company_finds_nothing_of_it_and_no_such_page(page, stack, call):
    sign_in(page, stack, "other-supervisor", to=f"/search/?q=refund&platform={call['platform']}")
    expect(page.get_by_role("heading", name="Nothing was found")).to_be_visible()
    assert page.request.get(f"/calls/{call['call_id']}/").status == 404
    assert page.request.get("/calls/there-is-none/").status == 404


def test_what_was_said_stays_text_and_what_is_masked_stays_masked(page, stack, call):
    sign_in(page, stack, "demo-supervisor", to=f"/search/?q=form&platform={call['platform']}")
    expect(hits(page).first).to_contain_text("<script>alert(1)</script>")
    hits(page).first.get_by_role("link").click()
    line = page.locator(".segment[aria-current]")
    expect(line).to_contain_text("<script>alert(1)</script>")
    expect(line.locator(".masked")).to_have_text("card number")
    assert "4111" not in page.content()
    page.locator(".segment-time").first.click()
    expect(page).to_have_url(re.compile(r"\?t=0$"))
    expect(page.locator(".segment[aria-current]")).to_contain_text("Good morning")
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Subtitles, SRT").click()
    assert download.value.suggested_filename.endswith("-a-lost-parcel.srt")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_pages_can_be_used_by_everybody_on_every_screen(page, stack, call, theme):
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(page, stack, "demo-supervisor", to="/search/")
    found = f"/search/?q=refund&platform={call['platform']}"
    shown = {"/search/": "#before", found: "#hits", f"/calls/{call['call_id']}/?t=61.2": ".segment[aria-current]"}
    for address, what in shown.items():
        page.goto(address)
        expect(page.locator(what)).to_be_visible()
        assert_accessible(page)
        for width in (1440, 1024, 360):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
