"""A backup is made while people record; then everything is gone, and comes back on new servers.

What was acknowledged before the backup began is there and the same, what waited is stored once, the call that went on
goes on, and somebody who was erased after the backup is forgotten again before the first page is served.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bson
import pytest
from pymongo import MongoClient

from tests.journeys.test_call import put, start
from tests.running import ROOT, RunningStack
from tests.sound import SAMPLE_RATE, encode, speech
from tests.traces import Stores
from tests.waiting import wait_until

ANNA = {"username": "anna.lindqvist", "name": "Anna Lindqvist", "email": "anna.lindqvist@example.org", "role": "agent"}
TALK = Path(__file__).parent.parent / "speech" / "two-in-turns.ogg"


def stack_in(name):
    """One of its own, beside that of the other stories."""
    data = Path(os.environ["EARSHOT_DATA"]) / name
    data.mkdir(mode=0o711)
    return RunningStack(data)


@pytest.fixture
def old():
    running = stack_in("backed-up")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def new():
    running = stack_in("restored")
    yield running
    if hasattr(running, "launcher"):
        running.stop()


def said(first, last):
    return speech(TALK)[first * SAMPLE_RATE : last * SAMPLE_RATE]


def recorded(client, sound, **call):
    """A call that was recorded to its end."""
    session = start(client, call=call)
    assert put(client, session, 0, encode(sound)).status_code == 201
    client.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1})
    return session


def tell(client, conversation_id):
    body = {"id": conversation_id, "user_id": "clara", "platform": "web", "transcript": "User: hello\nAgent: good day"}
    assert client.post("/api/conversations", json=body).status_code == 202


def measure(client):
    """Segments of this hour and of yesterday. How many."""
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0) - timedelta(minutes=10)
    segments = [
        {
            "segment_id": f"s-{number}",
            "channel_id": "news",
            "session_id": "s",
            "user_id": "clara",
            "platform": "web",
            "extraction_ms": 100,
            "dubbing_ms": 300,
            "reinsertion_ms": 100,
            **({"received_at": yesterday.isoformat()} if number % 2 else {}),
        }
        for number in range(40)
    ]
    assert client.post("/api/metrics/segments", json=segments).json()["accepted"] == len(segments)


def measured(stack):
    """How many segments of how many days all tiers together know of; not those of what is heard meanwhile."""
    asked = stack.manage(
        "ask_metrics",
        "--tenant",
        "Demo",
        "--days",
        "3",
        "SELECT sum(segments), count(DISTINCT date) FROM segments_by_day WHERE pipeline = 'dubbing'",
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


class Live(threading.Thread):
    """A recorder that goes on until it is told to stop; `acknowledged` chunks are the server's."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.body = client, encode(said(0, 2))
        self.session = start(client)
        self.acknowledged = 0
        self.is_over = threading.Event()

    def run(self):
        # As a recorder would, only sooner.
        while not self.is_over.wait(0.5):
            if put(self.client, self.session, self.acknowledged, self.body).status_code == 201:
                self.acknowledged += 1


def objects_of(stack, *sessions):
    """Key → digest of the sound of these recordings."""
    root = stack.data / "objects"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and any(session["id"] in str(path) for session in sessions)
    }


def calls_of(stack, *call_ids):
    with MongoClient(Stores(stack).environment["EARSHOT_MONGODB_URL"]) as client:
        found = client.get_default_database().calls.find({"call_id": {"$in": call_ids}}).sort("call_id", 1)
        return [bson.encode(call) for call in found]


