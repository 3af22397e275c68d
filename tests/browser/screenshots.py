"""Makes the images of README and docs: `make screenshots`.

1. Everything that `make run` starts, in a directory of its own, with a company that has something to show.
2. A day of figures, of which the dashboard is shown before anything is heard: how fast this machine is tells nobody
   anything.
3. A call of two sides is recorded, heard by the workers, and corrected as somebody would; others come as text.
4. Each page in a real Chromium, light and dark, 1280 wide, as a PNG of 256 colours in `docs/images`.
"""

import json
import re
import shutil
import sys
import tempfile
import threading
import wave
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import expect, sync_playwright

from tests.browser import shown_company
from tests.browser.chromium import CHROMIUM, FLAGS
from tests.browser.small_png import reduced
from tests.running import QUICK, ROOT, RunningStack
from tests.sound import SAMPLE_RATE, encode, speech
from tests.speech import DIRECTORY
from tests.waiting import wait_until

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
PASSWORD = "only for the images of the docs"
CONVERSATION = DIRECTORY / "two-in-turns.ogg"
# Seconds: the agent looks something up; then a card's number is told, and not recorded.
LOOKED_UP = (17.2, 21.5)
PAUSED = (48.4, 13.0)
# At least, of a recording that is shown while it goes on: four chunks, as long as they are by themselves.
RECORDED_FOR = re.compile(r"(2:(0[5-9]|[1-5]\d))|[3-9]:\d\d|\d\d:\d\d")
PATIENCE_SECONDS = 900
BETWEEN_LOOKS = threading.Event()


def main(only):
    """`only`: "record", for the images of the recorder alone, which need no calls."""
    if CHROMIUM is None:
        sys.exit("There is no Chromium on the PATH to look at the pages with.")
    data = Path(tempfile.mkdtemp(prefix="earshot-images-"))
    # PostgreSQL gets to it also when it runs as nobody.
    data.chmod(0o711)
    stack = RunningStack(data)
    # As it ships.
    for name in QUICK:
        stack.environment.pop(name)
    stack.environment.update(EARSHOT_DEMO="0")
    IMAGES.mkdir(exist_ok=True)
    try:
        stack.start()
        company = Company(stack)
        with sync_playwright() as playwright:
            photographer = Photographer(playwright, stack, company)
            if only != "record":
                company.measure()
                photographer.take_dashboard()
                company.fill()
                photographer.take_pages()
            photographer.take_recorder()
    finally:
        stack.stop()
        shutil.rmtree(data, ignore_errors=True)


