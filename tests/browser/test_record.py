"""The recorder in a real Chromium with a microphone whose every sample is known, against everything that runs."""

import os
import re
import signal
import subprocess
import threading
import time
import wave
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import pairwise
from types import SimpleNamespace

import av
import numpy as np
import pytest
from django.core import signing
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS
from tests.browser.looking import assert_accessible
from tests.browser.test_pages import is_up, sign_in
from tests.scale import scaled
from tests.waiting import wait_until

RATE = 48_000
# Of what the microphone hears before it begins again.
HEARD_SECONDS = scaled(60, 300)
OTHER_SIDE = "The other side"
# Samples; a loss of more than these at a joint is not found there at all.
NEIGHBOURHOOD = 2000


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
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=no-user-gesture-required",
        f"--auto-select-tab-capture-source-by-title={OTHER_SIDE}",
    ]
    with sync_playwright() as playwright:
        # A muted browser has no sound to share either.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, ignore_default_args=["--mute-audio"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(browser, stack):
    """What a browser keeps of an agent who has signed in."""
    context = browser.new_context(base_url=stack.url)
    page = context.new_page()
    sign_in(page, stack, "demo-agent", to="/record/")
    expect(main_button(page)).to_be_visible()
    kept = context.storage_state()
    context.close()
    return kept


@contextmanager
def signed_in_context(browser, stack, signed_in, **options):
    context = browser.new_context(
        base_url=stack.url,
        storage_state=signed_in,
        permissions=["microphone"],
        reduced_motion="reduce",
        **{"viewport": {"width": 1280, "height": 800}, **options},
    )
    yield context
    context.close()


@pytest.fixture
def errors():
    return []


@pytest.fixture
def context(browser, stack, signed_in, errors):
    with signed_in_context(browser, stack, signed_in) as context:
        yield context
    assert errors == []


@pytest.fixture
def page(context, errors):
    page = opened(context, errors)
    show_recorder(page)
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


def show_recorder(page, *, without=""):
    page.goto(f"/record/{without}")
    expect(main_button(page)).to_be_enabled()


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


