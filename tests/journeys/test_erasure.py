"""Somebody is erased in the middle of a call, by workers that are killed while they do it: nothing of them is left.

Three people in two companies fill every store. What is searched afterwards are the raw bytes of all stores; what the
others have is as it was. Then the stores go back to yesterday, and at the next start she is forgotten once more.
"""

import os
import shutil
import signal
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bson
import numpy as np
import psycopg
import pytest
from pymongo import MongoClient

from tests.journeys.test_call import put, start
from tests.running import RunningStack, children_of
from tests.scale import scaled
from tests.sound import SAMPLE_RATE, encode, speech
from tests.traces import Stores, rows_of
from tests.waiting import wait_until

ANNA = {"username": "anna.lindqvist", "name": "Anna Lindqvist", "email": "anna.lindqvist@example.org", "role": "agent"}
BERT = {"username": "bert.mulder", "name": "Bert Mulder", "email": "bert.mulder@example.org", "role": "agent"}
CLARA = {
    "names": ["Clara Quartermaine"],
    "phones": ["+44 20 7946 0958"],
    "emails": ["clara@quartermaine.example"],
    "identities": [{"platform": "webchat", "external_user_id": "clara-7731"}],
}
DORA = {"names": ["Dora Pemberton"], "identities": [{"platform": "webchat", "external_user_id": "dora-4405"}]}
# What each says in writing; what they say aloud is found out when it has been heard.
CLARA_SAYS = "My marmalade lighthouse has been leaking since Thursday."
DORA_SAYS = "The velvet tractor never arrived at our windmill."
TALK = Path(__file__).parent.parent / "speech" / "two-in-turns.ogg"
# The worker that erases is killed so often, each time when it has come further.
KILLS = scaled(3, 18)
# What is restored from a backup; the archive and the logs are in none.
RESTORED = ("postgres", "mongodb", "redis")


@pytest.fixture(scope="module")
def erasing():
    """A stack of its own, which is stopped and started on data that it had before."""
    data = Path(os.environ["EARSHOT_DATA"]) / "erasing"
    data.mkdir(mode=0o711)
    running = RunningStack(data)
    running.environment |= {"EARSHOT_ERASURE_SECONDS": "1", "EARSHOT_ERASURE_LEASE_SECONDS": "3"}
    running.start()
    yield running
    running.stop()


def said(first, last):
    """Some seconds of two who talk, of which nobody else here says any, nor do the demo's recordings."""
    return speech(TALK)[first * SAMPLE_RATE : last * SAMPLE_RATE]


def of_two(agent, client):
    length = min(len(agent), len(client))
    return np.stack([agent[:length], client[:length]])


def record(client, sound, **call):
    """A call that was recorded to its end and heard."""
    session = start(client, channels=len(np.atleast_2d(sound)), call=call)
    assert put(client, session, 0, encode(sound)).status_code == 201
    assert client.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1}).status_code == 200
    wait_until(
        lambda: client.get(f"/api/audio/sessions/{session['id']}").json()["status"] == "completed",
        timeout=120,
        what="the recording to be heard",
    )
    return session


def told(client, conversation_id, external_user_id, text):
    """A conversation that a chat bot sends, stored."""
    body = {
        "id": conversation_id,
        "user_id": external_user_id,
        "platform": "webchat",
        "transcript": [
            {"role": "agent", "content": "Good morning, what can I do for you?"},
            {"role": "client", "content": text},
        ],
        "summary": f"Says: {text}",
    }
    assert client.post("/api/conversations", json=body).status_code == 202
    wait_until(
        lambda: client.get(f"/api/conversations/{conversation_id}").json()["status"] == "stored",
        what="the conversation to be stored",
    )


def measured(client, external_user_id):
    """Segments and a dubbing session of a customer; some of the segments are yesterday's."""
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0) - timedelta(minutes=10)
    segments = [
        {
            "segment_id": f"{external_user_id}-{number}",
            "channel_id": "news",
            "session_id": f"s-{external_user_id}",
            "user_id": external_user_id,
            "platform": "webchat",
            "extraction_ms": 100,
            "dubbing_ms": 300,
            "reinsertion_ms": 100,
            **({"received_at": yesterday.isoformat()} if number % 2 else {}),
        }
        for number in range(10)
    ]
    assert client.post("/api/metrics/segments", json=segments).json()["accepted"] == len(segments)
    session = {
        "session_id": f"d-{external_user_id}",
        "user_id": external_user_id,
        "platform": "webchat",
        "channel_id": "news",
        "source_language": "he",
        "target_language": "en",
    }
    assert client.post("/api/metrics/dubbing-sessions", json=session).status_code == 201


class Live(threading.Thread):
    """A recorder that goes on until it is refused."""

    def __init__(self, client, sound):
        super().__init__(daemon=True)
        self.client, self.body = client, encode(sound)
        self.session = start(client)
        self.answers = []

    def run(self):
        index = 0
        while not self.answers or self.answers[-1] in {201, 429, 503}:
            self.answers.append(put(self.client, self.session, index, self.body).status_code)
            index += 1


