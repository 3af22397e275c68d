"""Five things that a stack does, each of which can be held in its midst, and which ends as if nothing had happened.

What a flow has had acknowledged is counted here, on the outside. Whether it is there once is asked of the stores
themselves, by their drivers and files.
"""

import hashlib
import random
import signal
import string
import threading
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count, cycle

import psycopg
import redis
from pymongo import MongoClient

from calls import queue
from metrics import recent
from metrics.errors import RetryableMetricsError
from metrics.hours.collections import DAYS, FILLS, HOURS, ROLLS, ROWS
from metrics.segments import Hour
from tests.builders import digest_header
from tests.faults import killing
from tests.faults.patient import patient_of
from tests.metrics.dying import Workers
from tests.metrics.truth import DAY, HOUR, Truth, a_past_midnight, assert_days_are_true, assert_hours_are_true
from tests.running import children_of
from tests.scale import scaled
from tests.sound import SAMPLE_RATE, encode, speech, tone
from tests.traces import Stores
from tests.waiting import wait_until

PATIENCE_SECONDS = scaled(300, 600)
STAGES = {"extraction_ms": 1, "dubbing_ms": 2, "reinsertion_ms": 3}


class Looks:
    """Looks into the stores of a stack; None while one of them is away."""

    def __init__(self, stack):
        self.addresses = Stores(stack).environment
        self._database = None

    def row(self, question, values=()):
        try:
            if self._database is None or self._database.closed:
                self._database = psycopg.connect(self.addresses["EARSHOT_DATABASE_URL"], autocommit=True)
            return self._database.execute(question, values).fetchone()
        except psycopg.OperationalError:
            self._database = None
            return None

    def rows(self, question, values=()):
        with psycopg.connect(self.addresses["EARSHOT_DATABASE_URL"]) as database:
            return database.execute(question, values).fetchall()

    def calls(self, condition):
        with MongoClient(self.addresses["EARSHOT_MONGODB_URL"]) as client:
            return list(client.get_default_database().calls.find(condition))

    def taken_just_now(self):
        """How many conversations a consumer has taken within the last half second."""
        try:
            with redis.Redis.from_url(self.addresses["EARSHOT_REDIS_URL"]) as client:
                held = client.xpending_range(queue.STREAM_KEY, queue.GROUP, "-", "+", 1000)
        except redis.RedisError:
            return 0
        return sum(one["time_since_delivered"] < 500 for one in held)


class Flow:
    """`hold` returns once it is held in its midst, `let_go` has it go on; `finish` waits for all that was begun."""

    # How far beyond its beginning it is held, in moments of `killing`: now here and now there.
    DEPTHS = (0,)

    def __init__(self, stack):
        self.stack, self.looks = stack, Looks(stack)
        self.held = []
        self.turns, self.depths = count(), cycle(self.DEPTHS)

    def let_go(self):
        killing.let_go(self.held)
        self.held = []


class Uploads(Flow):
    """A recorder's chunks: held when a row is claimed and its object on its way to the store, or there already."""

    DEPTHS = (0, 2, 4)

    def __init__(self, stack):
        super().__init__(stack)
        self.client = patient_of(stack, "demo-supervisor")
        self.session = self.client.ask("POST", "/api/audio/sessions", json={"channels": 1}).json()
        self.sent, self.acknowledged, self.senders = {}, {}, []

    def hold(self, victim):
        begun = len(self.sent)
        self.held = killing.held_in_the_midst(
            self.stack,
            "web server",
            lambda: self._is_being_stored(begun),
            deep=next(self.depths),
            push=lambda: self._send_one_more(begun),
        )

    def finish(self):
        for sender in self.senders:
            sender.join(PATIENCE_SECONDS)
        self.client.ask(
            "POST", f"/api/audio/sessions/{self.session['id']}/complete", json={"total_chunks": len(self.sent)}
        )
        wait_until(lambda: is_heard(self.looks, self.session), timeout=PATIENCE_SECONDS, what="all that was uploaded")

    def assert_each_is_there_once(self):
        assert self.client.refused == []
        digests = {index: hashlib.sha256(body).hexdigest() for index, body in self.sent.items()}
        assert self.acknowledged == digests
        rows = self.looks.rows(
            "SELECT chunk_index, upload_status, processing_status, checksum, stored_checksum, s3_key "
            "FROM audio_audiochunk WHERE session_id = %s ORDER BY chunk_index",
            [self.session["id"]],
        )
        assert [row[:5] for row in rows] == [
            (index, "uploaded", "completed", digest, digest) for index, digest in sorted(digests.items())
        ]
        objects = self.stack.data / "objects" / "earshot-recordings" / "audio" / self.session["id"]
        there = {f"audio/{self.session['id']}/{path.name}": path.read_bytes() for path in objects.iterdir()}
        assert there == {key: self.sent[index] for index, *_, key in rows}

    def _is_being_stored(self, begun):
        row = self.looks.row(
            "SELECT count(*) FROM audio_audiochunk "
            "WHERE session_id = %s AND chunk_index >= %s AND upload_status = 'uploading'",
            [self.session["id"], begun],
        )
        return row is not None and row[0] > 0

    def _send_one_more(self, begun):
        if len(self.sent) > begun and self.senders[-1].is_alive():
            return
        index = len(self.sent)
        body = self.sent[index] = encode(tone(0.5, frequency=200 + index))
        self.senders.append(threading.Thread(target=self._send, args=(index, body), daemon=True))
        self.senders[-1].start()

    def _send(self, index, body):
        headers = {"Content-Type": "audio/ogg", "Content-Digest": digest_header(body)}
        path = f"/api/audio/sessions/{self.session['id']}/chunks/{index}"
        answer = self.client.ask("PUT", path, content=body, headers=headers)
        if answer.is_success:
            self.acknowledged[index] = answer.json()["checksum"]


