"""kill -9 while conversations come in: each that was acknowledged becomes a call, and becomes one once."""

import os
import signal
import threading
from itertools import count

import httpx
from pymongo import MongoClient

from config.environment import left_by_stack
from tests.running import children_of
from tests.scale import scaled
from tests.waiting import wait_until

CONVERSATIONS = scaled(400, 10_000)
CLIENTS = scaled(40, 100)
VICTIMS = ["consume_conversations", "mongod", "redis-server"]
# So many are acknowledged before the first of them is killed, and between one and the next.
BETWEEN = CONVERSATIONS // (len(VICTIMS) + 1)


class Bridge(threading.Thread):
    """A client that sends its share, each until it is acknowledged, under an id of its own."""

    def __init__(self, stack, token, numbers, acknowledged):
        super().__init__(daemon=True)
        self.url = f"{stack.url}/api/conversations"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.numbers, self.acknowledged = numbers, acknowledged
        self.refused = []

    def run(self):
        pause = threading.Event()
        with httpx.Client(headers=self.headers, timeout=20) as client:
            while (number := next(self.numbers)) < CONVERSATIONS:
                conversation_id = f"fault-{number}"
                body = {"id": conversation_id, "user_id": f"person-{number}", "platform": "web"}
                body["transcript"] = f"User: this is number {number}\nAgent: so it is"
                while not self._is_acknowledged(client, body):
                    pause.wait(0.2)
                self.acknowledged.append(conversation_id)

    def _is_acknowledged(self, client, body):
        try:
            answer = client.post(self.url, json=body)
        except httpx.TransportError:
            return False
        if answer.status_code not in {202, 503}:
            self.refused.append(answer.text)
        return answer.status_code == 202


def kill(stack, victim):
    victims = stack.processes(victim)
    assert victims, victim
    for process in victims:
        for one in (process, *children_of(process)):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue


def calls_of(stack):
    """The calls that conversations of this test have become."""
    address = left_by_stack(stack.data / "run" / "env")["EARSHOT_MONGODB_URL"]
    with MongoClient(address) as client:
        return list(client.get_default_database("earshot").calls.find({"call_id": {"$regex": "^fault-"}}))


def test_whatever_is_killed_in_turn_every_acknowledged_conversation_is_stored_once(stack):
    token = stack.token_of("demo-supervisor")
    acknowledged = []
    numbers = count()
    bridges = [Bridge(stack, token, numbers, acknowledged) for _ in range(CLIENTS)]
    for bridge in bridges:
        bridge.start()
    for position, victim in enumerate(VICTIMS, start=1):
        wait_until(lambda: len(acknowledged) >= position * BETWEEN, timeout=120, what=f"{victim}'s turn")  # noqa: B023
        kill(stack, victim)
    for bridge in bridges:
        bridge.join(timeout=240)
        assert not bridge.is_alive()
        assert bridge.refused == []
    assert len(acknowledged) == len(set(acknowledged)) == CONVERSATIONS

    def all_are_stored():
        with stack.client("demo-supervisor") as client:
            told = client.get("/api/conversations/stats")
            return told.is_success and told.json()["queued"] + told.json()["processing"] == 0 and told.json()

    wait_until(all_are_stored, timeout=120, what="all to be stored")
    calls = calls_of(stack)
    assert sorted(call["call_id"] for call in calls) == sorted(acknowledged)
    assert len({call["id"] for call in calls}) == CONVERSATIONS
    for call in calls:
        assert call["conversation"][0]["text"] == f"this is number {call['call_id'].removeprefix('fault-')}"
    assert "intake ended (signal SIGKILL)" in stack.said()


def test_who_is_asked_to_end_stores_what_waits_and_ends_well(stack):
    with stack.client("demo-supervisor") as client:
        body = {"user_id": "somebody", "platform": "web", "transcript": "User: good night"}
        sent = [client.post("/api/conversations", json=body).json()["id"] for _ in range(3)]
        [consumer] = stack.processes("consume_conversations")
        os.kill(consumer, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{consumer}"), what="it to end")  # noqa: PTH110
        assert [client.get(f"/api/conversations/{one}").json()["status"] for one in sent] == ["stored"] * 3
    wait_until(lambda: "intake ended (exit status 0)" in stack.said(), what="the launcher to tell")