class Killer(threading.Thread):
    """Kills the worker that erases, pool and all, each time when it has come further than before."""

    def __init__(self, stack, progress):
        super().__init__(daemon=True)
        self.stack, self.progress = stack, progress
        self.killed_at = []
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.is_set() and len(self.killed_at) < KILLS:
            steps = self.progress()
            if steps and steps not in self.killed_at:
                workers = self.stack.processes("celery", "general@")
                for process in [*workers, *(child for parent in workers for child in children_of(parent))]:
                    try:
                        os.kill(process, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                self.killed_at.append(steps)


def erase(stack, privacy, **whom):
    """Ask for it, kill whoever does it, and wait until it is complete. The request, and at which steps was killed."""
    reason = f"Asked for in writing by {ANNA['email']} about {CLARA_SAYS}"
    asked = privacy.post("/api/privacy/erasures", json={**whom, "reason": reason})
    assert asked.status_code == 202, asked.text
    address = f"/api/privacy/erasures/{asked.json()['id']}"

    def request():
        return privacy.get(address).json()

    killer = Killer(stack, lambda: len(request()["steps"]))
    killer.start()
    try:
        wait_until(lambda: request()["status"] == "completed", timeout=scaled(180, 600), what="the erasure")
    finally:
        killer.is_over.set()
        killer.join()
    return request(), killer.killed_at


def words_of(client, session, *, speaker=None):
    """What was heard, three words together at a time, so that no chance has somebody else say the same."""
    conversation = client.get(f"/api/calls/{session['call_id']}").json()["conversation"]
    texts = [segment["text"].split() for segment in conversation if speaker in {None, segment["speaker"]}]
    found = {" ".join(words[at : at + 3]) for words in texts for at in range(len(words) - 2)}
    assert found
    return found


def portrait(stack, sessions, call_ids):
    """What the stores have of these recordings and calls, byte for byte."""
    stores = Stores(stack)
    ids = [session["id"] for session in sessions]
    with MongoClient(stores.environment["EARSHOT_MONGODB_URL"]) as client:
        found = client.get_default_database().calls.find({"call_id": {"$in": call_ids}}).sort("call_id", 1)
        calls = [bson.encode(call) for call in found]
    with psycopg.connect(stores.environment["EARSHOT_DATABASE_URL"]) as connection:
        rows = {
            "audio_audiosession": [
                *rows_of(connection, "audio_audiosession", "id = ANY(%s::uuid[]) ORDER BY id", [ids])
            ],
            "audio_audiochunk": [
                *rows_of(connection, "audio_audiochunk", "session_id = ANY(%s::uuid[]) ORDER BY id", [ids])
            ],
            "calls_indexedsegment": [
                *rows_of(
                    connection,
                    "calls_indexedsegment",
                    "call_id IN (SELECT id FROM calls_indexedcall WHERE call_id = ANY(%s)) ORDER BY id",
                    [call_ids],
                )
            ],
        }
    objects = {
        str(path): path.read_bytes()
        for path in sorted((stack.data / "objects").rglob("*"))
        if path.is_file() and any(one in str(path) for one in ids)
    }
    assert calls
    assert objects
    return calls, rows, objects


class World:
    """Three people in two companies, and all that there is of them."""

    def __init__(self, stack):
        self.stack = stack
        self.privacy, self.supervisor = stack.client("demo-privacy"), stack.client("demo-supervisor")
        admin, other = stack.client("demo-admin"), stack.client("other-supervisor")
        self.anna_id, _ = (admin.post("/api/crm/users", json=one).json()["id"] for one in (ANNA, BERT))
        self.anna, self.bert = stack.client(ANNA["username"]), stack.client(BERT["username"])
        contacts = (self.supervisor.post("/api/crm/contacts", json=one).json() for one in (CLARA, DORA))
        self.clara_id, _ = (contact["id"] for contact in contacts)
        admin.post("/api/metrics/alerts/destinations", json={"kind": "email", "address": ANNA["email"]})

        self.alone = record(self.anna, said(0, 6), subject="Anna alone")
        clara = {"platform": "webchat", "external_user_id": "clara-7731"}
        self.with_clara = record(self.anna, of_two(said(6, 12), said(12, 18)), **clara)
        self.berts = record(self.bert, said(18, 24), subject="Something of Bert's")
        dora = {"platform": "webchat", "external_user_id": "dora-4405"}
        self.with_dora = record(self.bert, of_two(said(24, 29), said(29, 34)), **dora)
        self.elsewhere = record(other, said(18, 24), subject="Of another company")
        told(self.supervisor, "chat-1", "clara-7731", CLARA_SAYS)
        told(self.supervisor, "chat-2", "dora-4405", DORA_SAYS)
        for external_user_id in ("clara-7731", "dora-4405"):
            measured(self.supervisor, external_user_id)
        self._name_her_elsewhere()
        for command in ("aggregate_metrics", "archive_metrics"):
            done = stack.manage(command)
            assert done.returncode == 0, done.stdout + done.stderr

        self.of_anna = {
            *(ANNA[name] for name in ("username", "name", "email")),
            f"user:{self.anna_id}",
            *words_of(self.anna, self.alone),
            *words_of(self.anna, self.with_clara, speaker="agent"),
        }
        self.aloud_of_clara = words_of(self.anna, self.with_clara, speaker="client")
        self.of_clara = {*CLARA["names"], *CLARA["emails"], "clara-7731", CLARA_SAYS, *self.aloud_of_clara}

    def _name_her_elsewhere(self):
        """A call of Bert's is hers to work, and somebody has asked for all that is kept of her."""
        address = f"/api/calls/{self.berts['call_id']}"
        body = {"assigned_to_id": self.anna_id, "version": self.supervisor.get(address).json()["version"]}
        assert self.supervisor.patch(address, json=body).status_code == 200
        export = self.privacy.post("/api/privacy/exports", json={"user_id": self.anna_id}).json()
        address = f"/api/privacy/exports/{export['id']}"
        wait_until(lambda: self.privacy.get(address).json()["status"] == "ready", timeout=120, what="the export")

    def of_others(self, *conversations):
        """What nobody may have touched, byte for byte."""
        sessions = [self.with_dora, self.elsewhere]
        return portrait(self.stack, sessions, [*(session["call_id"] for session in sessions), *conversations])

    def found(self, needles):
        return Stores(self.stack).found(needles)


def copy(source, target):
    """With their owners: PostgreSQL reads nothing that belongs to somebody else."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


# Stores are filled, the stack is started three times, and workers die: longer than any test may take by itself.
@pytest.mark.timeout(scaled(900, 2700))
def test_who_is_erased_in_the_middle_of_a_call_is_nowhere_any_more_and_stays_so(erasing, tmp_path):
    world = World(erasing)
    # Everything that is searched for is there before, so that a search that finds nothing says something.
    assert world.found(world.of_anna | world.of_clara).keys() == world.of_anna | world.of_clara
    assert erasing.stop() == 0
    for part in (*RESTORED, "objects"):
        copy(erasing.data / part, tmp_path / part)
    erasing.start()
    the_colleague_goes(world, tmp_path)
    the_customer_goes(world)
    yesterday_comes_back(world, tmp_path)


def the_colleague_goes(world, tmp_path):
    before = world.of_others("chat-1", "chat-2")
    live = Live(world.anna, said(0, 6))
    live.start()
    wait_until(lambda: live.answers.count(201) >= 2, what="the call to go on")
    request, killed_at = erase(world.stack, world.privacy, user_id=world.anna_id)
    live.join(timeout=60)
    assert live.answers[-1] in {401, 404}
    assert len(killed_at) == KILLS
    assert not any(row["left"] or row["found_again"] for row in request["steps"]), request["steps"]
    assert world.found(world.of_anna) == {}
    assert world.supervisor.get(f"/api/audio/sessions/{live.session['id']}").status_code == 404
    assert world.of_others("chat-1", "chat-2") == before

    # The other side of her call has stayed.
    heard = world.supervisor.get(f"/api/calls/{world.with_clara['call_id']}").json()
    assert {segment["speaker"] for segment in heard["conversation"]} == {"client"}
    assert world.found(world.aloud_of_clara).keys() == world.aloud_of_clara
    assert world.supervisor.get(f"/api/calls/{world.alone['call_id']}").status_code == 404

    certificate = tmp_path / "certificate.json"
    certificate.write_bytes(world.privacy.get(f"/api/privacy/erasures/{request['id']}/certificate").content)
    verified = world.stack.manage("verify_certificate", str(certificate))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert world.stack.manage("verify_audit").returncode == 0


def the_customer_goes(world):
    """Her words go from the call of which the agent's are gone already, and with them all of it."""
    before = world.of_others("chat-2")
    request, _ = erase(world.stack, world.privacy, contact_id=world.clara_id)
    assert not any(row["left"] or row["found_again"] for row in request["steps"]), request["steps"]
    assert world.found(world.of_clara) == {}
    assert world.of_others("chat-2") == before


def yesterday_comes_back(world, tmp_path):
    """All data but the archive's."""
    stack = world.stack
    assert stack.stop() == 0
    recordings = [bucket.name for bucket in (tmp_path / "objects").iterdir() if "archive" not in bucket.name]
    for part in (*RESTORED, *(f"objects/{name}" for name in recordings)):
        shutil.rmtree(stack.data / part)
        copy(tmp_path / part, stack.data / part)
    stack.start()
    everything = world.of_anna | world.of_clara
    wait_until(lambda: not world.found(everything), timeout=120, what="both to be forgotten again")
    assert world.supervisor.get(f"/api/calls/{world.with_dora['call_id']}").status_code == 200
