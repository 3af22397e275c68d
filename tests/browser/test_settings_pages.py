"""The statuses page in a real Chromium: their order by keyboard and by mouse, and where calls go from one removed."""

import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import browser, page, sign_in
from tests.waiting import wait_until

__all__ = ["browser", "page"]


@pytest.fixture
def admin(stack):
    return stack.client("demo-admin")


@pytest.fixture
def three(admin):
    """Names of three statuses, the last ones on the board."""
    names = [f"{letter}-{uuid.uuid4().hex[:8]}" for letter in "ABC"]
    made = [admin.post("/api/crm/statuses", json={"name": name}).json()["id"] for name in names]
    yield names
    for status_id in made:
        admin.delete(f"/api/crm/statuses/{status_id}")


def last_three(admin):
    return [status["name"] for status in admin.get("/api/crm/statuses").json()][-3:]


def test_statuses_are_put_in_order_by_keyboard_and_by_mouse(page, stack, admin, three):
    first, second, third = three
    sign_in(page, stack, "demo-admin", to="/settings/statuses/")
    up = page.get_by_role("button", name=f"Move {third} up")
    up.press("Enter")
    expect(up).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text(f"{third} is number")
    up.press("Enter")
    wait_until(lambda: last_three(admin) == [third, first, second])

    def handle_of(name):
        return page.get_by_role("listitem").filter(has_text=name).locator(".status-handle")

    to, handle = handle_of(second).bounding_box(), handle_of(third).bounding_box()
    page.mouse.move(handle["x"] + 8, handle["y"] + 8)
    page.mouse.down()
    page.mouse.move(to["x"] + 8, to["y"] + to["height"], steps=8)
    page.mouse.up()
    wait_until(lambda: last_three(admin) == [first, second, third])

    handle = handle_of(third).bounding_box()
    page.mouse.move(handle["x"] + 8, handle["y"] + 8)
    page.mouse.down()
    page.mouse.move(handle["x"] + 8, handle["y"] - 100, steps=8)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert page.get_by_role("listitem").last.inner_text().startswith(third)
    assert last_three(admin) == [first, second, third]


def test_an_order_that_somebody_else_has_overtaken_is_taken_back_and_said(page, stack, admin, three):
    first, _, third = three
    sign_in(page, stack, "demo-admin", to="/settings/statuses/")
    gone = next(one["id"] for one in admin.get("/api/crm/statuses").json() if one["name"] == first)
    admin.delete(f"/api/crm/statuses/{gone}")
    page.get_by_role("button", name=f"Move {third} up").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed the statuses")
    assert page.get_by_role("listitem").last.inner_text().startswith(third)


def test_what_was_put_in_order_on_top_of_a_refused_order_is_taken_back_with_it(page, stack, admin, three):
    first, second, third = three
    sign_in(page, stack, "demo-admin", to="/settings/statuses/")
    sent = []

    def hold_the_first(route):
        sent.append(route)
        if len(sent) > 1:
            route.continue_()

    page.route("**/api/crm/statuses", hold_the_first)
    page.get_by_role("button", name=f"Move {third} up").click()
    page.get_by_role("button", name=f"Move {second} up").click()
    wait_until(lambda: page.title() and sent, what="the first order to be on its way")
    sent[0].abort()
    expect(page.get_by_role("alert")).to_contain_text("The order is as it was")
    assert [row.split("\n")[0] for row in page.get_by_role("listitem").all_inner_texts()][-3:] == three
    page.get_by_role("button", name=f"Move {third} up").click()
    wait_until(lambda: last_three(admin) == [first, third, second])
    assert len(sent) == 2


def test_a_status_is_removed_after_a_question_and_its_calls_move(page, stack, admin, three):
    first, second, _ = three
    ids = {one["name"]: one["id"] for one in admin.get("/api/crm/statuses").json()}
    call = admin.post("/api/calls", json={"status_id": str(ids[first])}).json()
    sign_in(page, stack, "demo-admin", to="/settings/statuses/")
    page.get_by_role("link", name=first).click()
    page.get_by_label("Move its 1 call to").select_option(second)
    page.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog", name=f"Remove {first}?")
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Remove").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status").first).to_contain_text(f"{first} is removed. 1 call has moved.")
    assert admin.get(f"/api/calls/{call['call_id']}").json()["status_id"] == str(ids[second])
    admin.post(f"/api/calls/{call['call_id']}/move", json={"status_id": None})
