"""Web servers, beats and a worker on machines of their own: one Earshot, also when the stores' primary dies under load.

Nothing lies on a disk that they share. What they do share, and what else an operator has to know, is told in
docs/several-machines.md.
"""

import json
import os
from collections import Counter
from pathlib import Path

import httpx
import psycopg
import pytest
from websockets.sync.client import connect

from audio import sending
from tests.deploy.load import Bridge, Load, Mover, Recorder
from tests.deploy.machines import Machine, ReplicaSet, Stores
from tests.faults.patient import Patient
from tests.journeys.test_call import put, read_until, socket_address
from tests.scale import scaled
from tests.sound import encode, tone
from tests.waiting import wait_until

# A request may ask a store that is away more than once, and each time has a deadline of its own; PostgreSQL's, the
# longest, is 15 s. Nobody waits for longer than that and a bit.
DEADLINE_SECONDS = 20
KILLS = scaled(1, 4)
SECOND = encode(tone(1.0))


class Site:
    """Machine `a` and `b` serve people and have a beat each; `c` does the work. `b` takes in conversations too."""

    def __init__(self, directory):
        self.mongodb = ReplicaSet(directory)
        self.stores = Stores(directory / "stores", self.mongodb.url)
        self.running = [self.stores, self.mongodb]
        shared = {**self.stores.addresses, "EARSHOT_DEMO": "1"}
        self.a, self.b, self.c = (Machine(name, directory, shared) for name in "abc")
        self.running = [self.a, self.b, self.c, *self.running]

    def start(self):
        self.a.manage("prepare", "--demo")
        self.b.manage("collectstatic", "--no-input")
        self.a.start("web", "beat")
        self.b.start("web", "beat", "intake")
        self.c.start("worker")
        self.tokens = {name: self.a.manage("issue_token", name) for name in ("demo-supervisor", "demo-privacy")}
        wait_until(lambda: self.a.is_ready() and self.b.is_ready(), timeout=300, what="both web servers")

    def at(self, machine, username="demo-supervisor"):
        headers = {"Authorization": f"Bearer {self.tokens[username]}"}
        return httpx.Client(base_url=machine.url, headers=headers, timeout=30)

    def rows(self, question, values=()):
        with psycopg.connect(self.stores.addresses["EARSHOT_DATABASE_URL"]) as database:
            return database.execute(question, values).fetchall()

    def stop(self):
        for one in self.running:
            one.stop()


@pytest.fixture(scope="module")
def site():
    directory = Path(os.environ["EARSHOT_DATA"]) / "machines"
    directory.mkdir(mode=0o711)
    running = Site(directory)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_who_has_signed_in_at_one_is_signed_in_at_the_other(site):
    password = (site.a.data / "demo-password").read_text().strip()
    with httpx.Client(timeout=30) as browser:
        browser.get(f"{site.a.url}/sign-in/")
        form = {"username": "demo-supervisor", "password": password}
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        assert browser.post(f"{site.a.url}/sign-in/", data=form).status_code == 302
        page = browser.get(f"{site.b.url}/board/")
        assert page.status_code == 200
        # The page's scripts and styles, by names that hold for what every machine has of them.
        style = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        assert httpx.get(f"{site.b.url}{style}").content == httpx.get(f"{site.a.url}{style}").content != b""
        out = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post(f"{site.b.url}/sign-out/", data=out).status_code == 302
        assert browser.get(f"{site.a.url}/board/").status_code == 302


def test_what_one_hands_out_the_other_takes(site):
    with site.at(site.a) as at_a, site.at(site.b) as at_b:
        sessions = [at_a.post("/api/audio/sessions", json={"channels": 1}).json() for _ in range(2)]
        token = at_a.post(f"/api/audio/sessions/{sessions[0]['id']}/upload-token").json()["token"]
        with httpx.Client(base_url=site.b.url, headers={"Authorization": f"Bearer {token}"}) as recorder:
            assert put(recorder, sessions[0], 0, SECOND).status_code == 201
        # What one has stored the other plays, and a list that was begun at one is read on at the other.
        played = at_a.get(f"/api/audio/sessions/{sessions[0]['id']}/audio")
        assert played.status_code == 200
        first = at_a.get("/api/audio/sessions", params={"limit": 1}).json()
        second = at_b.get(first["next"].removeprefix(site.a.url)).json()
        assert [page["results"][0]["id"] for page in (first, second)] == [one["id"] for one in reversed(sessions)]
        ticket = at_a.post("/api/tickets").json()["ticket"]
        address = f"{site.b.url.replace('http', 'ws')}/ws/audio/{sessions[0]['id']}?ticket={ticket}"
        with connect(address) as socket:
            assert read_until(socket, "session")


def test_a_watcher_at_one_sees_what_is_sent_to_the_other_and_heard_on_a_third(site):
    with site.at(site.a) as at_a, site.at(site.b) as at_b:
        session = at_b.post("/api/audio/sessions", json={"channels": 1}).json()
        with connect(socket_address(at_a, session)) as socket:
            read_until(socket, "session")
            assert put(at_b, session, 0, SECOND).status_code == 201
            at_b.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1})
            kinds = [frame["type"] for frame in read_until(socket, "session_completed")]
        assert {"chunk_stored", "chunk_analysed", "chunk_transcribed", "chunk_processed"} <= set(kinds)
        assert max(Counter(kind for kind in kinds if kind.startswith("chunk_")).values()) == 1