def manage(stack, *arguments):
    done = stack.manage(*arguments, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def restored(stack, backups):
    """The servers alone, and the restore around which they are started."""
    command = ["-m", "config.stack", "servers", "--", sys.executable, "manage.py", "restore", str(backups)]
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


class World:
    """What there is of everything, and the backup that was made of it."""

    def __init__(self, stack, backups):
        self.stack, self.backups = stack, backups
        self.agent, self.supervisor = stack.client("demo-agent"), stack.client("demo-supervisor")
        self.anna = stack.client("demo-admin").post("/api/crm/users", json=ANNA).json()
        self.kept = recorded(self.agent, said(6, 9), subject="Kept")
        self.hers = recorded(stack.client(ANNA["username"]), said(18, 20), subject=ANNA["name"])
        tell(self.supervisor, "stored")
        measure(self.supervisor)
        wait_until(lambda: status_of(self.supervisor, "stored") == "stored", what="a conversation")
        for command in ("aggregate_metrics", "archive_metrics"):
            manage(stack, command)
        self.figures = measured(stack)

    def back_up(self):
        """While a conversation waits, and while a call goes on before, meanwhile and after."""
        consumers = self.stack.processes("consume_conversations")
        for process in consumers:
            os.kill(process, signal.SIGSTOP)
        tell(self.supervisor, "waits")
        self.live = Live(self.agent)
        self.live.start()
        wait_until(lambda: self.live.acknowledged >= 3, what="the call to go on")
        acknowledged = self.live.acknowledged
        manage(self.stack, "back_up", str(self.backups), "--rate", "5")
        meanwhile = self.live.acknowledged
        wait_until(lambda: self.live.acknowledged > meanwhile, what="the call to go on")
        self.live.is_over.set()
        self.live.join(timeout=60)
        for process in consumers:
            os.kill(process, signal.SIGCONT)
        self.calls = calls_of(self.stack, "stored")
        self.objects = objects_of(self.stack, self.kept)
        lives = objects_of(self.stack, self.live.session).items()
        self.chunks = {key: digest for key, digest in lives if index_of(key) < acknowledged}
        assert (len(self.calls), len(self.objects), len(self.chunks)) == (1, 1, acknowledged)


def status_of(client, conversation_id):
    return client.get(f"/api/conversations/{conversation_id}").json().get("status")


def index_of(key):
    """`…/chunk_0003.ogg` → 3."""
    return int(key.rpartition("chunk_")[2][:4])


# Two stacks are started one after the other.
@pytest.mark.timeout(1200)
def test_everything_is_gone_and_comes_back_from_a_backup_made_while_people_record(old, new, tmp_path):
    world = World(old, tmp_path / "backups")
    world.back_up()
    manage(old, "verify_backup", str(world.backups))
    manage(old, "erase_user", str(world.anna["id"]), "--yes", "--reason", "She asked")
    assert old.stop() == 0
    everything_is_gone(old, new)
    done = restored(new, world.backups)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 erasures were done since" in done.stdout
    new.tokens = old.tokens
    new.start()
    it_is_all_there(new, world)
    the_call_goes_on(new, world)
    for command in ("verify_blobs", "doctor"):
        manage(new, command)
    assert "went when a backup was restored" in manage(new, "verify_audit")


def everything_is_gone(old, new):
    """But for the archive, which lies apart, and the site's own key."""
    (new.data / "objects").mkdir(mode=0o700)
    (new.data / "secrets").mkdir(mode=0o700)
    shutil.copytree(old.data / "objects" / "earshot-archive", new.data / "objects" / "earshot-archive")
    shutil.copy(old.data / "secrets" / "secret-key", new.data / "secrets" / "secret-key")
    for part in ("postgres", "mongodb", "redis", "objects"):
        shutil.rmtree(old.data / part)


def it_is_all_there(new, world):
    assert Stores(new).found([ANNA["name"], ANNA["email"]]) == {}
    assert objects_of(new, world.hers) == {}
    assert objects_of(new, world.kept) == world.objects
    assert world.chunks.items() <= objects_of(new, world.live.session).items()
    assert calls_of(new, "stored") == world.calls
    supervisor = new.client("demo-supervisor")
    assert supervisor.get(f"/api/calls/{world.hers['call_id']}").status_code == 404
    wait_until(lambda: status_of(supervisor, "waits") == "stored", what="what waited")
    assert len(calls_of(new, "waits")) == 1
    assert measured(new) == world.figures


def the_call_goes_on(new, world):
    """Where the backup left it: its recorder sends again what is not there."""
    agent, live = new.client("demo-agent"), world.live
    for index in range(live.acknowledged):
        assert put(agent, live.session, index, live.body).status_code in {200, 201}
    address = f"/api/audio/sessions/{live.session['id']}"
    assert agent.post(f"{address}/complete", json={"total_chunks": live.acknowledged}).status_code == 200
    assert agent.get(address).json()["owed"] == []