class Hearing(Flow):
    """A few seconds of speech: held when a worker is analysing it or transcribing it, in turns; what a worker that is
    to die does.
    """

    # From its claim to what it writes at last.
    DEPTHS = (0, 6, 30, 12, 60, 3, 20)

    def __init__(self, stack):
        super().__init__(stack)
        self.client = patient_of(stack, "demo-supervisor")
        self.body = encode(speech()[: 4 * SAMPLE_RATE])
        self.sessions = []
        self._record()
        wait_until(lambda: is_heard(self.looks, self.sessions[0]), timeout=PATIENCE_SECONDS, what="it to be heard")
        # What is heard when nobody is killed.
        self.words = self._words_of(self.sessions[0])
        assert self.words

    def hold(self, victim):
        whose = ("analysis worker", "transcription worker")[next(self.turns) % 2]
        if victim in {"analysis worker", "transcription worker"}:
            whose = victim
        kind = whose.partition(" ")[0]
        begun = len(self.sessions)
        self.held = killing.held_in_the_midst(
            self.stack,
            whose,
            lambda: self._is_at_it(begun, kind),
            deep=next(self.depths),
            push=lambda: self._record_if_all_is_heard(begun),
        )

    def finish(self):
        for session in self.sessions:
            wait_until(lambda: is_heard(self.looks, session), timeout=PATIENCE_SECONDS, what="it to be heard")  # noqa: B023

    def assert_each_is_there_once(self):
        assert self.client.refused == []
        # An engine may hear a word otherwise the next time, but not all of it twice, nor half of it.
        for session in self.sessions:
            assert 0.6 < len(self._words_of(session)) / len(self.words) < 1.5

    def _words_of(self, session):
        """What the one call of the recording says, one word after another."""
        (call,) = self.looks.calls({"call_id": session["call_id"]})
        ids = [segment["segment_id"] for segment in call["conversation"]]
        assert len(ids) == len(set(ids))
        return [word for segment in call["conversation"] for word in segment["text"].split()]

    def _is_at_it(self, begun, kind):
        row = self.looks.row(
            "SELECT count(*) FROM audio_analysisjob job JOIN audio_audiochunk chunk ON chunk.id = job.chunk_id "
            "WHERE chunk.session_id = ANY(%s::uuid[]) AND job.kind = %s AND job.state = 'running'",
            [[session["id"] for session in self.sessions[begun:]], kind],
        )
        return row is not None and row[0] > 0

    def _record_if_all_is_heard(self, begun):
        if all(is_heard(self.looks, session) for session in self.sessions[begun:]):
            self._record()

    def _record(self):
        session = {"id": str(uuid.uuid4()), "channels": 1, "call": {"subject": "Under fire"}}
        self.sessions.append(self.client.ask("POST", "/api/audio/sessions", json=session).json())
        record_whole(self.client, self.sessions[-1], self.body)


