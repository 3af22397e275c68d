"""Redis killed and hung while segments are told and sent: nobody is held up, what was acknowledged is there once."""

import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from config.environment import left_by_stack
from metrics import recent, telling
from metrics.segments import Group, Segment
from tests.builders import do_all_jobs, put_chunk
from tests.connections import forget_redis
from tests.scale import scaled
from tests.sound import encode, tone
from tests.waiting import wait_until

# Of nobody that the stack knows.
KILLED, HUNG = 999_998, 999_999
TOLD, SENT = scaled(1500, 60_000), scaled(150, 3000)
HUNG_SECONDS = scaled(1, 60)
ROOM = 50


@pytest.fixture
def redis_of(stack, settings, transactional_db):
    """The stack's Redis, to which this process tells its segments too; a signal for it."""
    there = settings.EARSHOT_REDIS_URL
    settings.EARSHOT_REDIS_URL = left_by_stack(stack.data / "run" / "env")["EARSHOT_REDIS_URL"]
    forget_redis()
    telling._waiting.start_over()

    def send(number):
        # What was killed before is started again by the launcher.
        [process] = wait_until(lambda: stack.processes("redis-server", str(stack.data / "redis")), what="Redis to run")
        os.kill(process, number)

    yield send
    settings.EARSHOT_REDIS_URL = there
    forget_redis()
    telling._waiting.start_over()


def tell(tenant_id, number):
    group = Group("recorder", f"s-{number % 7}", "7", "web", "audio")
    segment = Segment(group=group, segment_id=str(number), received_at=datetime.now(UTC), stages={"decode": number})
    telling.tell(tenant_id, segment)


class Sender(threading.Thread):
    """A bridge that sends segments, each until it is acknowledged."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.url = f"{stack.url}/api/metrics/segments"
        self.headers = {"Authorization": f"Bearer {stack.token_of('demo-supervisor')}"}
        self.acknowledged, self.refused = [], []

    def run(self):
        pause = threading.Event()
        stages = {"extraction_ms": 1, "dubbing_ms": 2, "reinsertion_ms": 3}
        with httpx.Client(headers=self.headers, timeout=20) as client:
            for number in range(SENT):
                item = {"segment_id": str(number), "channel_id": "faults", "session_id": "s", "user_id": "u", **stages}
                while not self._is_acknowledged(client, item):
                    pause.wait(0.2)
                self.acknowledged.append(str(number))

    def _is_acknowledged(self, client, item):
        try:
            answer = client.post(self.url, json=item)
        except httpx.TransportError:
            return False
        if answer.status_code not in {202, 503}:
            self.refused.append(answer.text)
        return answer.status_code == 202


def ids_of(tenant_id, **asked):
    since = datetime.now(UTC) - timedelta(hours=1)
    return sorted(one.segment_id for one in recent.newest(tenant_id, since=since, limit=10**6, **asked))


def test_killed_under_load_every_segment_that_was_acknowledged_is_there_once(stack, redis_of):
    lost_before = telling.dropped()
    sender = Sender(stack)
    sender.start()
    for number in range(TOLD):
        if number in {TOLD // 3, TOLD * 2 // 3}:
            before = len(sender.acknowledged)
            redis_of(signal.SIGKILL)
        tell(KILLED, number)
        if number in {TOLD // 3 + 100, TOLD * 2 // 3 + 100}:
            # It has been started again, and the next time is another one.
            wait_until(lambda: not sender.is_alive() or len(sender.acknowledged) > before, what="it to be back")  # noqa: B023
    sender.join(timeout=240)
    assert (len(sender.acknowledged), sender.refused) == (SENT, [])
    wait_until(lambda: not telling._waiting._segments, what="what waited to be told")
    assert ids_of(KILLED) == sorted(map(str, range(TOLD)))
    assert telling.dropped() == lost_before
    tenants = {hour.tenant_id for hour in recent.there()} - {KILLED, HUNG}
    assert sorted(one for tenant_id in tenants for one in ids_of(tenant_id, channel_id="faults")) == sorted(
        sender.acknowledged
    )
    assert total_of(KILLED) == TOLD


def test_hung_nobody_waits_for_it_and_what_is_lost_is_counted(stack, redis_of, api, session, monkeypatch):
    monkeypatch.setattr(telling, "MOST_WAITING", ROOM)
    lost_before = telling.dropped()
    put_chunk(api, session, 0, encode(tone(1.0)))
    redis_of(signal.SIGSTOP)
    try:
        # Were any of these to wait for it, they would not come to their end before it goes on.
        told, ends = 0, time.monotonic() + HUNG_SECONDS
        while told < 10 * ROOM or time.monotonic() < ends:
            tell(HUNG, told)
            told += 1
        do_all_jobs()
        assert session.chunks.get().processing_status == "completed"
    finally:
        redis_of(signal.SIGCONT)
    wait_until(lambda: (telling.dropped() or 0) > lost_before, what="the loss to be counted")
    wait_until(lambda: not telling._waiting._segments, what="what waited to be told")
    lost, there = telling.dropped() - lost_before, set(ids_of(HUNG))
    assert len(there) >= ROOM
    # The chunk that was heard meanwhile is one of them; the stack has a company of the same number.
    there |= {str(session.chunks.get().pk)} & set(ids_of(session.tenant_id))
    assert lost + len(there) == told + 1


def total_of(tenant_id):
    readings = [recent.read_hour(hour) for hour in recent.there() if hour.tenant_id == tenant_id]
    return sum(totals.segments for reading in readings for _, totals in reading.groups)