class Company:
    """What is shown, made by the doors that anybody uses; people and figures of a day, where there is no door."""

    def __init__(self, stack):
        self.stack = stack
        told = self._in_stack(f"shown_in_stores.make({PASSWORD!r})")
        made = json.loads(told.strip().splitlines()[-1])
        self.tenant, self.ids = made["tenant"], made["ids"]
        self.clients = {
            name: httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
            for name, token in made["tokens"].items()
        }

    def measure(self):
        agents = [self.ids[username] for username, *_, role in shown_company.PEOPLE if role == "agent"]
        self._in_stack(f"shown_in_stores.measure({self.tenant}, {agents!r})")
        say("A day of figures")

    def fill(self):
        self.columns = [
            self._post("alex", "/api/crm/statuses", {"name": name, "color": color})["id"]
            for name, color in shown_company.STATUSES
        ]
        self.contacts = [
            self._post(
                "maya",
                "/api/crm/contacts",
                {"names": [name], "phones": [phone], "identities": [{"platform": "web-chat", "external_user_id": id_}]},
            )["id"]
            for name, phone, id_ in shown_company.CONTACTS
        ]
        say("People, statuses and contacts")
        self.invoice = self._record_the_invoice()
        calls = {shown.subject: self._take_in(shown) for shown in shown_company.CALLS}
        self._in_stack(f"shown_in_stores.raise_flags({self.tenant}, {calls!r})")
        self._correct(self.invoice)
        say("Calls, of which one was recorded and heard")

    def record_now(self):
        """Recordings that go on, one of which has lost its microphone and one of which is paused."""
        sound = encode(speech()[: 20 * SAMPLE_RATE])
        for name, subject in [
            ("tom", "Where is order 20733?"),
            ("dana", "Change of address"),
            ("leo", "Broken zip, wants a new one"),
            ("ines", "Delivery on a Saturday"),
        ]:
            session = self._post(name, "/api/audio/sessions", {"call": {"subject": subject, "direction": "inbound"}})
            self._put(name, session, 0, sound)
            gaps = f"/api/audio/sessions/{session['id']}/gaps"
            if name == "leo":
                self._post(name, gaps, {"start": 20.0, "cause": "device", "reason": "The microphone was unplugged"})
            if name == "ines":
                self._post(name, gaps, {"start": 20.0, "cause": "pause", "reason": "Card or account data"})

    def _take_in(self, shown):
        sides = ("client", "agent") if shown.begins == "client" else ("agent", "client")
        call = {
            "subject": shown.subject,
            "direction": shown.direction,
            "platform": "telephone",
            "phone": shown_company.CONTACTS[shown.customer][1],
            "start_time": (datetime.now(UTC) - timedelta(minutes=shown.minutes_ago)).isoformat(),
            "duration": shown.minutes * 60.0 - 13,
            "status_id": str(self.columns[shown.column]),
            "assigned_to_id": self.ids.get(shown.given_to),
            "status": "completed",
            "segments": [
                {
                    "segment_id": f"line-{place}",
                    "speaker": sides[place % 2],
                    "text": text,
                    "start_time": 2.0 + 9 * place,
                    "end_time": 9.0 + 9 * place,
                }
                for place, text in enumerate(shown.said)
            ],
        }
        return self._post("maya", "/api/calls", call)["call_id"]

    def _record_the_invoice(self):
        """Two sides, with a silence, and a pause in which a card's number is told."""
        sides = sides_of_the_call()
        at = round(LOOKED_UP[0] * SAMPLE_RATE)
        gap = np.zeros((2, round(LOOKED_UP[1] * SAMPLE_RATE)), dtype=np.float32)
        whole = np.concatenate([sides[:, :at], gap, sides[:, at:]], axis=1)
        call = {
            "subject": "Charged twice for one invoice",
            "direction": "inbound",
            "platform": "telephone",
            "phone": shown_company.CONTACTS[1][1],
        }
        session = self._post("dana", "/api/audio/sessions", {"channels": 2, "call": call})
        address = f"/api/audio/sessions/{session['id']}"
        cuts = [0.0, 30.0, PAUSED[0], whole.shape[1] / SAMPLE_RATE]
        for index, (start, end) in enumerate(pairwise(cuts)):
            later = PAUSED[1] if start >= PAUSED[0] else 0.0
            body = encode(whole[:, round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)], bit_rate=64_000)
            self._put("dana", session, index, body, start=start + later)
        pause = {"start": PAUSED[0], "end": sum(PAUSED), "cause": "pause", "reason": "Card or account data"}
        self._post("dana", f"{address}/gaps", pause)
        self._post("dana", f"{address}/complete", {"total_chunks": len(cuts) - 1})
        return session

    def _correct(self, session):
        """As somebody does who listens: what the draft engine has misheard is put right, line by line."""
        dana, maya = self.clients["dana"], self.clients["maya"]
        address = f"/api/audio/sessions/{session['id']}"
        wait_until(lambda: is_heard(dana, address), timeout=PATIENCE_SECONDS, what="the call")
        call_address = f"/api/calls/{session['call_id']}"
        heard = dana.get(call_address).json()["conversation"]
        for line, text in zip(heard, told_by(heard), strict=True):
            answer = dana.patch(f"{call_address}/segments/{line['segment_id']}", json={"text": text})
            assert answer.status_code == 200, answer.text
        self._post(
            "maya", f"{call_address}/notes", {"text": "Refund went out today. Dana writes to him once it is there."}
        )
        version = maya.get(call_address).json()["version"]
        given = {"assigned_to_id": self.ids["dana"], "owner_id": self.ids["maya"], "version": version}
        changed = maya.patch(call_address, json=given)
        assert changed.status_code == 200, changed.text
        self._post("maya", f"{call_address}/move", {"status_id": str(self.columns[1])})

    def _put(self, name, session, index, body, *, start=0.0):
        headers = {"Content-Type": "audio/ogg", "X-Start-Time": f"{start:.3f}"}
        address = f"/api/audio/sessions/{session['id']}/chunks/{index}"
        answer = self.clients[name].put(address, content=body, headers=headers)
        assert answer.status_code == 201, answer.text

    def _post(self, name, address, body):
        answer = self.clients[name].post(address, json=body)
        assert answer.status_code in (200, 201, 202), f"{address}: {answer.status_code} {answer.text}"
        return answer.json()

    def _in_stack(self, statement):
        done = self.stack.manage("shell", "-c", f"from tests.browser import shown_in_stores; {statement}")
        assert done.returncode == 0, done.stderr
        return done.stdout


