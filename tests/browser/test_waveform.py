"""The waveform on a recording's page, in a real Chromium, against everything that `make run` starts."""

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.test_pages import agent, browser, page, sign_in  # noqa: F401
from tests.journeys.test_call import start
from tests.sound import encode, silence, tone
from tests.waiting import wait_until

PLACE = "document.getElementById('audio').currentTime"
HEARD = "document.getElementById('audio').currentSrc"
WIDTH = "document.querySelector('#waveform .waveform-surface').clientWidth"
# How tall each lane is painted in each tenth of the width, in pixels.
HEIGHTS = """() => {
  const canvas = document.querySelector('.waveform-bars');
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const isPainted = (x, y) => data[(y * width + x) * 4 + 3] > 0;
  const from = (length) => Array.from({ length }, (_, number) => number);
  // What is below the lanes, and the space between them.
  const lane = Math.round((height - 42) / 2 + 4);
  const tallest = (tenth, top) =>
    Math.max(
      ...from(Math.floor(width / 10) - 4).map((x) => {
        const across = Math.ceil((tenth * width) / 10) + 2 + x;
        return from(lane - 4).filter((y) => isPainted(across, top + y)).length;
      }),
    );
  return [0, lane].map((top) => from(10).map((tenth) => tallest(tenth, top)));
}"""


def sounding(page):  # noqa: F811
    """Of each lane, whether there is more than silence in each tenth of the view."""
    return [[tall > 10 for tall in lane] for lane in page.evaluate(HEIGHTS)]


@pytest.fixture
def recording(agent):  # noqa: F811
    """Twenty seconds: the agent's tone, the client's, a pause of four, and both."""
    session = start(agent, channels=2)
    chunks = [
        (0, np.stack([np.concatenate([tone(4.0), silence(4.0)]), np.concatenate([silence(4.0), tone(4.0)])])),
        (12, np.stack([tone(8.0), tone(8.0)])),
    ]
    for index, (begins, samples) in enumerate(chunks):
        agent.put(
            f"/api/audio/sessions/{session['id']}/chunks/{index}",
            content=encode(samples),
            headers={"X-Start-Time": str(begins)},
        ).raise_for_status()
    gap = {"start": 8.0, "end": 12.0, "cause": "pause", "reason": "card data"}
    agent.post(f"/api/audio/sessions/{session['id']}/gaps", json=gap).raise_for_status()
    agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 2}).raise_for_status()
    return session


def test_a_recording_is_seen_and_sought_in_by_mouse_and_by_keyboard(page, stack, recording):  # noqa: F811
    sign_in(page, stack, "demo-supervisor", to=f"/sessions/{recording['id']}/")
    slider = page.get_by_role("slider", name="Place in the recording")
    expect(page.locator("#waveform")).to_have_attribute("data-state", "ready", timeout=60_000)

    # The pause is hatched through both.
    both = [True] * 6
    wanted = [[True, True, False, False, *both], [False, False, True, True, *both]]
    wait_until(lambda: sounding(page) == wanted, timeout=60, what="the lanes to show who speaks when")
    expect(page.locator(".waveform-description")).to_contain_text("Paused: card data from 8 seconds to 12 seconds")

    box = slider.bounding_box()
    slider.hover(position={"x": box["width"] / 2, "y": 30})
    expect(page.locator(".waveform-tip")).to_have_text(re.compile("^0:10Paused: card data$"))
    slider.click(position={"x": box["width"] * 0.7, "y": 30})
    wait_until(lambda: abs(page.evaluate(PLACE) - 14.0) < 0.1, what="the place to be found")
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "9 seconds of 20 seconds")
    wait_until(lambda: abs(page.evaluate(PLACE) - 9.0) < 0.1, what="five seconds before")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")

    slider.press("+")
    expect(page.locator(".waveform-overview")).to_be_visible()
    # What is in view begins with the place that is played, and more of it is the agent's.
    wait_until(lambda: sounding(page)[0][:3] == [True] * 3, what="a closer look")
    assert Axe().run(page, "#waveform").response["violations"] == []
    page.get_by_role("button", name="Show all of it").click()
    expect(page.locator(".waveform-overview")).to_be_hidden()

    bars = page.locator(".waveform-bars")
    light = bars.screenshot()
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: bars.screenshot() != light, what="the colours of the dark theme")
    assert sounding(page) == wanted


# A second one, below, with two flags that lie close to each other and one that was judged.
FLAGGED = """async ({ address }) => {
  const script = document.querySelector('script[src*="/audio/session"]').src;
  const { Waveform } = await import(new URL('waveform.js', script));
  const box = document.createElement('div');
  box.id = 'flagged';
  document.getElementById('player').append(box);
  window.told = [];
  const waveform = new Waveform({
    box, address, channels: 2,
    onSeek: (seconds) => told.push(['seek', Math.round(seconds)]),
    onFlag: (flagId) => told.push(['flag', flagId]),
  });
  waveform.setFlags([
    { flag_id: 'a', start: 5, label: 'Both talk at once', verdict: null },
    { flag_id: 'b', start: 5.3, label: 'Long silence', verdict: null },
    { flag_id: 'c', start: 15, label: 'Level jump', verdict: 'wrong' },
  ]);
  waveform.setEmotions([{ start: 0, end: 4, emotion: 'tense' }]);
  window.waveform = waveform;
}"""


