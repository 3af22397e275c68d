"""The board in a real Chromium, against everything that `make run` starts; every test has a company of its own."""

import json
import re
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.looking import assert_accessible
from tests.browser.test_pages import browser
from tests.scale import scaled
from tests.waiting import wait_until

__all__ = ["browser"]

PASSWORD = "a long way to the board"
MOST_SCRIPT = 200_000
SCRIPT_BYTES = """performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".js"))
  .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"""
MANY = scaled(1_200, 100_000)
# What a screen and a half of cards come to, with what each of them is made of.
MOST_CARDS = 60
# One for each test, and some to spare.
COMPANIES = 24


@dataclass
class Company:
    number: int
    client: httpx.Client
    columns: list[int]
    ann: int

    def card(self, subject, column=0, **values):
        """A call in one of the columns New, Working and Done."""
        said = {"subject": subject, "status_id": self.columns[column], "owner_id": self.ann, **values}
        made = self.client.post("/api/calls", json=said)
        made.raise_for_status()
        return made.json()

    def move(self, call, column):
        moved = self.client.post(f"/api/calls/{call['call_id']}/move", json={"status_id": self.columns[column]})
        moved.raise_for_status()

    def status_of(self, call):
        """The place of its column."""
        now = self.client.get(f"/api/calls/{call['call_id']}").json()["status_id"]
        return self.columns.index(int(now))


@pytest.fixture(scope="module")
def companies(stack):
    make = f"companies.make({COMPANIES}, many={MANY}, password={PASSWORD!r})"
    made = stack.manage("shell", "-c", f"from tests.browser import companies; {make}")
    assert made.returncode == 0, made.stderr
    companies = [
        Company(
            number=one["number"],
            client=httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {one['token']}"}, timeout=30),
            columns=one["columns"],
            ann=one["ann"],
        )
        for one in json.loads(made.stdout.strip().splitlines()[-1])
    ]
    # The first has thousands of calls.
    yield {"with many": companies[0], "others": iter(companies[1:])}
    for company in companies:
        company.client.close()


@pytest.fixture
def company(companies):
    return next(companies["others"])


@pytest.fixture
def visit(browser, stack):
    """Opens the board as somebody; script errors and what the security policy had to stop fail the test."""
    contexts, errors = [], []

    def visit(company, name="ann", *, to="/board/", prepare=None, **options):
        context = browser.new_context(base_url=stack.url, **{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
        if prepare:
            prepare(page)
        page.goto(to)
        page.get_by_label("Username").fill(f"{name}-{company.number}")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Calls", exact=True)).to_be_visible()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


def without_live_updates(page):
    page.route_web_socket(re.compile("/ws/board"), lambda socket: socket.close())


def column(page, name):
    return page.locator("#columns .column").filter(has=page.get_by_role("heading", name=name, exact=True))


def titles(page, name):
    return column(page, name).locator(".call-title")


def card(page, title):
    return page.locator("#columns .call-card").filter(has=page.get_by_role("link", name=title, exact=True))


def expect_board(page, **cards):
    for name, expected in cards.items():
        expect(titles(page, name)).to_have_text(expected)
        expect(column(page, name).locator(".column-count")).to_have_text(str(len(expected)))


def expect_toast(page, words):
    expect(page.locator("#toast p")).to_have_text(words)


def lift(page, title):
    """Take hold of a card with the mouse."""
    expect(card(page, title)).to_be_visible()
    box = card(page, title).bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 50, steps=2)
    expect(page.locator(".flying")).to_be_visible()


def carry(page, name):
    box = column(page, name).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 200, steps=4)
    expect(column(page, name)).to_have_class(re.compile("target"))


def drag(page, title, name):
    lift(page, title)
    carry(page, name)
    page.mouse.up()


def test_a_card_that_is_dragged_moves_for_everybody_and_back_when_it_is_undone(visit, company):
    older = company.card("Older", 1, start_time="2026-01-01T10:00:00Z")
    newer = company.card("Newer", 0, start_time="2026-01-02T10:00:00Z")
    ann, bob = visit(company), visit(company, "bob")
    for page in (ann, bob):
        expect_board(page, New=["Newer"], Working=["Older"], Done=[])
    lift(ann, "Newer")
    carry(ann, "Working")
    expect(ann.locator(".column-gap")).to_be_visible()
    ann.mouse.up()
    for page in (ann, bob):
        expect_board(page, New=[], Working=["Newer", "Older"])
    expect_toast(ann, "Moved to Working")
    wait_until(lambda: company.status_of(newer) == 1, what="the move")
    ann.get_by_role("button", name="Undo").click()
    for page in (ann, bob):
        expect_board(page, New=["Newer"], Working=["Older"])
    expect(ann).to_have_url(re.compile("/board/$"))
    company.move(older, 2)
    made = company.card("Just now", 2)
    for page in (ann, bob):
        expect_board(page, Working=[], Done=["Just now", "Older"])
    company.client.delete(f"/api/calls/{made['call_id']}").raise_for_status()
    expect_board(bob, Done=["Older"])