def is_heard(client, address):
    """Asked now and then: whoever is heard needs the cores more."""
    BETWEEN_LOOKS.wait(2)
    return client.get(address).json()["status"] == "completed"


def told_by(heard):
    """For each line of the two-sided call what was really said then: of a turn that was heard in pieces its share."""
    turns = true_turns()
    pieces = {}
    for place, line in enumerate(heard):
        of_side = [number for number, turn in enumerate(turns) if turn[0] == line["speaker"]]
        best = max(of_side, key=lambda number: _overlap(line, turns[number]))
        pieces.setdefault(best, []).append(place)
    texts = [""] * len(heard)
    for number, places in pieces.items():
        words = turns[number][3].split()
        seconds = np.cumsum([heard[place]["end_time"] - heard[place]["start_time"] for place in places])
        ends = [round(len(words) * part / seconds[-1]) for part in seconds]
        for place, begin, end in zip(places, [0, *ends], ends, strict=False):
            texts[place] = " ".join(words[begin:end])
    return texts


def turns_as_spoken():
    """(speaker, start, end, text) of the file that the call is made of."""
    rows = [row.split() for row in CONVERSATION.with_suffix(".rttm").read_text().splitlines()]
    texts = CONVERSATION.with_suffix(".txt").read_text().splitlines()
    return [
        ("agent" if row[7] == "ann" else "client", float(row[3]), float(row[3]) + float(row[4]), text)
        for row, text in zip(rows, texts, strict=True)
    ]


def true_turns():
    """The same on the recording's own line."""
    turns = []
    for speaker, start, end, text in turns_as_spoken():
        later = LOOKED_UP[1] if start >= LOOKED_UP[0] else 0.0
        later += PAUSED[1] if start + later >= PAUSED[0] else 0.0
        turns.append((speaker, start + later, end + later, text))
    return turns


def sides_of_the_call():
    """Each side on a channel of its own, as a telephone system has them: (2, samples), agent left, client right."""
    mono = speech(CONVERSATION)
    sides = np.zeros((2, len(mono)), dtype=np.float32)
    for speaker, start, end, _ in turns_as_spoken():
        of_turn = slice(max(0, round((start - 0.1) * SAMPLE_RATE)), round((end + 0.2) * SAMPLE_RATE))
        sides[int(speaker == "client"), of_turn] = mono[of_turn]
    return sides


def _overlap(line, turn):
    return min(line["end_time"], turn[2]) - max(line["start_time"], turn[1])


