"""The dashboard in a real Chromium, against everything that `make run` starts, with figures of companies of its own."""

import json
import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.looking import assert_accessible, assert_fits_every_width
from tests.browser.test_board_page import MOST_SCRIPT, SCRIPT_BYTES
from tests.browser.test_pages import browser, page, sign_in

__all__ = ["browser", "page"]

PASSWORD = "a long way to the figures"
SEGMENTS = 240
# Of a failed store, as the server says it of a part.
AWAY = "Measurements are out of reach for a moment."


@pytest.fixture(scope="module")
def companies(stack):
    """Two: the first has segments and an alert, the second has none."""
    fill = f"figures.fill(made[0], count={SEGMENTS}); figures.raise_alert(made[0])"
    script = f"""
import contextlib, io, json
from tests.browser import companies, figures
said = io.StringIO()
with contextlib.redirect_stdout(said):
    companies.make(2, many=0, password={PASSWORD!r})
told = said.getvalue().strip().splitlines()[-1]
made = [one["tenant"] for one in json.loads(told)]
for tenant_id in made:
    figures.let_the_server_ring_for_nobody(tenant_id)
{fill}
print()
print(told)
"""
    done = stack.manage("shell", "-c", script)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def visit(page):
    def visit(company, to="/dashboard/", *, name="ann"):
        page.goto(to)
        page.get_by_label("Username").fill(f"{name}-{company['number']}")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        read(page)
        return page

    return visit


def read(page):
    expect(page.locator("#dashboard")).to_have_attribute("aria-busy", "false")


def chart(page, name):
    return page.locator(f'[data-chart="{name}"]')


def segments_in_all(page):
    return page.locator('[data-tile="throughput"] .tile-beside')


def test_a_number_changes_while_one_looks_and_only_at_its_own_company(visit, browser, stack, companies):
    first, second = companies
    page = visit(first, "/dashboard/?range=1h&channel=breaking")
    expect(page.get_by_role("heading", name="No segments match these filters")).to_be_visible()
    expect(page.locator("#connection-words")).to_have_text("Live")
    segment = {
        "channel_id": "breaking",
        "session_id": "1",
        "user_id": "viewer-1",
        "segment_id": "1",
        "extraction_ms": 120,
        "dubbing_ms": 640,
        "reinsertion_ms": 80,
    }
    headers = {"Authorization": f"Bearer {first['token']}"}
    sent = httpx.post(f"{stack.url}/api/metrics/segments", json=segment, headers=headers)
    assert sent.is_success, sent.text
    expect(segments_in_all(page)).to_contain_text("1 segment,")
    expect(chart(page, "segments").locator("canvas")).to_be_visible()
    context = browser.new_context(base_url=stack.url)
    other = context.new_page()
    other.goto("/dashboard/?range=90d")
    other.get_by_label("Username").fill(f"ann-{second['number']}")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="No segments yet")).to_be_visible()
    expect(other.locator("#empty code")).to_contain_text("/api/metrics/segments")
    expect(other.locator(".alerts-none")).to_be_visible()
    context.close()


def test_presets_and_filters_are_in_the_address_and_lead_back(visit, companies):
    page = visit(companies[0])
    for words, title in (("1 h", "minute"), ("90 d", "day"), ("7 d", "hour")):
        page.get_by_role("button", name=words, exact=True).click()
        expect(chart(page, "segments").locator(".chart-title")).to_have_text(f"Segments per {title}")
    expect(page).to_have_url(re.compile(r"\?range=7d$"))
    everything = segments_in_all(page).text_content()
    page.locator("#channels").get_by_role("button", name="sport", exact=True).click()
    expect(page).to_have_url(re.compile("channel=sport"))
    expect(segments_in_all(page)).not_to_have_text(everything)
    narrowed = segments_in_all(page).text_content()
    page.reload()
    expect(segments_in_all(page)).to_have_text(narrowed)
    expect(page.locator('[data-filter="channel"] .chip-value')).to_have_text(": sport")
    page.go_back()
    expect(segments_in_all(page)).to_have_text(everything)
    page.locator('[data-filter="user"] .chip-open').click()
    page.get_by_role("dialog", name="Person").get_by_role("button", name="viewer-2").click()
    # Of one person no percentiles are kept.
    expect(page.locator('[data-tile="latency"] .tile-title')).to_have_text("Average latency")
    page.get_by_role("button", name="Clear filters").click()
    expect(segments_in_all(page)).to_have_text(everything)