def place_of(piece, heard, *, near=None):
    """Where in `heard`, which begins again at its end, a piece begins, to a fraction of a sample.

    With `near` it is looked for in its neighbourhood only, which is much quicker.
    """
    start, row = 0, heard
    if near is not None:
        start = round(near) - NEIGHBOURHOOD
        row = heard.take(np.arange(start, start + len(piece) + 2 * NEIGHBOURHOOD), mode="wrap")
    size = 1 << (len(row) + len(piece) - 1).bit_length()
    match = np.fft.irfft(np.fft.rfft(row, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(row)]
    at = int(np.argmax(match))
    before, top, after = match[at - 1], match[at], match[(at + 1) % len(match)]
    return start + at + (before - after) / (2 * (before - 2 * top + after))


def shifts_at_joints(sound, chunks, heard):
    """By how much the quarters of a second beside all joints lie apart from where they lay when they were played.

    0 for all that is whole: a sample too many or too few at one joint shifts all after it by 1.
    """
    quarter = RATE // 4
    joints = [chunk["first_sample"] for chunk in chunks[1:-1]]
    begun = place_of(sound[joints[0] - quarter : joints[0]], heard) - (joints[0] - quarter)
    return [
        place_of(sound[at : at + quarter], heard, near=begun + at) - (begun + at)
        for joint in joints
        for at in (joint - quarter, joint)
    ]


def modes_at_joints(stack, chunks):
    """The modes in which Opus encoded each of the quarters of a second of `shifts_at_joints`."""
    quarter = RATE // 4
    for before, after in pairwise(chunks[:-1]):
        length = before["last_sample"] - before["first_sample"] + 1
        yield modes_of(body_of(stack, before), length, length - quarter, length)
        yield modes_of(body_of(stack, after), after["last_sample"] - after["first_sample"] + 1, 0, quarter)


def modes_of(body, length, begin, end):
    """Of a chunk of so many samples, the modes of the packets from `begin` to `end`; their first bytes tell."""
    with av.open(BytesIO(body)) as source:
        packets = [(packet.duration, bytes(packet)[0] >> 3) for packet in source.demux(audio=0) if packet.size]
    at = length - sum(duration for duration, _ in packets)
    found = set()
    for duration, mode in packets:
        if at < end and at + duration > begin:
            found.add(mode)
        at += duration
    return found


def spread_at_joints(stack, sound, chunks, heard):
    """How far the quarters of a second beside the joints lie apart that Opus encoded in one and the same mode.

    Its encoder goes back and forth between modes with the sound, and their delays differ by half a sample or so, at
    joints and elsewhere alike. What is left is 0.34 at most as measured, with echo and noise being taken out; a sample
    too many or too few would be 1.
    """
    by_mode = {}
    for shift, modes in zip(shifts_at_joints(sound, chunks, heard), modes_at_joints(stack, chunks), strict=True):
        if len(modes) == 1:
            by_mode.setdefault(*modes, []).append(shift)
    assert sum(map(len, by_mode.values())) > len(chunks)
    return max(max(shifts) - min(shifts) for shifts in by_mode.values())


def loudness_of_what_is_high(samples):
    """Levels of 1 ms each, in dB, of what lies above the band that was played, where a click would be."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) < 10_000] = 0
    high = np.fft.irfft(spectrum, len(samples))
    blocks = high[: len(high) // 48 * 48].reshape(-1, 48)
    return 20 * np.log10(np.sqrt((blocks**2).mean(axis=1)) + 1e-9)


@pytest.fixture(scope="module")
def long_recording(browser, stack, signed_in, agent):
    """One of many chunks, with what the page held while it went on."""
    number = scaled(21, 200)
    errors = []
    with signed_in_context(browser, stack, signed_in) as context:
        page = opened(context, errors)
        show_recorder(page)
        record(page)
        wait_for_chunks(page, 5)
        begun = heap_of(page)
        wait_for_chunks(page, number, seconds=number * 3)
        wait_until(lambda: kept(page)["chunks"] <= 2, what="what was stored to be removed")
        held = kept(page)
        grown = heap_of(page) - begun
        verdict = stop(page)
        session, chunks = told_of(agent, session_id(page))
    assert errors == []
    assert len(chunks) > number
    sound = joined(stack, chunks)[0]
    return SimpleNamespace(verdict=verdict, session=session, chunks=chunks, sound=sound, grown=grown, kept=held)


def test_a_long_recording_is_whole_and_as_long_as_what_was_captured(long_recording):
    session, chunks, sound = long_recording.session, long_recording.chunks, long_recording.sound
    assert "Complete" in long_recording.verdict
    assert session["verdict"] == {"state": "complete", "gaps": [], "owed": []}
    assert session["metadata"]["recorder"]["method"] == "webcodecs"
    assert [chunk["first_sample"] for chunk in chunks] == [0, *(chunk["last_sample"] + 1 for chunk in chunks[:-1])]
    assert len(sound) == chunks[-1]["last_sample"] + 1
    assert session["total_duration_seconds"] == pytest.approx(len(sound) / RATE, abs=1e-6)


def test_no_sample_is_missing_or_doubled_at_any_joint(long_recording, stack, heard):
    assert spread_at_joints(stack, long_recording.sound, long_recording.chunks, heard) < 0.5


def test_no_joint_clicks(long_recording):
    levels = loudness_of_what_is_high(long_recording.sound)
    joints = [chunk["first_sample"] for chunk in long_recording.chunks[1:-1]]
    at_joints = [levels[joint // 48 - 1 : joint // 48 + 2].max() for joint in joints]
    elsewhere = np.delete(levels, [joint // 48 + step for joint in joints for step in (-1, 0, 1)])
    assert max(at_joints) <= np.percentile(elsewhere, 99.9) + 1


def test_neither_the_heap_nor_what_is_kept_grows_with_the_recording(long_recording):
    assert long_recording.grown < 2_000_000
    assert long_recording.kept["chunks"] <= 2
    assert long_recording.kept["open"] <= 4


def test_sound_that_was_lost_is_a_gap_as_long_as_what_is_missing(page, browser, stack, agent, heard):
    record(page)
    wait_for_chunks(page, 2)
    hold_up_pages(browser, seconds=4)
    expect(page.locator("#status")).to_contain_text("Some sound did not arrive from the microphone")
    wait_for_chunks(page, 5)
    assert "Incomplete" in stop(page)
    session, chunks = told_of(agent, session_id(page))
    assert session["verdict"]["state"] == "incomplete"
    [gap] = session["verdict"]["gaps"]
    assert (gap["cause"], gap["reason"]) == ("device", "Sound from the microphone did not arrive")

    [(before, after)] = [
        pair for pair in pairwise(chunks) if pair[1]["start_time_seconds"] > pair[0]["end_time_seconds"] + 1e-6
    ]
    assert before["end_time_seconds"] == pytest.approx(gap["start"], abs=1e-6)
    assert after["start_time_seconds"] == pytest.approx(gap["end"], abs=1e-6)
    # Where what was heard before and after lies on the line, by the known signal.
    last, first = (decoded(body_of(stack, chunk))[0] for chunk in (before, after))
    quarter = RATE // 4
    ended = place_of(last[-quarter:], heard) + quarter
    missing = (place_of(first[:quarter], heard) - ended) % len(heard) / RATE
    # The recorder goes by the clock: a lag of up to 60 ms is jitter to it, and a gap lies on packets of 20 ms.
    assert missing == pytest.approx(gap["end"] - gap["start"], abs=0.08)


def test_what_is_recorded_offline_and_while_the_server_is_away_is_sent_once(page, context, stack, agent):
    record(page)
    wait_for_chunks(page, 1)
    context.set_offline(True)
    expect(page.locator("#status")).to_contain_text(re.compile(r"Offline: [2-9] chunks kept"), timeout=20_000)
    [web] = stack.processes("uvicorn")
    subprocess.run(["kill", "-9", str(web)], check=True)
    context.set_offline(False)
    wait_until(lambda: is_up(agent), what="the web server to come back")
    wait_for_chunks(page, 5)
    verdict = stop(page)
    session, chunks = told_of(agent, session_id(page))
    assert "Complete" in verdict
    assert session["verdict"] == {"state": "complete", "gaps": [], "owed": []}
    assert len(joined(stack, chunks)[0]) == chunks[-1]["last_sample"] + 1
    # What was stored is kept here no longer.
    assert kept(page) == {"sessions": 0, "chunks": 0, "bodies": 0, "open": 0, "notes": 0}


def test_a_recording_goes_on_after_a_reload_and_after_its_tab_was_killed(page, context, stack, agent, errors):
    record(page)
    wait_for_chunks(page, 1)
    page.reload()
    expect(page.locator("#left-behind")).to_contain_text("when this page was closed or reloaded")
    press(page, "Go on recording")
    wait_for_chunks(page, 3)

    kill_tab(page)
    page = opened(context, errors)
    page.goto("/record/")
    press(page, "Go on recording")
    wait_for_chunks(page, 6)
    verdict = stop(page)
    session, chunks = told_of(agent, session_id(page))
    assert "Complete" in verdict, session["verdict"]
    assert session["verdict"]["state"] == "complete"
    assert session["total_chunks"] == len(chunks)
    assert [gap["cause"] for gap in session["verdict"]["gaps"]] == ["pause", "pause"]
    assert all("closed or reloaded" in gap["reason"] for gap in session["verdict"]["gaps"])
    # Nothing lies between the sound and the gaps, so that what was lost with the tab is inside them.
    joined(stack, chunks)
    assert [chunk["first_sample"] for chunk in chunks] == [0, *(chunk["last_sample"] + 1 for chunk in chunks[:-1])]


def test_an_interrupted_recording_can_be_finished_as_it_is(page, agent):
    record(page)
    wait_for_chunks(page, 1)
    page.reload()
    press(page, "Finish it")
    expect(page.locator("#left-behind")).to_be_hidden()
    wait_until(lambda: kept(page)["sessions"] == 0, what="the recording to be finished")
    newest = agent.get("/api/audio/sessions", params={"limit": 1}).json()["results"][0]
    session, chunks = told_of(agent, newest["id"])
    assert session["verdict"]["state"] == "complete"
    assert session["total_chunks"] == len(chunks) >= 1


def test_a_token_that_expired_is_renewed_without_a_word(page, stack, agent):
    record(page)
    wait_for_chunks(page, 1)
    used = {}

    def with_the_expired_one(route):
        headers = route.request.all_headers()
        used.setdefault("first", headers["authorization"])
        if headers["authorization"] == used["first"]:
            used["expired"] = used.get("expired", 0) + 1
            headers["authorization"] = f"Bearer {an_hour_older(stack, used['first'].removeprefix('Bearer '))}"
        route.continue_(headers=headers)

    page.route(re.compile("/chunks/|/upload-token"), with_the_expired_one)
    wait_for_chunks(page, 4)
    assert "Complete" in stop(page)
    assert used["expired"] >= 1
    session, _ = told_of(agent, session_id(page))
    assert session["verdict"] == {"state": "complete", "gaps": [], "owed": []}


def test_a_pause_takes_room_on_the_line_and_is_told_with_its_reason(page, agent):
    record(page)
    wait_for_chunks(page, 1)
    page.get_by_label("Reason for the pause").select_option("Private matter")
    page.keyboard.press("Escape")
    press(page, "Pause recording")
    expect(page.get_by_role("button", name="Resume recording")).to_be_visible()
    wait_until(lambda: newest_of(agent)["paused"], what="the server to hear of the pause")
    press(page, "Resume recording")
    wait_for_chunks(page, 3)
    assert "Complete" in stop(page)
    session, chunks = told_of(agent, session_id(page))
    [pause] = session["verdict"]["gaps"]
    assert (pause["cause"], pause["reason"]) == ("pause", "Private matter")
    after = next(chunk for chunk in chunks if chunk["start_time_seconds"] >= pause["end"] - 1e-6)
    before = chunks[after["chunk_index"] - 1]
    assert before["end_time_seconds"] == pytest.approx(pause["start"], abs=1e-6)
    assert after["start_time_seconds"] == pytest.approx(pause["end"], abs=1e-6)
    assert after["first_sample"] == before["last_sample"] + 1


@pytest.mark.parametrize("without", ["", "?without=webcodecs"])
def test_a_microphone_that_goes_away_is_said_and_comes_back_as_a_gap(context, agent, errors, without):
    page = opened(context, errors)
    page.add_init_script(HAND_OUT_MICROPHONES)
    show_recorder(page, without=without)
    record(page)
    wait_for_chunks(page, 1)
    page.evaluate("unplug()")
    expect(page.locator("#status")).to_contain_text("Microphone lost: plug it in, the recording goes on")
    page.evaluate("plugIn()")
    expect(page.locator("#status")).not_to_contain_text("Microphone lost", timeout=15_000)
    wait_for_chunks(page, 3)
    assert "Incomplete" in stop(page)
    session, _ = told_of(agent, session_id(page))
    [gap] = session["verdict"]["gaps"]
    assert (gap["cause"], gap["reason"]) == ("device", "The microphone went away")
    assert gap["end"] > gap["start"]


def test_without_webcodecs_media_recorder_s_packets_are_cut_as_exactly(context, stack, agent, errors, heard):
    page = opened(context, errors)
    show_recorder(page, without="?without=webcodecs")
    expect(page.locator("#method")).to_contain_text("MediaRecorder")
    record(page)
    wait_for_chunks(page, 5)
    assert "Complete" in stop(page)
    session, chunks = told_of(agent, session_id(page))
    assert session["metadata"]["recorder"]["method"] == "media_recorder"
    assert session["verdict"] == {"state": "complete", "gaps": [], "owed": []}
    sound = joined(stack, chunks)[0]
    assert spread_at_joints(stack, sound, chunks, heard) < 0.5


def test_where_there_is_nothing_else_whole_files_follow_one_another(context, stack, agent, errors, heard):
    page = opened(context, errors)
    show_recorder(page, without="?without=webcodecs&without=media_recorder")
    expect(page.locator("#method")).to_contain_text("a tenth of a second being lost between them (MPEG-4)")
    expect(page.get_by_label("Recording the other side too needs Chrome or Edge")).to_be_disabled()
    record(page)
    wait_for_chunks(page, 2)
    page.reload()
    press(page, "Go on recording")
    wait_for_chunks(page, 4)
    assert "Complete: all" in (verdict := stop(page))
    assert "a tenth of a second is lost between chunks" in verdict
    session, chunks = told_of(agent, session_id(page))
    assert session["metadata"]["recorder"]["method"] == "mp4"
    assert session["metadata"]["recorder"]["exact_joins"] is False
    [pause] = session["verdict"]["gaps"]
    assert (pause["cause"], pause["reason"]) == ("pause", "The page was closed or reloaded")

    pieces = [decoded(body_of(stack, chunk))[0] for chunk in chunks]
    holes = []
    for (one, before), (other, after) in pairwise(zip(chunks, pieces, strict=True)):
        if one["end_time_seconds"] <= pause["start"] < other["end_time_seconds"]:
            continue
        ended = place_of(before[-RATE // 4 :], heard) + RATE // 4
        holes.append((place_of(after[: RATE // 4], heard) - ended) / RATE)
    assert max(map(abs, holes)) < 0.2


def test_an_encoder_that_gives_up_is_followed_by_another(page, stack, agent):
    page.route("**/stretch_encoder.js", break_the_first_encoder)
    page.reload()
    expect(main_button(page)).to_be_enabled()
    record(page)
    expect(page.locator("#status")).to_contain_text("Some sound could not be encoded: the recording goes on")
    wait_for_chunks(page, 4)
    assert "Incomplete" in stop(page)
    session, chunks = told_of(agent, session_id(page))
    [gap] = session["verdict"]["gaps"]
    assert (gap["cause"], gap["reason"]) == ("device", "The sound could not be encoded")
    assert gap["end"] > gap["start"]
    joined(stack, chunks)


def test_the_two_sides_of_a_call_are_two_channels(page, context, stack, agent, elsewhere):
    elsewhere.serves(PLAYING)
    context.new_page().goto(elsewhere.origin)
    page.bring_to_front()
    page.get_by_label("Also record the other side").check()
    record(page)
    wait_for_chunks(page, 4)
    assert "Complete" in stop(page)
    session, chunks = told_of(agent, session_id(page))
    assert session["channels"] == 2
    agent_side, client_side = joined(stack, chunks[2:])
    assert pitch_of(client_side) == pytest.approx(440, abs=2)
    assert np.std(agent_side) > 0.01


def test_a_refused_microphone_is_said_with_what_to_do(context, stack, errors):
    page = opened(context, errors)
    page.add_init_script(REFUSE)
    show_recorder(page)
    expect(page.locator("#status")).to_have_text(re.compile("^The microphone is not allowed here[^:]*$"))
    press(page, "Start recording")
    expect(page.locator("#status")).to_contain_text("Click the icon beside the address, allow the microphone")
    expect(page.get_by_role("button", name="Start recording")).to_be_enabled()


def test_consent_is_asked_for_and_put_on_record_before_anything_is_recorded(page, stack, agent):
    admin = stack.client("demo-admin")
    admin.patch("/api/crm/settings", json={"recording": {"consent_required": True}}).raise_for_status()
    try:
        page.reload()
        press(page, "Start recording")
        expect(page.get_by_role("heading", name="Consent")).to_be_focused()
        press(page, "They do not agree")
        expect(page.locator("#status")).to_contain_text("nothing is recorded")
        press(page, "Start recording")
        press(page, "They agree")
        wait_for_chunks(page, 2)
        assert "Complete" in stop(page)
    finally:
        admin.patch("/api/crm/settings", json={"recording": {"consent_required": False}}).raise_for_status()
    session, _ = told_of(agent, session_id(page))
    assert session["consent"]["given"] is True
    assert session["consent"]["wording"] == "This call is recorded. Do you agree?"


def test_a_session_belongs_to_one_tab(page, context, errors):
    record(page)
    wait_for_chunks(page, 1)
    other = opened(context, errors)
    other.goto("/record/")
    expect(main_button(other)).to_be_enabled()
    expect(other.locator("#left-behind")).to_be_hidden()
    other.close()
    assert "Complete" in stop(page)


def test_the_keyboard_records_too(page):
    page.locator("body").press("r")
    expect(page.get_by_role("button", name="Stop recording")).to_be_visible()
    page.locator("body").press("p")
    expect(page.get_by_role("button", name="Resume recording")).to_be_visible()
    page.locator("body").press("p")
    page.locator("body").press("s")
    expect(page.locator("#status li").first).to_contain_text("Complete", timeout=30_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_has_no_serious_fault_of_access(browser, stack, signed_in, theme):
    phone = {"viewport": {"width": 360, "height": 760}, "color_scheme": theme, "bypass_csp": True}
    with signed_in_context(browser, stack, signed_in, **phone) as context:
        page = opened(context, [])
        show_recorder(page)
        expect(page.locator("#checks")).to_contain_text("You are heard")
        assert_accessible(page)
        record(page)
        wait_for_chunks(page, 1)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        stop(page)
        assert_accessible(page)


def embedded_by(stack, agent, site, page):
    """A session that a page of this site, which may, records into."""
    admin = stack.client("demo-admin")
    admin.patch("/api/crm/settings", json={"recording": {"allowed_origins": site.origin}}).raise_for_status()
    session = agent.post("/api/audio/sessions", json={}).json()
    token = agent.post(f"/api/audio/sessions/{session['id']}/upload-token").json()["token"]
    site.serves(page.format(server=stack.url, session=session["id"], token=token))
    return session


def test_another_site_s_page_records_with_a_token_alone(context, stack, agent, errors, elsewhere):
    session = embedded_by(stack, agent, elsewhere, EMBEDDING)
    page = opened(context, errors)
    page.goto(elsewhere.origin)
    press(page, "Start recording")
    page.wait_for_function("told.filter(([name]) => name === 'chunkstored').length >= 3", timeout=40_000)
    press(page, "Stop recording")
    wait_until(lambda: told_of(agent, session["id"])[0]["verdict"]["state"] == "complete", what="the last chunk")
    _, chunks = told_of(agent, session["id"])
    joined(stack, chunks)
    told = page.evaluate("told")
    assert [name for name, _ in told if name != "chunkstored"] == ["recordingstart", "recordingstop"]
    assert [detail["chunkIndex"] for name, detail in told if name == "chunkstored"][:3] == [0, 1, 2]


def test_a_react_component_tells_by_its_properties(context, stack, agent, errors, elsewhere):
    session = embedded_by(stack, agent, elsewhere, WITH_REACT)
    page = opened(context, errors)
    page.goto(elsewhere.origin)
    press(page, "Start recording")
    page.wait_for_function("told.length >= 3", timeout=40_000)
    press(page, "Stop recording")
    page.wait_for_function("told.at(-1)[0] === 'stop'")
    told = page.evaluate("told")
    assert [told[0], *told[1:3], told[-1]] == [["start"], ["chunk", 0], ["chunk", 1], ["stop"]]
    page.evaluate("unmount()")
    wait_until(lambda: told_of(agent, session["id"])[0]["verdict"]["state"] == "complete", what="the last chunk")


def test_an_element_that_is_taken_away_records_no_longer(context, stack, agent, errors, elsewhere):
    session = embedded_by(stack, agent, elsewhere, EMBEDDING)
    page = opened(context, errors)
    page.goto(elsewhere.origin)
    press(page, "Start recording")
    page.wait_for_function("told.some(([name]) => name === 'chunkstored')", timeout=40_000)
    page.evaluate("document.querySelector('earshot-recorder').remove()")
    wait_until(lambda: told_of(agent, session["id"])[0]["verdict"]["state"] == "complete", what="the recording to end")


def test_a_page_of_a_site_that_is_not_allowed_records_nothing(context, stack, agent, elsewhere):
    admin = stack.client("demo-admin")
    admin.patch("/api/crm/settings", json={"recording": {"allowed_origins": ""}}).raise_for_status()
    session = agent.post("/api/audio/sessions", json={}).json()
    token = agent.post(f"/api/audio/sessions/{session['id']}/upload-token").json()["token"]
    elsewhere.serves(EMBEDDING.format(server=stack.url, session=session["id"], token=token))
    page = context.new_page()
    page.goto(elsewhere.origin)
    press(page, "Start recording")
    page.wait_for_function("told.some(([name]) => name === 'recordererror')")
    assert told_of(agent, session["id"])[1] == []


class Elsewhere:
    """A site of another origin, with one page."""

    def __init__(self):
        self.page = ""
        site = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(site.page.encode())

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serves(self, page):
        self.page = page


@pytest.fixture
def elsewhere():
    site = Elsewhere()
    yield site
    site.server.shutdown()
    site.server.server_close()


EMBEDDING = """<!doctype html>
<meta charset="utf-8">
<script type="module" src="{server}/static/audio/recorder/earshot-recorder.js"></script>
<earshot-recorder session-id="{session}" token="{token}" chunk-seconds="1"></earshot-recorder>
<script>
  const told = [];
  for (const name of ["recordingstart", "recordingstop", "chunkstored", "recordererror"])
    addEventListener(name, ({{ detail }}) => told.push([name, detail]));
</script>
"""
REFUSE = """
navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); };
navigator.permissions.query = async () => ({ state: "denied" });
"""
# As much of React as the component uses; one rendering, and the end of it.
WITH_REACT = """<!doctype html>
<meta charset="utf-8">
<script type="module">
  import {{ recorderComponent }} from "{server}/static/audio/recorder/react.js";
  const effects = [];
  const React = {{
    useRef: (current) => ({{ current }}),
    useEffect: (effect) => effects.push(effect),
    createElement(tag, {{ ref, ...attributes }}) {{
      ref.current = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes))
        if (value !== undefined) ref.current.setAttribute(name, value);
      return ref.current;
    }},
  }};
  globalThis.told = [];
  document.body.append(recorderComponent(React)({{
    sessionId: "{session}",
    token: "{token}",
    chunkSeconds: 1,
    shared: false,
    onRecordingStart: () => told.push(["start"]),
    onRecordingStop: () => told.push(["stop"]),
    onChunkUploaded: (index) => told.push(["chunk", index]),
    onError: (message) => told.push(["error", message]),
  }}));
  const cleanUps = effects.map((effect) => effect());
  globalThis.unmount = () => cleanUps.forEach((cleanUp) => cleanUp());