class Photographer:
    """Opens pages as the people whose pages they are, in both themes."""

    def __init__(self, playwright, stack, company):
        self.playwright, self.stack, self.company = playwright, stack, company

    def take_dashboard(self):
        with self._browser() as browser:
            self._take(browser, "maya", "dashboard", "/dashboard/?range=24h", ready=self._charts_are_there)

    def take_pages(self):
        with self._browser() as browser:
            self._take(browser, "maya", "board", "/board/", ready=self._board_is_there)
            self._take(browser, "maya", "call", f"/calls/{self.company.invoice['call_id']}/", ready=self._call_is_there)
            self._take(browser, "maya", "search", "/search/?q=money+back", ready=self._hits_are_there)
            contact = self.company.contacts[1]
            self._take(
                browser,
                "priya",
                "erasure",
                f"/privacy/new/preview/?contact_id={contact}",
                ready=lambda page: expect(page.get_by_text("Nothing was changed.")).to_be_visible(),
            )
            self.company.record_now()
            self._take(browser, "maya", "live", "/live/", ready=self._four_are_heard)

    def _take(self, browser, username, name, address, *, ready):
        for theme in ("light", "dark"):
            with self._page(browser, username, theme) as page:
                page.goto(address)
                ready(page)
                self._shoot(page, name, theme)

    def take_recorder(self):
        """While it records: in one theme, then in the other."""
        with self._browser(microphone=self._microphone()) as browser, self._page(browser, "tom", "light") as page:
            page.on("dialog", lambda dialog: dialog.accept())
            page.goto("/record/")
            page.get_by_label("Take out echo and noise").uncheck()
            page.get_by_role("button", name="Start recording").click()
            expect(page.locator("#elapsed")).to_have_text(RECORDED_FOR, timeout=240_000)
            expect(page.locator("#segments li").nth(2)).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
            self._shoot(page, "record", "light")
            page.emulate_media(color_scheme="dark")
            self._shoot(page, "record", "dark")
            page.get_by_role("button", name="Stop recording").click()
            expect(page.locator("#ended")).to_be_visible()

    def _microphone(self):
        path = self.stack.data / "microphone.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((np.clip(speech(), -1, 1) * 32767).astype("<i2").tobytes())
        return path

    @contextmanager
    def _browser(self, microphone=None):
        hears = [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
        ]
        # By the language of the browser itself fields of dates are written, whatever that of the page is.
        flags = [*FLAGS, "--lang=en-GB", "--force-color-profile=srgb", *(hears if microphone else [])]
        browser = self.playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()

    @contextmanager
    def _page(self, browser, username, theme):
        context = browser.new_context(
            base_url=self.stack.url, viewport=SIZE, color_scheme=theme, reduced_motion="reduce", locale="en-GB"
        )
        page = context.new_page()
        page.goto("/sign-in/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda address: "/sign-in" not in address)
        yield page
        context.close()

    def _shoot(self, page, name, theme):
        page.mouse.move(0, 0)
        file = IMAGES / f"{name}{'-dark' if theme == 'dark' else ''}.png"
        file.write_bytes(reduced(page.screenshot(animations="disabled", caret="hide")))
        say(f"{file.relative_to(ROOT)}, {file.stat().st_size // 1000} KB")

    def _board_is_there(self, page):
        expect(page.locator("#columns")).to_have_attribute("aria-busy", "false")
        # Whose calls they are is found by beat.
        expect(page.get_by_text("Unknown caller")).to_have_count(0, timeout=60_000)

    def _call_is_there(self, page):
        expect(page.locator("#call")).to_have_attribute("aria-busy", "false")
        expect(page.locator("#wave canvas").first).to_be_visible()
        page.wait_for_load_state("networkidle")

    def _hits_are_there(self, page):
        def found():
            page.reload()
            page.wait_for_load_state("networkidle")
            return page.locator("#hits > li").count() >= 3

        wait_until(found, timeout=PATIENCE_SECONDS, what="the vectors")

    def _charts_are_there(self, page):
        expect(page.locator("#dashboard")).to_have_attribute("aria-busy", "false")
        # Beat has to have compared figures with rules.
        expect(page.get_by_text("1 alert open")).to_be_visible(timeout=120_000)
        page.wait_for_load_state("networkidle")
        expect(page.locator("#connection-words")).to_have_text("Live", timeout=30_000)

    def _four_are_heard(self, page):
        expect(page.locator("#connection-words")).to_have_text("Live")
        expect(page.locator("#rows .live-bars path[d^=M]")).to_have_count(4, timeout=90_000)


def say(words):
    print(words, flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