def test_a_certificate_that_a_worker_issued_is_verified_anywhere(site, tmp_path):
    customer = {"names": ["Clara Quartermaine"], "identities": [{"platform": "web", "external_user_id": "clara"}]}
    with site.at(site.a) as at_a:
        contact = at_a.post("/api/crm/contacts", json=customer).json()
    with site.at(site.a, "demo-privacy") as at_a, site.at(site.b, "demo-privacy") as at_b:
        asked = at_a.post("/api/privacy/erasures", json={"contact_id": contact["id"], "reason": "Asked for it"}).json()
        address = f"/api/privacy/erasures/{asked['id']}"
        wait_until(lambda: at_b.get(address).json()["status"] == "completed", timeout=120, what="the erasure")
        certificates = [client.get(f"{address}/certificate").content for client in (at_a, at_b)]
    assert certificates[0] == certificates[1]
    (tmp_path / "certificate.json").write_bytes(certificates[0])
    assert "The certificate holds" in site.b.manage("verify_certificate", str(tmp_path / "certificate.json"))


def test_of_two_beats_one_leads_and_when_its_machine_dies_the_other_does(site):
    def leaders():
        return [machine for machine in (site.a, site.b) if machine.said("beat").count("beat_leads")]

    (leader,) = wait_until(leaders, what="a beat to lead")
    other = site.b if leader is site.a else site.a
    leader.kill("beat")
    wait_until(lambda: other.said("beat").count("beat_leads"), what="the other to take over")
    leader.start("beat")


@pytest.mark.timeout(scaled(600, 1800))
@pytest.mark.parametrize("store", ["the primary of MongoDB", "Redis"])
def test_a_store_that_dies_under_load_loses_nothing_and_has_nobody_wait_for_long(site, store):
    load = Load([site.a.url, site.b.url], site.tokens["demo-supervisor"])
    [watched, _] = load.of(Recorder)
    watcher = watch(site, watched.session)
    load.begin()
    for _ in range(KILLS):
        if store == "Redis":
            site.stores.kill_redis()
            load.wait_for_more()
        else:
            port = site.mongodb.kill_primary()
            wait_until(site.mongodb.primary, what="another primary")
            load.wait_for_more()
            site.mongodb.bring_back(port)
    load.end()
    assert [one.client.refused for one in load.at_work] == [[]] * len(load.at_work)
    assert {status for one in load.at_work for status, _ in one.client.postponed} <= {429, 503}
    assert max(one.client.longest_seconds for one in load.at_work) <= DEADLINE_SECONDS
    at_b = Patient(site.b.url, site.tokens["demo-supervisor"])
    for recorder in load.of(Recorder):
        assert_heard_once(site, at_b, recorder)
    assert watcher.ended.wait(120), "the watcher at the other web server has not seen the end"
    wait_until(lambda: none_waits(at_b), timeout=120, what="all conversations to be stored")
    for bridge in load.of(Bridge):
        stored = site.mongodb.documents("calls", {"call_id": {"$regex": f"^{bridge.prefix}-"}})
        assert sorted(call["call_id"] for call in stored) == sorted(bridge.acknowledged)
    for mover in load.of(Mover):
        (card,) = site.mongodb.documents("calls", {"call_id": mover.call_id})
        assert str(card["status_id"]) == mover.stands_in
    assert_every_call_is_counted_once(site)


def watch(site, session):
    """Who watches at `b` what is recorded at `a`, and comes back whenever the line breaks."""
    frames = []
    at_b = sending.Recorder(site.b.url, site.tokens["demo-supervisor"])
    watcher = sending.Watcher(at_b, session["id"], frames.append)
    watcher.start()
    wait_until(lambda: frames, what="the watcher to be there")
    return watcher


def assert_heard_once(site, client, recorder):
    address = f"/api/audio/sessions/{recorder.session['id']}"
    client.ask("POST", f"{address}/complete", json={"total_chunks": len(recorder.acknowledged)})
    wait_until(lambda: client.ask("GET", address).json()["status"] == "completed", timeout=180, what="all to be heard")
    rows = site.rows(
        "SELECT chunk_index, checksum, processing_status FROM audio_audiochunk WHERE session_id = %s ORDER BY 1",
        [recorder.session["id"]],
    )
    assert rows == [(index, digest, "completed") for index, digest in sorted(recorder.acknowledged.items())]
    assert len(site.mongodb.documents("calls", {"call_id": recorder.session["call_id"]})) == 1


def none_waits(client):
    told = client.ask("GET", "/api/conversations/stats").json()
    return told["queued"] + told["processing"] == 0


def assert_every_call_is_counted_once(site):
    """The counters of a board are written with what they count, or neither is."""
    counted, there = Counter(), Counter()
    for slot in site.mongodb.documents("call_counters"):
        counted[slot["tenant_id"], slot["status_id"]] += slot["count"]
    for call in site.mongodb.documents("calls", {"deleted": 0}):
        there[call["tenant_id"], call["status_id"]] += 1
    assert {key: number for key, number in counted.items() if number} == there, json.dumps(str(counted - there))
