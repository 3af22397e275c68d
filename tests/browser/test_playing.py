"""Hearing a recording on its page, in a real Chromium, against everything that `make run` starts."""

from playwright.sync_api import expect

from tests.browser.test_pages import agent, browser, page, sign_in  # noqa: F401
from tests.journeys.test_call import put, start
from tests.sound import SPEECH, encode, speech, tone
from tests.waiting import wait_until

LENGTH = "document.getElementById('audio').duration"
PLACE = "document.getElementById('audio').currentTime"


def test_a_recording_is_played_sought_in_and_renewed(page, stack, agent):  # noqa: F811
    session = start(agent)
    sign_in(page, stack, "demo-supervisor", to=f"/sessions/{session['id']}/")
    expect(page.locator("#verdict")).to_have_text("Recording")
    expect(page.locator("#player")).to_be_hidden()
    put(agent, session, 0, SPEECH.read_bytes())
    expect(page.locator("#player")).to_be_visible()
    page.evaluate("document.getElementById('audio').play()")
    wait_until(lambda: page.evaluate(f"{PLACE} > 0.5"), what="the sound to play")
    whole = page.evaluate(LENGTH)
    assert abs(whole - 26.7) < 0.2

    page.evaluate("document.getElementById('audio').pause()")
    expect(page.locator("#segments")).to_contain_text("amiable", timeout=120_000)
    last = page.locator(".segment").last
    last.click()
    begins = float(last.get_attribute("data-start"))
    wait_until(lambda: abs(page.evaluate(PLACE) - begins) < 0.1, what="the place to be found")

    place = page.evaluate(PLACE)
    late = f"/api/audio/sessions/{session['id']}/chunks/2"
    agent.put(late, content=encode(tone(2.0)), headers={"X-Start-Time": "60"}).raise_for_status()
    answer = agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 3})
    assert answer.status_code == 409
    expect(page.locator("#verdict")).to_contain_text("chunk 1 has not arrived")
    page.evaluate("document.getElementById('audio').play()")
    wait_until(lambda: page.evaluate(LENGTH) > 61, what="the longer recording")
    wait_until(lambda: page.evaluate(f"!{PLACE.removesuffix('.currentTime')}.seeking"), what="the seek")
    assert page.evaluate(PLACE) >= place - 0.1, "it goes on where it was"
    page.locator('.cell[data-index="2"]').click()
    wait_until(lambda: page.evaluate(PLACE) >= 60, what="the last chunk to be found")


def test_an_address_with_a_second_begins_there(page, stack, agent):  # noqa: F811
    session = start(agent)
    put(agent, session, 0, encode(speech(), container="wav"))
    agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1})
    sign_in(page, stack, "demo-supervisor", to=f"/sessions/{session['id']}/?t=12.5")
    expect(page.locator("#player")).to_be_visible()
    page.evaluate("document.getElementById('audio').play()")
    wait_until(lambda: page.evaluate(f"{PLACE} > 12.6"), what="the sound to play")
    assert page.evaluate(PLACE) < 20
    expect(page.locator("#verdict")).to_have_text("Complete", timeout=60_000)
