"""The page of a call in a real Chromium, against everything that `make run` starts."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.looking import assert_accessible
from tests.browser.test_pages import browser, sign_in
from tests.journeys.test_call import put, start
from tests.sound import SPEECH, encode, silence
from tests.waiting import wait_until

__all__ = ["browser"]

PLACE = "document.getElementById('audio').currentTime"
PLAYS = "!document.getElementById('audio').paused"


@pytest.fixture(scope="module")
def desk(stack):
    """Speaks REST as the supervisor."""
    return stack.client("demo-supervisor")


@pytest.fixture(scope="module")
def statuses(desk):
    return desk.get("/api/crm/statuses").json()


def words_of(text, begins):
    """Half a second a word; the engine is unsure of what is written in capitals."""
    return [
        {
            "text": word,
            "start_time": begins + 0.5 * place,
            "end_time": begins + 0.5 * place + 0.4,
            "confidence": 0.2 if word.isupper() and len(word) > 1 else 0.9,
        }
        for place, word in enumerate(text.split())
    ]


def make_call(client, texts, **details):
    """A call of these (speaker, text), a line every five seconds."""
    segments = [
        {
            "segment_id": str(place),
            "speaker": speaker,
            "text": text,
            "start_time": 5.0 * place,
            "end_time": 5.0 * place + 4,
            "words": words_of(text, 5.0 * place),
        }
        for place, (speaker, text) in enumerate(texts)
    ]
    made = client.post("/api/calls", json={"subject": "A lost parcel", "segments": segments, **details})
    made.raise_for_status()
    return made.json()


TALK = [
    ("agent", "Good morning, is this about the grinder?"),
    ("client", "Yes, I would like a REFUND please."),
    ("speaker_3", "My card is 4111 1111 1111 1111."),
    ("client", "أريد استرداد أموالي"),
]


@pytest.fixture
def call(desk):
    return make_call(desk, TALK)


@pytest.fixture(scope="module")
def recorded(stack, desk):
    """A call that was recorded: words, then a long silence that is flagged, then a chunk that never came."""
    agent = stack.client("demo-agent")
    session = start(agent, call={"subject": f"Recorded {uuid.uuid4().hex[:6]}"})
    put(agent, session, 0, SPEECH.read_bytes())
    headers = {"X-Start-Time": "26.7"}
    agent.put(f"/api/audio/sessions/{session['id']}/chunks/1", content=encode(silence(25.0)), headers=headers)
    agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 3})
    call = f"/api/calls/{session['call_id']}"
    chunks = f"/api/audio/sessions/{session['id']}/chunks"

    def is_heard():
        return all(chunk["processing_status"] == "completed" for chunk in agent.get(chunks).json()["results"])

    wait_until(is_heard, timeout=120, what="the words")
    wait_until(lambda: desk.get(call).json().get("suspicion", {}).get("reasons"), timeout=120, what="the flag")
    return desk.get(call).json()


@pytest.fixture(scope="module")
def signed_in(browser, stack):
    """A context for each person who looks, signed in once: {username: context}."""
    contexts = {}

    def of(username):
        if username not in contexts:
            contexts[username] = browser.new_context(base_url=stack.url, viewport={"width": 1280, "height": 800})
            page = contexts[username].new_page()
            sign_in(page, stack, username, to="/profile/")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            page.close()
        return contexts[username]

    return of


@pytest.fixture
def look(signed_in):
    """Opens a call as somebody sees it; script errors, and what the security policy had to stop, fail the test."""
    errors, pages = [], []

    def at(call, query="", username="demo-supervisor"):
        page = signed_in(username).new_page()
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda told: errors.append(told.text) if "Content Security" in told.text else None)
        page.goto(f"/calls/{call['call_id']}/{query}")
        expect(page.locator("#call")).to_have_attribute("aria-busy", "false")
        return page

    yield at
    for page in pages:
        page.close()
    assert errors == []


def line(page, place):
    return page.locator(f'.segment[data-place="{place}"]')


def edit(page, place, text):
    line(page, place).locator(".segment-text").dblclick()
    page.get_by_label("What is said").fill(text)


# --- What is shown ---


def test_a_conversation_that_came_as_text_is_read_without_a_player(look, call):
    page = look(call, "?t=5")
    expect(page.get_by_text("there is no recording to play")).to_be_visible()
    expect(page.locator("#player")).to_have_count(0)
    expect(line(page, 1)).to_have_attribute("aria-current", "true")
    expect(line(page, 1)).to_be_focused()
    expect(line(page, 1).locator(".unsure")).to_have_text("REFUND")
    expect(line(page, 2).locator(".masked")).to_have_text("card number")
    assert page.evaluate("getComputedStyle(document.querySelector('[data-place=\"3\"] p')).direction") == "rtl"
    expect(page.locator(".shares li")).to_have_count(3)
    expect(page.locator("#history")).to_contain_text("opened the call")


def test_lines_are_gone_through_by_keyboard_and_every_one_has_its_link(look, call):
    page = look(call)
    page.keyboard.press("ArrowDown")
    expect(line(page, 0)).to_be_focused()
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?t=5$"))
    expect(line(page, 1).get_by_role("button", name="Copy the link to 0:05")).to_have_attribute(
        "data-copy", re.compile(rf"/calls/{call['call_id']}/\?t=5$")
    )
    expect(line(page, 1).get_by_role("button", name="Correct this line")).to_be_visible()
    page.keyboard.press("p")
    expect(line(page, 0)).to_be_focused()


# --- What is heard ---


def test_a_recording_is_played_by_keyboard_and_the_spoken_word_is_marked(look, recorded):
    page = look(recorded, "?t=2")
    page.keyboard.press("Space")
    wait_until(lambda: page.evaluate(f"{PLACE} > 2.2"), what="the sound to play")
    expect(page.locator(".segment[data-playing]")).to_have_count(1)
    spoken = "[...(CSS.highlights.get('spoken') ?? [])].map(String).join('')"
    wait_until(lambda: page.evaluate(spoken), what="a word to be marked")
    page.mouse.wheel(0, 400)
    page.get_by_role("button", name="Follow").click()
    expect(page.locator(".segment[data-playing]")).to_be_in_viewport()
    expect(page.locator("#follow")).to_be_hidden()
    page.keyboard.press("k")
    wait_until(lambda: not page.evaluate(PLAYS), what="the pause")
    place = page.evaluate(PLACE)
    page.keyboard.press("l")
    wait_until(lambda: abs(page.evaluate(PLACE) - place - 10) < 0.2, what="the leap forward")
    page.keyboard.press("ArrowLeft")
    wait_until(lambda: abs(page.evaluate(PLACE) - place - 5) < 0.2, what="the step back")
    page.keyboard.press("]")
    expect(page.get_by_label("Speed")).to_have_value("1.25")
    assert page.evaluate("document.getElementById('audio').playbackRate") == 1.25
    expect(page.locator("#time-now")).to_have_text(f"0:{int(place + 5):02d}")


def test_a_click_on_a_line_a_gap_and_a_flag_each_go_to_their_second(look, recorded):
    page = look(recorded)
    last = page.locator(".segment").last
    last.locator(".segment-time").click()
    begins = recorded["conversation"][-1]["start_time"]
    wait_until(lambda: abs(page.evaluate(PLACE) - begins) < 0.1, what="the line to be found")
    expect(page.locator("#verdict-badge")).to_contain_text("Incomplete")
    expect(page.locator("#completeness")).to_contain_text("never arrived")
    page.locator("#flags .flag-time").first.click()
    flag = recorded["suspicion"]["reasons"][0]
    wait_until(lambda: abs(page.evaluate(PLACE) - flag["start_time"]) < 0.1, what="the flag to be found")
    expect(page).to_have_url(re.compile(rf"\?t={flag['start_time']:.1f}".replace(".0", "(\\.0)?")))


def test_a_flag_that_is_judged_wrong_does_not_count_any_more(look, recorded):
    page = look(recorded)
    before = page.locator("#suspicion-score").inner_text()
    page.locator("#flags").get_by_role("button", name="Wrong").first.click()
    expect(page.locator("#flags li").first).to_have_attribute("data-verdict", "wrong")
    expect(page.locator("#suspicion-score")).not_to_have_text(before)
    page.locator("#flags").get_by_role("button", name="Right").first.click()
    expect(page.locator("#suspicion-score")).to_have_text(before)


# --- What is changed ---


def test_a_line_is_corrected_in_its_place(look, call):
    page = look(call)
    edit(page, 1, "thrown away")
    page.keyboard.press("Escape")
    expect(line(page, 1)).to_contain_text("I would like")
    page.keyboard.press("e")
    page.get_by_label("What is said").fill("Yes, I want my money back.")
    page.get_by_label("Who says it").select_option("agent")
    page.keyboard.press("Control+Enter")
    expect(line(page, 1)).to_contain_text("I want my money back. corrected")
    expect(line(page, 1)).to_have_attribute("data-speaker", "agent")
    expect(line(page, 1)).to_be_focused()
    expect(page.locator("#history")).to_contain_text("Yes, I want my money back.")


def test_what_is_being_written_outlives_what_others_change_meanwhile(look, call, desk):
    page = look(call)
    edit(page, 0, "Good morning, is it about the mill?")
    theirs = {"text": "Good evening, is this about the grinder?"}
    desk.patch(f"/api/calls/{call['call_id']}/segments/0", json=theirs).raise_for_status()
    expect(page.locator("#changed")).to_contain_text("Sam Supervisor corrected a line")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".editor-problem")).to_have_text(
        "Sam Supervisor wrote: “Good evening, is this about the grinder?”"
    )
    expect(page.get_by_role("button", name="Keep theirs")).to_be_visible()
    expect(page.get_by_label("What is said")).to_have_value("Good morning, is it about the mill?")
    page.get_by_role("button", name="Write mine").click()
    expect(line(page, 0)).to_contain_text("is it about the mill?")
    expect(page.locator("#changed")).to_be_hidden()


def test_a_line_is_written_although_something_else_of_the_call_was_changed(look, call, desk):
    page = look(call)
    edit(page, 0, "Good morning, is it about the mill?")
    desk.patch(f"/api/calls/{call['call_id']}/segments/1", json={"text": "Yes."}).raise_for_status()
    expect(page.locator("#changed")).to_contain_text("corrected a line")
    page.get_by_role("button", name="Save").click()
    expect(line(page, 0)).to_contain_text("is it about the mill?")
    expect(line(page, 1)).to_contain_text("Yes.")
    expect(page.locator(".editor")).to_have_count(0)


def test_what_somebody_else_did_is_shown_when_one_asks_for_it(look, call, desk):
    page = look(call)
    desk.post(f"/api/calls/{call['call_id']}/notes", json={"text": "Call back on Monday"}).raise_for_status()
    expect(page.locator("#changed")).to_contain_text("wrote a note")
    expect(page.locator("#notes")).not_to_contain_text("Monday")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#notes")).to_contain_text("Call back on Monday")
    expect(page.locator("#changed")).to_be_hidden()


def test_a_speaker_is_renamed_and_one_of_a_known_name_is_the_same_person(look, call):
    page = look(call)
    line(page, 2).get_by_role("button", name="Speaker 3").click()
    page.get_by_label("Name", exact=True).fill("Maria")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(line(page, 2).locator(".segment-speaker")).to_have_text("Maria")
    line(page, 2).get_by_role("button", name="Maria").click()
    page.get_by_label("Name", exact=True).fill("client")
    expect(page.locator("#rename-means")).to_contain_text("Client speaks in this call already, in 2 lines")
    page.get_by_role("button", name="Merge").click()
    expect(page.locator(".shares li")).to_have_count(2)
    expect(line(page, 2)).to_be_focused()
    expect(page.locator("#history")).to_contain_text("merged Maria into Client")
    expect(line(page, 2)).to_have_attribute("data-speaker", "client")
    line(page, 0).get_by_role("button", name="Agent").click()
    page.get_by_label("Name", exact=True).fill("Dana")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(line(page, 0).locator(".segment-speaker")).to_have_text("Dana")
    expect(line(page, 0).locator(".segment-speaker")).to_be_focused()
    expect(line(page, 0)).to_have_attribute("data-speaker", "agent")
    expect(page.locator(".shares li[data-speaker=agent]")).to_contain_text("Dana")


def test_the_head_is_changed_in_place(look, call, desk, statuses):
    page = look(call)
    page.get_by_label("Status").select_option(label=statuses[0]["name"])
    expect(page.locator("#history")).to_contain_text(f"no status → {statuses[0]['name']}")
    page.get_by_label("Assignee").select_option(label="Dana Agent")
    expect(page.locator("#history")).to_contain_text("nobody → Dana Agent")
    page.get_by_role("button", name="Change the subject").click()
    page.get_by_role("textbox", name="Subject").fill("A parcel that was found")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A parcel that was found")).to_be_visible()
    now = desk.get(f"/api/calls/{call['call_id']}").json()
    assert (now["subject"], now["status_id"]) == ("A parcel that was found", str(statuses[0]["id"]))
    assert now["assigned_to_id"] is not None


def test_whose_call_it_is_is_chosen_where_its_phone_cannot_tell(look, desk):
    phone = f"+1555{uuid.uuid4().int % 10**7:07d}"
    people = [{"names": [f"{name} {uuid.uuid4().hex[:6]}"], "phones": [phone]} for name in ("Ada", "Byron")]
    for person in people:
        desk.post("/api/crm/contacts", json=person).raise_for_status()
    page = look(make_call(desk, TALK, phone=phone))
    expect(page.locator("#phone")).to_have_text(phone)
    expect(page.locator("#contact-why")).to_be_visible()
    page.get_by_role("button", name="Choose", exact=True).click()
    expect(page.locator(".contact-choice")).to_have_count(2)
    page.get_by_role("searchbox", name="Contact").fill(people[1]["names"][0])
    expect(page.locator(".contact-choice")).to_have_count(1)
    page.locator(".contact-choice").click()
    expect(page.locator("#contact")).to_have_text(people[1]["names"][0])
    expect(page.locator("#contact-why")).to_be_hidden()
    expect(page.get_by_role("button", name="Change", exact=True)).to_be_focused()


def test_a_move_that_comes_too_late_is_said_and_shows_how_it_is(look, call, desk, statuses):
    page = look(call)
    desk.post(f"/api/calls/{call['call_id']}/move", json={"status_id": str(statuses[1]["id"])}).raise_for_status()
    page.get_by_label("Status").select_option(label=statuses[0]["name"])
    expect(page.locator("#problem")).to_contain_text("Somebody else changed this call first")
    expect(page.get_by_label("Status")).to_have_value(str(statuses[1]["id"]))


def test_notes_are_written_and_a_call_is_deleted_only_when_one_is_sure(look, call, desk):
    page = look(call)
    page.get_by_label("A note").fill("Call back on Monday")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#notes li")).to_contain_text("Sam Supervisor")
    expect(page.get_by_label("A note")).to_have_value("")
    page.get_by_role("button", name="Delete the call").first.click()
    page.locator("#remove").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Delete the call").first.click()
    page.locator("#remove").get_by_role("button", name="Delete the call").click()
    expect(page).not_to_have_url(re.compile(call["call_id"]))
    assert desk.get(f"/api/calls/{call['call_id']}").status_code == 404


def test_who_may_only_read_is_offered_nothing_else(look, call):
    page = look(call, username="demo-privacy")
    line(page, 1).locator(".segment-text").dblclick()
    expect(page.get_by_label("What is said")).to_have_count(0)
    for name in ("Delete the call", "Change the subject", "Add note", "Correct this line", "Speaker 3"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_label("Status")).to_have_count(0)
    page.locator("summary", has_text="Export").click()
    expect(page.get_by_role("link", name="Subtitles, WebVTT")).to_be_visible()


# --- Long, live, narrow ---


def test_two_hundred_lines_are_scrolled_and_each_is_found_by_its_second(look, desk):
    call = make_call(
        desk, [(("agent", "client")[place % 2], f"Line number {place} is said here.") for place in range(200)]
    )
    page = look(call, "?t=900")
    expect(line(page, 180)).to_be_in_viewport()
    expect(line(page, 180)).to_have_attribute("aria-current", "true")
    wait_until(lambda: page.locator(".segment").count() == 200, what="every line to be laid out")
    page.mouse.wheel(0, -100_000)
    expect(line(page, 0)).to_be_in_viewport()
    page.keyboard.press("End")
    expect(line(page, 199)).to_be_in_viewport()


def test_what_is_said_appears_while_the_call_goes_on(look, desk):
    call = make_call(desk, TALK[:1], status="in_progress")
    page = look(call)
    expect(page.locator(".segment")).to_have_count(1)
    more = {"segment_id": "z", "speaker": "client", "text": "And one thing more.", "start_time": 60, "end_time": 62}
    desk.post(f"/api/calls/{call['call_id']}/segments", json={"segments": [more]}).raise_for_status()
    expect(line(page, 1)).to_contain_text("And one thing more.")
    expect(page.locator("#changed")).to_be_hidden()


def test_what_is_said_while_the_page_opens_is_not_missed(signed_in, desk):
    call = make_call(desk, TALK[:1], status="in_progress")
    more = {"segment_id": "z", "speaker": "client", "text": "And one thing more.", "start_time": 60, "end_time": 62}

    def speak_before_it_arrives(route):
        read = route.fetch()
        desk.post(f"/api/calls/{call['call_id']}/segments", json={"segments": [more]}).raise_for_status()
        route.fulfill(response=read)

    page = signed_in("demo-supervisor").new_page()
    page.route("**/api/crm/calls/**", speak_before_it_arrives, times=1)
    page.goto(f"/calls/{call['call_id']}/")
    expect(line(page, 1)).to_contain_text("And one thing more.")
    page.close()


def test_a_server_that_is_away_is_said_and_asked_again(look, call, signed_in):
    page = signed_in("demo-supervisor").new_page()
    page.route("**/api/crm/calls/**", lambda route: route.abort())
    page.goto(f"/calls/{call['call_id']}/")
    expect(page.get_by_role("heading", name="The call cannot be shown")).to_be_visible()
    page.unroute_all(behavior="wait")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".segment")).to_have_count(4)
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_can_be_used_by_everybody_on_every_screen(look, recorded, theme):
    page = look(recorded, "?t=2")
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for width in (1440, 1024, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Details").click()
    expect(page.locator("#completeness")).to_be_visible()
    expect(page.locator("#lines")).to_be_hidden()
    assert_accessible(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert_accessible(page)