</script>
"""
PLAYING = f"""<!doctype html>
<meta charset="utf-8">
<title>{OTHER_SIDE}</title>
<script>
  const context = new AudioContext();
  const tone = new OscillatorNode(context, {{ frequency: 440 }});
  tone.connect(new GainNode(context, {{ gain: 0.1 }})).connect(context.destination);
  tone.start();
</script>
"""
HAND_OUT_MICROPHONES = """
let isPluggedIn = true;
let microphone = null;
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (!isPluggedIn) throw new DOMException("no microphone", "NotFoundError");
  const stream = await ask(wanted);
  [microphone] = stream.getAudioTracks();
  return stream;
};
window.unplug = () => {
  isPluggedIn = false;
  microphone.stop();
  microphone.dispatchEvent(new Event("ended"));
};
window.plugIn = () => { isPluggedIn = true; };
"""
BREAK_THE_FIRST_ENCODER = """
const Unbroken = AudioEncoder;
let isBroken = false;
globalThis.AudioEncoder = class extends Unbroken {
  constructor({ output, error }) {
    super({ output, error });
    if (isBroken) return;
    isBroken = true;
    setTimeout(() => {
      this.close();
      error(new DOMException("broken", "EncodingError"));
    }, 1500);
  }
};
"""
COUNT_WHAT_IS_KEPT = """
async () => {
  const opening = indexedDB.open("earshot-recorder");
  const database = await new Promise((resolve) => { opening.onsuccess = () => resolve(opening.result); });
  const counts = {};
  for (const name of database.objectStoreNames) {
    const counting = database.transaction(name).objectStore(name).count();
    counts[name] = await new Promise((resolve) => { counting.onsuccess = () => resolve(counting.result); });
  }
  database.close();
  return counts;
}
"""


def kept(page):
    """How many records of each kind the browser keeps."""
    return page.evaluate(COUNT_WHAT_IS_KEPT)


def heap_of(page):
    """Bytes of script objects that are in use once what is not has been collected."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    used = devtools.send("Runtime.getHeapUsage")["usedSize"]
    devtools.detach()
    return used