def test_flags_are_pins_that_are_chosen_and_parted_and_a_place_is_dragged_to(page, stack, recording):  # noqa: F811
    sign_in(page, stack, "demo-supervisor", to=f"/sessions/{recording['id']}/")
    expect(page.locator("#waveform")).to_have_attribute("data-state", "ready", timeout=60_000)
    page.evaluate(FLAGGED, {"address": f"/api/audio/sessions/{recording['id']}/peaks"})
    box = page.locator("#flagged")
    expect(box).to_have_attribute("data-state", "ready")
    expect(box.locator(".waveform-pin")).to_have_count(2)
    box.get_by_role("button", name="0:15: Level jump. Reviewed: wrong").focus()
    expect(box.locator(".waveform-tip")).to_have_text("0:15Level jumpReviewed: wrong")
    page.keyboard.press("Enter")
    box.get_by_role("button", name="0:05: 2 flags up to 0:05").click()
    expect(box.locator(".waveform-overview")).to_be_visible()
    assert page.evaluate("told") == [["flag", "c"]]

    box.get_by_role("button", name="Show all of it").click()
    surface = box.get_by_role("slider")
    surface.hover(position={"x": 40, "y": 30})
    expect(box.locator(".waveform-tip")).to_contain_text("tense, an estimate")
    place = surface.bounding_box()
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 4, place["y"] + 30)
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 30)
    expect(surface).to_have_attribute("aria-valuenow", "10")
    page.mouse.up()
    assert page.evaluate("told") == [["flag", "c"], ["seek", 10]]

    page.evaluate("waveform.zoomTo(0, 10); waveform.setPosition(19)")
    wait_until(lambda: box.locator(".waveform-playhead").is_visible(), what="the view to follow")
    page.route("**/peaks?*", lambda route: route.abort())
    page.evaluate("waveform.refresh()")
    note = box.get_by_role("status")
    expect(note).to_contain_text("The recording has changed since this was drawn. The server cannot be reached.")
    page.unroute("**/peaks?*")
    note.get_by_role("button", name="Try again").click()
    expect(note).to_be_empty()
    expect(box).to_have_attribute("data-state", "ready")
    page.evaluate("waveform.dispose()")
    expect(box).to_be_empty()


def test_what_is_masked_is_hatched_and_played_to_who_may_and_switches_it_on(page, stack, recording):  # noqa: F811
    said = "It is 4111 1111 1111 1111 thanks"
    words = [
        {"text": word, "start_time": 14 + at / 2, "end_time": 14.5 + at / 2, "confidence": 0.9}
        for at, word in enumerate(said.split())
    ]
    line = {"segment_id": "1", "speaker": "client", "text": said, "start_time": 14, "end_time": 18, "words": words}
    desk = stack.client("demo-supervisor")
    desk.post(f"/api/calls/{recording['call_id']}/segments", json={"segments": [line]}).raise_for_status()

    sign_in(page, stack, "demo-privacy", to=f"/sessions/{recording['id']}/")
    expect(page.locator("#waveform")).to_have_attribute("data-state", "ready", timeout=60_000)
    masked = "Masked: card number from 15 seconds to 17 seconds"
    expect(page.locator("#waveform .waveform-description")).to_contain_text(masked)
    page.locator("#waveform").get_by_role("slider").hover(position={"x": 16 / 20 * page.evaluate(WIDTH), "y": 80})
    expect(page.locator("#waveform .waveform-tip")).to_contain_text("Masked: card number")
    switch = page.get_by_role("switch", name="Play masked parts")
    expect(switch).not_to_be_checked()
    expect(switch).to_have_accessible_description("Written down in the audit log.")
    page.evaluate("document.getElementById('audio').play()")
    wait_until(lambda: page.evaluate(f"{PLACE} > 0.2"), what="the sound to play")
    assert "originals" not in page.evaluate("document.getElementById('audio').src")

    switch.check()
    wait_until(lambda: "originals=true" in page.evaluate(HEARD), what="the sound with masked parts")
    wait_until(lambda: page.evaluate(f"{PLACE} > 0.5 && !document.getElementById('audio').paused"), what="it to go on")
    switch.uncheck()
    wait_until(lambda: "originals" not in page.evaluate(HEARD), what="the sound without them")
    assert Axe().run(page, "#player").response["violations"] == []


def test_who_may_not_hear_masked_parts_has_no_switch(page, stack, recording):  # noqa: F811
    sign_in(page, stack, "demo-supervisor", to=f"/sessions/{recording['id']}/")
    expect(page.locator("#waveform")).to_have_attribute("data-state", "ready", timeout=60_000)
    expect(page.locator("#masked-switch")).to_have_count(0)