def test_the_keyboard_does_all_that_the_mouse_does(visit, company):
    for number, start in enumerate(("2026-01-03T10:00:00Z", "2026-01-02T10:00:00Z", "2026-01-01T10:00:00Z")):
        company.card(f"Card {number}", 0, start_time=start)
    company.card("Beside", 1)
    page = visit(company)
    expect_board(page, New=["Card 0", "Card 1", "Card 2"])
    page.locator("body").press("ArrowDown")
    page.keyboard.press("ArrowDown")
    focused = page.locator(":focus")
    expect(focused).to_have_text("Card 1")
    page.keyboard.press("ArrowRight")
    expect(focused).to_have_text("Beside")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    expect(focused).to_have_text("Card 2")
    page.keyboard.press("m")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#said")).to_have_text("Done, 0 calls")
    page.keyboard.press("Escape")
    expect_board(page, New=["Card 0", "Card 1", "Card 2"], Done=[])
    for key in ("m", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect_board(page, New=["Card 0", "Card 1"], Done=["Card 2"])
    expect(focused).to_have_text("Card 2")
    expect(page.locator("#said")).to_have_text("Moved to Done")
    page.keyboard.press("Control+z")
    expect_board(page, New=["Card 0", "Card 1", "Card 2"], Done=[])
    expect(focused).to_have_text("Card 2")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Move the card")
    page.keyboard.press("Escape")
    focused.press("Enter")
    expect(page).to_have_url(re.compile(r"/calls/[^/]+/$"))


def test_a_menu_moves_a_card_too_and_who_may_move_nothing_has_none(visit, company):
    call = company.card("By the menu", 0)
    page = visit(company)
    card(page, "By the menu").hover()
    page.get_by_role("button", name="Move By the menu to …").click()
    page.get_by_role("menuitemradio", name="Done").click()
    expect_board(page, New=[], Done=["By the menu"])
    wait_until(lambda: company.status_of(call) == 2, what="the move")
    privacy = visit(company, "pat")
    expect_board(privacy, Done=["By the menu"])
    expect(privacy.locator(".call-more")).to_have_count(0)


def test_a_card_that_somebody_else_has_moved_meanwhile_slides_to_where_it_is(visit, company):
    call = company.card("Wanted by two", 0)
    page = visit(company)
    lift(page, "Wanted by two")
    carry(page, "Done")
    company.move(call, 1)
    page.mouse.up()
    expect_toast(page, "Somebody else changed “Wanted by two” first. It is in Working.")
    expect_board(page, New=[], Working=["Wanted by two"], Done=[])
    assert company.status_of(call) == 1


def test_the_focus_stays_with_a_card_whose_move_is_refused(visit, company):
    call = company.card("Wanted by two", 0)
    page = visit(company, prepare=without_live_updates)
    card(page, "Wanted by two").get_by_role("link").focus()
    company.move(call, 1)
    for key in ["m", "ArrowRight", "ArrowRight", "Enter"]:
        page.keyboard.press(key)
    expect_toast(page, "Somebody else changed “Wanted by two” first. It is in Working.")
    expect(titles(page, "Working")).to_have_text(["Wanted by two"])
    expect(page.locator(":focus")).to_have_text("Wanted by two")


def test_a_column_that_was_just_deleted_takes_no_card(visit, company):
    call = company.card("Going nowhere", 0)
    page = visit(company, prepare=without_live_updates)
    expect_board(page, New=["Going nowhere"], Done=[])
    company.client.delete(f"/api/crm/statuses/{company.columns[2]}").raise_for_status()
    drag(page, "Going nowhere", "Done")
    expect_toast(page, "Done was just deleted, so “Going nowhere” was not moved. It is in New.")
    expect(column(page, "Done")).to_have_count(0)
    expect_board(page, New=["Going nowhere"])
    assert company.status_of(call) == 0


def test_what_goes_while_a_card_is_carried_leaves_nothing_behind(visit, company):
    call = company.card("Carried", 0)
    page = visit(company)
    card(page, "Carried").get_by_role("link").focus()
    lift(page, "Carried")
    carry(page, "Done")
    company.client.delete(f"/api/crm/statuses/{company.columns[2]}").raise_for_status()
    expect(column(page, "Done")).to_have_count(0)
    expect_toast(page, "A column has just gone, so “Carried” was not moved. It is in New.")
    page.mouse.up()
    expect_board(page, New=["Carried"], Working=[])
    page.get_by_role("button", name="Close").press("Enter")
    expect(page.locator(":focus")).to_have_text("Carried")
    expect(page.locator(".flying")).to_have_count(0)
    lift(page, "Carried")
    carry(page, "Working")
    company.client.delete(f"/api/calls/{call['call_id']}").raise_for_status()
    expect(page.locator(".flying")).to_have_count(0)
    page.mouse.up()
    expect_board(page, New=[], Working=[])


def test_without_the_server_a_card_goes_back_and_can_be_moved_again_later(visit, company):
    call = company.card("Patient", 0)
    page = visit(company)
    expect_board(page, New=["Patient"])
    page.context.set_offline(True)
    drag(page, "Patient", "Working")
    expect_toast(page, "The server cannot be reached, so “Patient” was not moved. It is in New.")
    expect_board(page, New=["Patient"], Working=[])
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect_board(page, New=[], Working=["Patient"])
    wait_until(lambda: company.status_of(call) == 1, what="the move")


def test_what_changes_while_live_updates_are_away_is_there_once_they_are_back(visit, company):
    call = company.card("Seen late", 0)
    sockets = []

    def join(socket):
        sockets.append((socket, socket.connect_to_server()))

    def watch(page):
        page.route_web_socket(re.compile("/ws/board"), join)

    page = visit(company, prepare=watch)
    expect_board(page, New=["Seen late"])
    ours, theirs = sockets[-1]
    page.evaluate("Math.random = () => 1")
    theirs.close()
    ours.close()
    expect(page.locator("#away")).to_contain_text("Live updates are away")
    company.move(call, 2)
    page.get_by_role("button", name="Reconnect now").click()
    expect_board(page, New=[], Done=["Seen late"])
    expect(page.locator("#away")).to_be_hidden()


def test_filters_stand_in_the_address_and_the_way_back_leads_through_them(visit, company):
    company.card("Order 1042", 0, direction="inbound", assigned_to_id=company.ann)
    company.card("Order 1043", 1, direction="outbound")
    company.card("Invoice", 0, direction="inbound")
    page = visit(company)
    expect_board(page, Working=["Order 1043"])
    page.get_by_role("button", name="Assignee", exact=True).click()
    page.get_by_role("button", name="Me", exact=True).click()
    expect_board(page, New=["Order 1042"], Working=[])
    expect(page).to_have_url(re.compile(r"/board/\?assignee=me$"))
    page.keyboard.press("/")
    page.keyboard.type("1043")
    expect(page.get_by_role("heading", name="No calls match these filters")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/board/\?assignee=me$"))
    expect_board(page, New=["Order 1042"], Working=[])
    page.get_by_role("button", name="Clear filters").first.click()
    expect(page).to_have_url(re.compile(r"/board/$"))
    page.get_by_role("button", name="Direction").click()
    page.get_by_role("button", name="Outgoing").click()
    expect_board(page, New=[], Working=["Order 1043"])
    page.reload()
    expect_board(page, New=[], Working=["Order 1043"])
    # What changes is shown only where the filters let it through.
    company.card("Order 1044", 1, direction="outbound")
    company.card("Order 1045", 1, direction="inbound")
    expect_board(page, Working=["Order 1044", "Order 1043"])


def number_of_focused(page):
    return int(page.locator(":focus").inner_text().split()[1])


def test_of_thousands_of_cards_the_page_holds_those_that_are_seen(visit, companies):
    page = visit(companies["with many"])
    many = column(page, "No status")
    expect(many.locator(".column-count")).to_have_text(f"{MANY:,}")
    expect(titles(page, "No status").first).to_have_text("Number 0")
    page.locator("body").press("ArrowDown")
    # At the end of what has come, a key waits for nothing.
    wait_until(lambda: page.keyboard.press("PageDown") or number_of_focused(page) > 100, what="card 100")
    reached = number_of_focused(page)
    assert page.locator("#columns .call-card").count() < MOST_CARDS
    # What has the focus stays, wherever one scrolls; the next cards come before the end is seen.
    for _ in range(3):
        page.evaluate("document.activeElement.closest('.column-scroller').scrollBy(0, 20_000)")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(page.locator(":focus")).to_have_text(f"Number {reached}")
    assert page.locator("#columns .call-card").count() < MOST_CARDS
    assert page.locator("#columns .call-card:focus-within").get_attribute("aria-setsize") == str(MANY)
    # All is read anew, down to where one is, when a column comes or goes.
    place = "document.activeElement.closest('.column-scroller').scrollTop"
    scrolled = page.evaluate(place)
    statuses = companies["with many"].client
    made = statuses.post("/api/crm/statuses", json={"name": "Later"}).json()
    expect(column(page, "Later")).to_be_visible()
    expect(page.locator(":focus")).to_have_text(f"Number {reached}")
    assert page.evaluate(place) == scrolled
    statuses.delete(f"/api/crm/statuses/{made['id']}").raise_for_status()
    expect(column(page, "Later")).to_have_count(0, timeout=15_000)
    expect(page.locator(":focus")).to_have_text(f"Number {reached}")
    assert page.evaluate(place) == scrolled
    page.keyboard.press("Home")
    expect(page.locator(":focus")).to_have_text("Number 0")


def test_a_page_of_a_column_that_does_not_come_can_be_asked_for_again(visit, companies):
    def refuse(page):
        page.route(re.compile(r"/crm/board\?.*cursor="), lambda route: route.fulfill(status=503, json={}))

    page = visit(companies["with many"], prepare=refuse)
    many = column(page, "No status")
    expect(titles(page, "No status").first).to_have_text("Number 0")
    page.locator("body").press("ArrowDown")
    page.keyboard.press("End")
    expect(many).to_contain_text("More calls could not be loaded.")
    page.unroute_all(behavior="wait")
    many.get_by_role("button", name="Try again").click()
    expect(page.locator(":focus")).to_have_text("Number 50")
    page.keyboard.press("End")
    expect(page.locator(":focus")).to_have_text("Number 149")


def test_an_empty_board_says_what_will_appear_and_one_that_fails_what_to_do(visit, company):
    page = visit(company)
    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    expect(page.get_by_role("link", name="Record a call")).to_be_visible()
    assert 0 < page.evaluate(SCRIPT_BYTES) < MOST_SCRIPT
    answer = {"status": 503, "json": {"error": {"message": "Try later."}}}
    page.route(re.compile(r"/crm/board\?"), lambda route: route.fulfill(**answer))
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Try later.")
    page.unroute_all(behavior="wait")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    company.card("The first", 0)
    expect_board(page, New=["The first"])
    expect(page.get_by_role("heading", name="No calls yet")).to_be_hidden()


def test_a_board_without_statuses_says_where_they_come_from(visit, company):
    for column in company.columns:
        company.client.delete(f"/api/crm/statuses/{column}").raise_for_status()
    page = visit(company)
    expect(page.get_by_role("heading", name="The board has no columns yet")).to_be_visible()
    expect(page.get_by_text("Ask an admin")).to_be_visible()
    page = visit(company, "adam")
    page.get_by_role("link", name="Add the first status").click()
    expect(page).to_have_url(re.compile("/settings/statuses/new/$"))


def test_a_finger_that_rests_on_a_card_carries_it(visit, company):
    call = company.card("By hand", 0)
    page = visit(company, has_touch=True)
    expect(card(page, "By hand")).to_be_visible()
    from_box, to_box = card(page, "By hand").bounding_box(), column(page, "Working").bounding_box()
    touches = page.context.new_cdp_session(page)

    def touch(kind, *points):
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    start = (from_box["x"] + 50, from_box["y"] + 40)
    touch("touchStart", start)
    expect(page.locator(".flying")).to_be_visible()
    for step in range(1, 6):
        touch("touchMove", (start[0] + (to_box["x"] + 60 - start[0]) * step / 5, start[1] + 10 * step))
    touch("touchEnd")
    expect_board(page, New=[], Working=["By hand"])
    wait_until(lambda: company.status_of(call) == 1, what="the move")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_board_can_be_used_by_everybody_on_every_screen(visit, company, theme):
    long = "A subject of very many words that no card has the room for, whatever its column"
    company.card(long, 0, external_user_id="x" * 40)
    company.card("שאלה על החשבונית האחרונה", 1)
    page = visit(company, color_scheme=theme, reduced_motion="reduce")
    expect_board(page, New=[long], Working=["שאלה על החשבונית האחרונה"])
    assert_accessible(page)
    for width in (1440, 1024, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Assignee", exact=True).click()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("navigation", name="Columns").get_by_role("button", name="Working").click()
    expect(titles(page, "Working")).to_be_in_viewport()
    expect(titles(page, "New")).not_to_be_in_viewport()