def test_the_keyboard_reads_values_and_chooses_a_stretch(visit, companies):
    page = visit(companies[0], "/dashboard/?range=1h")
    plot = chart(page, "errors").locator(".chart-plot")
    plot.focus()
    said = page.locator("#said")
    page.keyboard.press("End")
    expect(said).to_contain_text("minute still running")
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text(re.compile(r"^.*\d\d:\d\d · \d+( · [\d.]+ %)?$"))
    # All charts tell of the same time.
    expect(chart(page, "segments").locator(".chart-readout")).to_have_text(re.compile(r"\d\d:\d\d · \d+$"))
    for _ in range(9):
        page.keyboard.press("Shift+ArrowLeft")
    expect(said).to_contain_text("Chosen: 10 steps")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("since=.*&until=.*&range=1h"))
    expect(page.locator("#stretch")).to_be_visible()
    read(page)
    chart(page, "errors").locator(".chart-plot").focus()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"\?range=1h$"))
    page.keyboard.press("4")
    expect(page).to_have_url(re.compile(r"\?range=7d$"))


def test_a_chart_is_a_table_too(visit, companies):
    page = visit(companies[0], "/dashboard/?range=24h")
    latency = chart(page, "latency")
    latency.get_by_role("button", name="Latency as a table").click()
    table = latency.get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(["Time", "Average", "p50", "p95", "p99"])
    expect(table.locator("tbody tr")).to_have_count(25)
    expect(table.locator("tbody tr").first).to_contain_text("running")
    expect(table.locator("tbody tr").last).to_have_text(re.compile("–.*–.*–.*–$"))
    expect(table.locator("time").first).to_have_attribute("title", re.compile("UTC$"))
    assert_accessible(page)
    assert_fits_every_width(page)
    latency.get_by_role("button", name="Latency as a table").click()
    expect(latency.locator("canvas")).to_be_visible()


def test_an_alert_is_acknowledged_where_it_is_seen(visit, companies):
    page = visit(companies[0])
    expect(page.locator("#alerts-told")).to_have_text("1 alert open")
    expect(page).to_have_title(re.compile(r"^\(1\) Metrics"))
    strip = page.locator("#alerts-strip")
    expect(strip).to_contain_text("2,310 ms now, threshold 2,000 ms, for ")
    expect(page.locator('[data-tile="latency"]')).to_contain_text("alert over 2 s")
    expect(page.locator('[data-tile="latency"]')).to_contain_text("of dubbing within 10 min")
    alert = page.locator("#alerts .alert")
    expect(alert).to_contain_text(re.compile("2,310 ms now, 4,100 ms at worst, threshold 2,000 ms · for [0-9]+ min"))
    alert.get_by_role("button").click()
    for place in (alert, strip):
        expect(place).to_contain_text("Acknowledged by Ann")
    expect(page.locator("#alerts-told")).to_have_text("1 alert acknowledged")
    expect(page).to_have_title(re.compile("^Metrics"))


def test_what_cannot_be_read_is_said_in_its_place_and_the_rest_is_there(visit, companies):
    def without(route):
        told = route.fetch().json()
        for part in ("segments", "intake"):
            del told[part]
        told["missing"] = [{"part": part, "message": AWAY} for part in ("segments", "intake")]
        route.fulfill(json=told)

    page = visit(companies[0])
    expect(page.locator("#operations tbody tr").first).to_be_visible()
    page.route_web_socket(re.compile("/ws/dashboard"), lambda socket: None)
    page.route(re.compile("/api/crm/dashboard"), without)
    # What was read before stays, and that it is old is said.
    page.get_by_role("button", name="7 d", exact=True).click()
    expect(page.locator('[data-away="segments"]')).to_contain_text(f"{AWAY} What stands here was read before.")
    expect(chart(page, "segments")).to_be_visible()
    page.reload()
    expect(page.locator('[data-away="segments"]')).to_have_text(
        f"Your company’s segments cannot be read just now. {AWAY}"
    )
    expect(page.locator('[data-tile="errors"]')).to_contain_text("Cannot be read just now")
    expect(chart(page, "segments")).to_be_hidden()
    expect(page.locator("#alerts .alert")).to_be_visible()
    expect(page.locator("#operations tbody tr").first).to_be_visible()


def test_operations_are_sorted_and_found(visit, companies):
    page = visit(companies[0])
    operations = page.locator("#operations")
    operations.get_by_role("button", name="Operation", exact=True).click()
    names = operations.locator(".operation-name")
    expect(names.first).to_be_visible()
    shown = names.all_text_contents()
    assert shown == sorted(shown)
    expect(operations.locator('th[aria-sort="ascending"]')).to_have_text("Operation")
    page.get_by_label("Find an operation").fill("http.dashboard")
    expect(names).to_have_count(2)


def test_the_page_is_small(visit, companies):
    page = visit(companies[0])
    assert page.evaluate(SCRIPT_BYTES) < MOST_SCRIPT


def test_an_agent_is_not_shown_the_figures(page, stack):
    sign_in(page, stack, "demo-agent")
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link", name="Record", exact=True)).to_be_visible()
    expect(navigation.get_by_role("link", name="Metrics")).to_have_count(0)
    assert page.goto("/dashboard/").status == 403