class Batches(Flow):
    """Conversations and segments in batches: held when a consumer has taken conversations and not yet stored them."""

    DEPTHS = (0, 3, 6, 1)

    def __init__(self, stack):
        super().__init__(stack)
        self.numbers = count()
        self.conversations, self.segments, self.bridges = [], [], []
        self.channel = f"fire-{uuid.uuid4().hex[:8]}"
        self.client = patient_of(stack, "demo-supervisor")

    def hold(self, victim):
        self.held = killing.held_in_the_midst(
            self.stack,
            "intake",
            lambda: self.looks.taken_just_now() > 0,
            deep=next(self.depths),
            push=self._send_some_more,
        )

    def finish(self):
        for bridge in self.bridges:
            bridge.join(PATIENCE_SECONDS)

        def all_are_stored():
            told = self.client.ask("GET", "/api/conversations/stats")
            return told.is_success and told.json()["queued"] + told.json()["processing"] == 0

        wait_until(all_are_stored, timeout=PATIENCE_SECONDS, what="all conversations to be stored")

    def assert_each_is_there_once(self):
        assert self.client.refused == []
        calls = self.looks.calls({"call_id": {"$regex": f"^{self.channel}-"}})
        assert sorted(call["call_id"] for call in calls) == sorted(self.conversations)
        assert len({(call["tenant_id"], call["id"]) for call in calls}) == len(calls)
        assert {call["conversation"][0]["text"] for call in calls} == {
            f"this is number {one.rpartition('-')[2]}" for one in self.conversations
        }
        since = datetime.now(UTC) - timedelta(hours=1)
        tenants = {hour.tenant_id for hour in recent.there()}
        found = [
            segment.segment_id
            for tenant_id in tenants
            for segment in recent.newest(tenant_id, since=since, limit=10**6, channel_id=self.channel)
        ]
        assert sorted(found) == sorted(self.segments)

    def _send_some_more(self):
        if not self.bridges or not self.bridges[-1].is_alive():
            self.bridges.append(threading.Thread(target=self._send, daemon=True))
            self.bridges[-1].start()

    def _send(self):
        """A batch of segments, and as many conversations as are stored at once."""
        segments = [
            {
                "segment_id": f"{self.channel}-{next(self.numbers)}",
                "channel_id": self.channel,
                "session_id": "s",
                "user_id": "u",
                **STAGES,
            }
            for _ in range(16)
        ]
        if self.client.ask("POST", "/api/metrics/segments", json=segments).is_success:
            self.segments += [one["segment_id"] for one in segments]
        for number in [next(self.numbers) for _ in range(10)]:
            conversation = {"id": f"{self.channel}-{number}", "user_id": f"person-{number}", "platform": "web"}
            conversation["transcript"] = f"User: this is number {number}\nAgent: so it is"
            if self.client.ask("POST", "/api/conversations", json=conversation).is_success:
                self.conversations.append(conversation["id"])


class Hours(Flow):
    """The job that fills hours and rolls up days: held at one of its steps, another one each time.

    It is the job that a worker has for a task, in a process of its own; whoever is killed beside it is somebody else.
    """

    STEPS = (f"insert {ROWS}", f"insert {HOURS}", f"update {FILLS}", f"insert {DAYS}", f"update {ROLLS}", "EVALSHA")
    START = a_past_midnight(2) - HOUR
    NOW = START + 2 * HOUR

    def __init__(self, stack):
        super().__init__(stack)
        # Of nobody that the stack knows.
        self.tenant_id = random.SystemRandom().randrange(900_002, 990_000)
        self.truth = Truth(tenants=(self.tenant_id,))
        environment = {**self.looks.addresses, "EARSHOT_DATA": str(stack.data)}
        self.workers = Workers({**environment, "EARSHOT_S3_BUCKET": "", "EARSHOT_ARCHIVE_BUCKET": ""})
        self.runs, self.ended = [], Counter()

    def hold(self, victim):
        """Late segments come, and a job that is to fill them in stops itself."""
        step = self.STEPS[next(self.turns) % len(self.STEPS)]
        wait_until(self._late_ones_come, timeout=PATIENCE_SECONDS, what="Redis to answer")
        self.held = wait_until(lambda: self._held_at(step), timeout=PATIENCE_SECONDS, what=f"a job to get to {step}")

    def finish(self):
        wait_until(self._is_free, timeout=PATIENCE_SECONDS, what="the last job to have ended")
        hour = Hour(self.START, self.tenant_id)
        # The stack's own workers may be at the same hour, and have hours of their own that go on.
        wait_until(
            lambda: self.workers.run(self.NOW)[0] == ["done"] and hour not in recent.waiting(),
            timeout=PATIENCE_SECONDS,
            what="the hour to be filled",
        )
        self.workers.stop()

    def assert_each_is_there_once(self):
        assert set(self.ended) <= {"done", "away"}, self.ended
        assert_hours_are_true(self.truth, self.START - DAY, self.START + DAY)
        assert_days_are_true(self.truth, self.START - DAY, self.START + DAY)

    def _late_ones_come(self):
        try:
            self.truth.write(scaled(200, 2000), self.START)
        except RetryableMetricsError:
            return False
        return True

    def _held_at(self, step):
        """The job, once it has stopped itself; one that does not get there is begun again."""
        if self._is_free():
            self.runs.append(threading.Thread(target=self._run, args=(step,), daemon=True))
            self.runs[-1].start()
        return self._stopped()

    def _run(self, step):
        self.ended.update(self.workers.run(self.NOW, at=step, number=signal.SIGSTOP)[0])

    def _stopped(self):
        return [one for one in children_of(self.workers.process.pid) if killing.is_stopped(one)]

    def _is_free(self):
        return not self.runs or not self.runs[-1].is_alive()


