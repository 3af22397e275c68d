"""What people, recorders and bridges do at two web servers at once, until it is over; what was acknowledged is kept."""

import hashlib
import threading
import uuid
from itertools import count

from tests.builders import digest_header
from tests.faults.patient import Patient
from tests.sound import encode, tone
from tests.waiting import wait_until

# As in life; more would have the worker hear for minutes when it is over.
PAUSE_SECONDS = 0.1


class Load:
    """One recorder, one bridge, one who moves a card and one who looks at the board, at each of the web servers."""

    def __init__(self, urls, token):
        self.over = threading.Event()
        self.at_work = [kind(url, token, self.over) for url in urls for kind in (Recorder, Bridge, Mover, Onlooker)]

    def begin(self):
        for one in self.at_work:
            one.start()
        self.wait_for_more()

    def wait_for_more(self, *, by=3):
        """Until each of them has been answered so many times more."""
        before = {one: one.answered for one in self.at_work}
        wait_until(
            lambda: all(one.answered >= before[one] + by for one in self.at_work),
            timeout=120,
            what="everybody to be answered",
        )

    def end(self):
        self.over.set()
        for one in self.at_work:
            one.join(60)
            assert not one.is_alive(), one

    def of(self, kind):
        return [one for one in self.at_work if isinstance(one, kind)]


class AtWork(threading.Thread):
    def __init__(self, url, token, over):
        super().__init__(daemon=True)
        self.client, self.over, self.answered = Patient(url, token), over, 0
        self.begin()

    def begin(self):
        """What it needs before it can go on and on."""

    def run(self):
        for number in count():
            self.do(number)
            self.answered += 1
            if self.over.wait(PAUSE_SECONDS):
                return


class Recorder(AtWork):
    def begin(self):
        self.session = self.client.ask("POST", "/api/audio/sessions", json={"channels": 1}).json()
        self.acknowledged = {}

    def do(self, number):
        body = encode(tone(0.5, frequency=200 + number))
        headers = {"Content-Type": "audio/ogg", "Content-Digest": digest_header(body)}
        path = f"/api/audio/sessions/{self.session['id']}/chunks/{number}"
        answer = self.client.ask("PUT", path, content=body, headers=headers)
        assert answer.json()["checksum"] == hashlib.sha256(body).hexdigest()
        self.acknowledged[number] = answer.json()["checksum"]


class Bridge(AtWork):
    def begin(self):
        self.prefix = f"load-{uuid.uuid4().hex[:8]}"
        self.acknowledged = []

    def do(self, number):
        conversation = {"id": f"{self.prefix}-{number}", "user_id": "somebody", "platform": "web"}
        conversation["transcript"] = f"User: this is number {number}"
        if self.client.ask("POST", "/api/conversations", json=conversation).is_success:
            self.acknowledged.append(conversation["id"])


class Mover(AtWork):
    """Moves one card to and fro; nobody else does."""

    def begin(self):
        self.call_id = f"card-{uuid.uuid4().hex[:8]}"
        made = self.client.ask("POST", "/api/calls", json={"call_id": self.call_id, "subject": "To and fro"})
        assert made.status_code == 201, made.text
        self.columns = [one["id"] for one in self.client.ask("GET", "/api/crm/statuses").json()][:2]
        self.stands_in = None

    def do(self, number):
        status_id = str(self.columns[number % len(self.columns)])
        if self.client.ask("POST", f"/api/calls/{self.call_id}/move", json={"status_id": status_id}).is_success:
            self.stands_in = status_id


class Onlooker(AtWork):
    def do(self, number):
        assert self.client.ask("GET", "/crm/board", params={"limit": 20}).is_success
