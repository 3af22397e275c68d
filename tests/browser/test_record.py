"""The recorder in a real Chromium with a microphone whose every sample is known, against everything that runs."""

import re
import subprocess
import sys
import wave
from io import BytesIO

import av
import httpx
import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.test_pages import CHROMIUM, FLAGS, is_up, sign_in
from tests.journeys.test_call import start
from tests.scale import scaled
from tests.waiting import wait_until

RATE = 48_000
# Of what the microphone hears before it begins again.
HEARD_SECONDS = scaled(60, 300)


def code(seconds):
    """Noise of the telephone's band in which no stretch is like another, and a sweep through the band below it.

    Where in it a piece of a recording lies can be told to a fraction of a sample.
    """
    times = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(5).normal(0, 1, len(times))
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(len(times), 1 / RATE)
    spectrum[(frequencies < 300) | (frequencies > 7000)] = 0
    noise = np.fft.irfft(spectrum, len(times))
    sweep = np.sin(2 * np.pi * (100 * times + 50 * times**2 / seconds))
    return 0.12 * noise / noise.std() + 0.05 * sweep


@pytest.fixture(scope="module")
def heard():
    return code(HEARD_SECONDS)


@pytest.fixture(scope="module")
def microphone(heard, tmp_path_factory):
    path = tmp_path_factory.mktemp("microphone") / "code.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def browser(microphone):
    if CHROMIUM is None:
        pytest.skip("No Chromium on the PATH: install chromium to test the recorder too.")
    flags = [
        *FLAGS,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--auto-accept-this-tab-capture",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def errors():
    return []


@pytest.fixture
def context(browser, stack, errors):
    context = browser.new_context(
        base_url=stack.url, viewport={"width": 1280, "height": 800}, permissions=["microphone"], reduced_motion="reduce"
    )
    yield context
    context.close()
    assert errors == []


@pytest.fixture
def page(context, errors, stack):
    page = opened(context, errors)
    sign_in(page, stack, "demo-agent", to="/record/")
    expect(main_button(page)).to_be_enabled()
    return page


@pytest.fixture(scope="module")
def agent(stack):
    return stack.client("demo-agent")


def opened(context, errors):
    """A tab that leaves without asking back, and whose script errors fail the test."""
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    return page


def main_button(page):
    return page.locator("#main")


def press(page, name):
    page.get_by_role("button", name=name).click()


def record(page):
    press(page, "Start recording")
    expect(page.get_by_role("button", name="Stop recording")).to_be_visible()


def wait_for_chunks(page, number, *, seconds=60):
    """Until the strip shows so many chunks that are stored, or further."""
    page.wait_for_function(
        "n => document.querySelectorAll('.cell:is([data-state=stored],[data-state=analysed],"
        "[data-state=transcribed])').length >= n",
        arg=number,
        timeout=seconds * 1000,
    )


def stop(page):
    press(page, "Stop recording")
    verdict = page.locator("#status li").first
    expect(verdict).to_contain_text(re.compile("Complete|Incomplete"), timeout=60_000)
    return verdict.inner_text()


def session_id(page):
    return page.locator("#open-recording").get_attribute("href").split("/")[2]


def told_of(agent, session_id):
    """What the server says of the recording and, in order, of its chunks."""
    session = agent.get(f"/api/audio/sessions/{session_id}").json()
    chunks = agent.get(f"/api/audio/sessions/{session_id}/chunks", params={"limit": 1000}).json()["results"]
    return session, sorted(chunks, key=lambda chunk: chunk["chunk_index"])


def body_of(stack, chunk):
    return (stack.data / "objects" / "earshot-recordings" / chunk["s3_key"]).read_bytes()


def decoded(body):
    """The samples of a file on its own, (channels, n) at 48 kHz."""
    with av.open(BytesIO(body)) as source:
        frames = [frame.to_ndarray() for frame in source.decode(audio=0)]
    return np.concatenate(frames, axis=1)


def joined(stack, chunks):
    """The chunks decoded each alone and laid end to end; each is as long as its sample range says."""
    pieces = []
    for chunk in chunks:
        piece = decoded(body_of(stack, chunk))
        assert piece.shape[1] == chunk["last_sample"] - chunk["first_sample"] + 1
        pieces.append(piece)
    return np.concatenate(pieces, axis=1)


def place_of(piece, heard):
    """Where in `heard` a piece begins, to a fraction of a sample."""
    size = 1 << (len(heard) + len(piece) - 1).bit_length()
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(heard)]
    at = int(np.argmax(match))
    before, top, after = match[at - 1], match[at], match[(at + 1) % len(match)]
    return at + (before - after) / (2 * (before - 2 * top + after))


def loudness_of_what_is_high(samples):
    """Levels of 1 ms each, in dB, of what lies above the band that was played, where a click would be."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) < 10_000] = 0
    high = np.fft.irfft(spectrum, len(samples))
    blocks = high[: len(high) // 48 * 48].reshape(-1, 48)
    return 20 * np.log10(np.sqrt((blocks**2).mean(axis=1)) + 1e-9)


def test_no_sample_is_missing_or_doubled_at_any_joint(page, stack, agent, heard):
    number = scaled(21, 200)
    record(page)
    wait_for_chunks(page, number, seconds=number * 3)
    verdict = stop(page)
    session, chunks = told_of(agent, session_id(page))
    assert "Complete" in verdict
    assert session["verdict"] == {"state": "complete", "gaps": [], "owed": []}
    assert session["metadata"]["recorder"]["method"] == "webcodecs"

    assert len(chunks) > number
    assert [chunk["first_sample"] for chunk in chunks] == [0, *(chunk["last_sample"] + 1 for chunk in chunks[:-1])]
    sound = joined(stack, chunks)[0]
    assert len(sound) == chunks[-1]["last_sample"] + 1
    assert session["total_duration_seconds"] == pytest.approx(len(sound) / RATE, abs=1e-6)

    # Half a second to each side of every joint lies where it lay when it was played, to a third of a sample.
    joints = [chunk["first_sample"] for chunk in chunks[1:-1]]
    places = []
    for joint in joints:
        for begin in (joint - RATE // 4, joint):
            places.append((place_of(sound[begin : begin + RATE // 4], heard) - begin) % len(heard))
    assert max(places) - min(places) < 0.34

    levels = loudness_of_what_is_high(sound)
    at_joints = [levels[joint // 48 - 1 : joint // 48 + 2].max() for joint in joints]
    elsewhere = np.delete(levels, [joint // 48 + step for joint in joints for step in (-1, 0, 1)])
    assert max(at_joints) <= np.percentile(elsewhere, 99.9) + 1