class Erasures(Flow):
    """Customers who ask to be forgotten: held when a worker has erased some of somebody and not yet all."""

    # Steps that are done by then.
    DEPTHS = (1, 6, 11, 3, 14, 8)

    def __init__(self, stack, people):
        super().__init__(stack)
        self.client, self.privacy = patient_of(stack, "demo-supervisor"), patient_of(stack, "demo-privacy")
        # One is left alone.
        self.people = [Customer(self.client) for _ in range(people + 1)]
        for one in self.people:
            wait_until(lambda: one.is_known(self.looks), timeout=PATIENCE_SECONDS, what="all of them to be stored")  # noqa: B023
        self.requests = []
        # So that a search that finds nothing says something.
        assert self._found() == self._words(self.people)

    def hold(self, victim):
        person = self.people[len(self.requests)]
        asked = self.privacy.ask(
            "POST", "/api/privacy/erasures", json={"contact_id": person.contact_id, "reason": "Asked for it"}
        )
        assert asked.status_code == 202, asked.text
        self.requests.append(asked.json()["id"])
        done = next(self.depths)
        self.held = killing.held_in_the_midst(self.stack, "general worker", lambda: self._is_half_done(done))

    def finish(self):
        for request_id in self.requests:
            wait_until(
                lambda: self._standing(request_id)[0] == "completed",  # noqa: B023
                timeout=PATIENCE_SECONDS,
                what="the erasures to be complete",
            )

    def assert_each_is_there_once(self):
        """That is to say, not at all; and whoever was not erased is."""
        assert self.client.refused == self.privacy.refused == []
        for request_id in self.requests:
            _, steps = self._standing(request_id)
            assert steps
            assert not any(row["left"] or row["found_again"] for row in steps), steps
        assert self._found() == self._words(self.people[len(self.requests) :])

    def _is_half_done(self, done):
        state, steps = self._standing(self.requests[-1])
        return state in {"running", "verifying"} and len(steps) >= done

    def _standing(self, request_id):
        row = self.looks.row("SELECT state, stores FROM crm_erasurerequest WHERE id = %s", [request_id])
        return row or ("", [])

    def _found(self):
        return set(Stores(self.stack).found(self._words(self.people)))

    @staticmethod
    def _words(people):
        return {word for one in people for word in one.words}


class Customer:
    """Somebody of whom there is something in every store."""

    def __init__(self, client):
        name, phrase, identity = (self._word() for _ in range(3))
        self.words = {f"{name} Quartermaine", f"marmalade {phrase} lighthouse", f"customer-{identity}"}
        whose = {"platform": "webchat", "external_user_id": f"customer-{identity}"}
        contact = {"names": [f"{name} Quartermaine"], "identities": [whose]}
        self.contact_id = client.ask("POST", "/api/crm/contacts", json=contact).json()["id"]
        conversation = {"id": f"chat-{identity}", "user_id": f"customer-{identity}", "platform": "webchat"}
        conversation["transcript"] = f"User: My marmalade {phrase} lighthouse leaks.\nAgent: Good morning."
        self.conversation_id = client.ask("POST", "/api/conversations", json=conversation).json()["id"]
        segments = [
            {
                "segment_id": f"{identity}-{number}",
                "channel_id": "news",
                "session_id": f"s-{identity}",
                "user_id": f"customer-{identity}",
                "platform": "webchat",
                **STAGES,
            }
            for number in range(5)
        ]
        client.ask("POST", "/api/metrics/segments", json=segments)
        session = client.ask("POST", "/api/audio/sessions", json={"channels": 1, "call": whose}).json()
        record_whole(client, session, encode(tone(0.5)))

    def is_known(self, looks):
        return looks.row("SELECT 1 FROM calls_indexedcall WHERE call_id = %s", [self.conversation_id])

    @staticmethod
    def _word():
        return "".join(random.SystemRandom().choices(string.ascii_lowercase, k=12))


def record_whole(client, session, body):
    """A recording of one chunk, from its beginning to its end."""
    headers = {"Content-Type": "audio/ogg", "Content-Digest": digest_header(body)}
    client.ask("PUT", f"/api/audio/sessions/{session['id']}/chunks/0", content=body, headers=headers)
    client.ask("POST", f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1})


def is_heard(looks, session):
    row = looks.row("SELECT status FROM audio_audiosession WHERE id = %s", [session["id"]])
    return row == ("completed",)