def hold_up_pages(browser, *, seconds):
    """As a computer does that has too much to do: for so long no page gets anything done, nor any sound."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    pages = [process["id"] for process in told["processInfo"] if process["type"] == "renderer"]
    for pid in pages:
        os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, what="the time to pass")
    for pid in pages:
        os.kill(pid, signal.SIGCONT)


def break_the_first_encoder(route):
    response = route.fetch()
    route.fulfill(response=response, body=response.text() + BREAK_THE_FIRST_ENCODER)


def kill_tab(page):
    """As a crash or the system ends it: no event, no chance to save anything."""
    devtools = page.context.new_cdp_session(page)
    with page.expect_event("crash"), suppress(PlaywrightError):
        # Nobody is left to answer.
        devtools.send("Page.crash", timeout=1000)


def newest_of(agent):
    newest = agent.get("/api/audio/sessions", params={"limit": 1}).json()["results"][0]
    return agent.get(f"/api/audio/sessions/{newest['id']}").json()


def an_hour_older(stack, token):
    """The same upload token as if it had been issued an hour before, so that it has expired."""
    signer = signing.Signer(key=(stack.data / "secrets" / "secret-key").read_text().strip(), salt="audio.upload_tokens")
    session_id, user_id, first, issued, seal = signer.unsign_object(token.removeprefix("up_"))
    return "up_" + signer.sign_object([session_id, user_id, first - 3600, issued - 3600, seal])


def pitch_of(samples):
    """The strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / RATE)[int(np.argmax(spectrum))]
