"""Who records now, in two browsers, against everything that `make run` starts."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import agent, browser, page, sign_in
from tests.journeys.test_call import put
from tests.sound import SPEECH, encode, tone

__all__ = ["agent", "browser", "page"]

SILENCED = """
from datetime import timedelta
from django.utils import timezone
from audio import live
from audio.models import AudioSession
session = AudioSession.objects.get(pk="{session_id}")
AudioSession.objects.filter(pk=session.pk).update(last_activity_at=timezone.now() - timedelta(minutes=5))
live.recording_changed(session.tenant_id, str(session.pk))
"""


@pytest.fixture
def other_page(browser, stack):
    context = browser.new_context(base_url=stack.url)
    yield context.new_page()
    context.close()


@pytest.fixture
def word():
    """What all recordings of a test have in their subjects, and no others."""
    return f"W{uuid.uuid4().hex[:8]}"


def begin(agent, subject):
    answer = agent.post("/api/audio/sessions", json={"call": {"subject": subject}})
    assert answer.status_code == 201, answer.text
    return answer.json()


def rows(page):
    return page.locator("#rows tr")


def row_of(page, session):
    return rows(page).filter(has=page.locator(f'a[href="/sessions/{session["id"]}/"]'))


def watch(page, stack, username, word):
    sign_in(page, stack, username, to=f"/live/?q={word}")
    expect(page.locator("#connection-words")).to_have_text("Live")


def test_a_recording_is_seen_from_its_beginning_to_its_end_by_its_own_company_alone(
    page, other_page, stack, agent, word
):
    watch(page, stack, "demo-supervisor", word)
    watch(other_page, stack, "other-supervisor", word)
    session = begin(agent, f"{word} from beginning to end")
    row = row_of(page, session)
    expect(row).to_contain_text("Dana Agent")
    expect(row).to_contain_text("none yet")
    put(agent, session, 0, SPEECH.read_bytes())
    expect(row.locator(".live-verdict")).to_have_text("1 chunk")
    expect(row.locator(".live-chunk")).to_have_text(re.compile(r"^\d+ s ago$"))
    expect(row.locator(".live-bars path")).to_have_attribute("d", re.compile("^M"), timeout=30_000)
    put(agent, session, 1, encode(tone(1.0)))
    expect(row.locator(".live-verdict")).to_have_text("2 chunks")
    agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 2})
    expect(row).to_have_count(0)
    expect(page.locator("#nobody, #no-match").filter(visible=True)).to_be_visible()
    expect(rows(other_page).filter(has_text=word)).to_have_count(0)


def test_what_needs_a_look_rises_says_why_and_is_opened_with_the_keyboard(page, stack, agent, word):
    watch(page, stack, "demo-supervisor", word)
    sessions = [begin(agent, f"{word} {name}") for name in ("well", "silent", "without a microphone")]
    expect(rows(page)).to_have_count(3)
    _, silent, lost = sessions
    expect(rows(page).first).to_contain_text("well")
    gap = {"start": 0.0, "cause": "device", "reason": "unplugged"}
    assert agent.post(f"/api/audio/sessions/{lost['id']}/gaps", json=gap).is_success
    expect(rows(page).first).to_contain_text("The microphone is lost")
    shell = stack.manage("shell", "-c", SILENCED.format(session_id=silent["id"]))
    assert shell.returncode == 0, shell.stderr
    expect(rows(page).nth(1)).to_contain_text("Nothing has arrived for over a minute")
    expect(rows(page).nth(2)).to_contain_text(f"{word} well")
    expect(page.locator("#needing")).to_contain_text("need a look")
    expect(page).to_have_title(re.compile(r"^\(\d+\) Live"))

    page.get_by_label("Find by person or subject").fill(f"dana {word} micro")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Find by person or subject").fill(word)
    expect(rows(page)).to_have_count(3)
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(row_of(page, silent).locator("a")).to_be_focused()
    # Under the focus rows keep their places, whatever comes.
    put(agent, silent, 0, encode(tone(1.0)))
    expect(row_of(page, silent).locator(".live-needs")).to_be_empty()
    expect(row_of(page, silent).locator("a")).to_be_focused()
    expect(rows(page).nth(1)).to_contain_text("silent")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/sessions/{silent['id']}/$"))
    for session in sessions:
        agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1})


ENDED_AND_BACK = """async () => {
  const script = document.querySelector('script[src*="/crm/live"]').src;
  const { RowView } = await import(new URL('../audio/overview/row_view.js', script));
  const row = {
    session_id: 'a', user: { id: 1, name: 'Ada' }, subject: '', state: 'recording', paused: false,
    started_at: '2026-11-20T12:00:00Z', last_chunk_at: null, chunks: 0, delay_seconds: null, level: [], flags: [],
    suspicion_score: null, verdict: { state: 'recording', gaps: 0, owed: 0 }, needs: [],
  };
  const view = new RowView(row, Date.now);
  const shown = () => [view.cells.state.textContent, 'ended' in view.element.dataset];
  view.end();
  const ended = shown();
  view.update({ ...row });
  return [ended, shown()];
}"""


def test_a_row_that_had_ended_and_goes_on_is_shown_going_on(page, stack):
    sign_in(page, stack, "demo-supervisor", to="/live/")
    assert page.evaluate(ENDED_AND_BACK) == [["Ended", True], ["Recording", False]]


def test_an_agent_is_not_shown_what_others_record(page, stack):
    sign_in(page, stack, "demo-agent")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Record", exact=True)).to_be_visible()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Live")).to_have_count(0)
    assert page.goto("/live/").status == 403
