"""Anything in any order, and a crash after any line of code: what was acknowledged is there once, and heard once.

A crash is an exception of a kind that nothing catches, raised from a line of our own code that was about to run: the
transaction that is open is rolled back, and nothing that was to follow happens. (`tests/faults` kills whole processes.)
"""

import hashlib
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from audio import blobs, chunks, hearing, progress, sessions
from audio.analysis import pocketsphinx_engine
from audio.analysis.pocketsphinx_engine import PocketsphinxTranscriber
from audio.errors import ChunkBusy
from audio.models import AnalysisJob, AudioChunk, AudioSession
from audio.states import HEARING
from calls import conversations
from tests.builders import bearer, make_session, make_tenant, make_user, put_chunk
from tests.scale import scaled
from tests.sound import encode, speech

SECONDS = 2
INDEXES = 4
# Each run begins with these, so that there is something to do from its first step.
ALWAYS_THERE = 2
OURS = tuple(str(Path(__file__).resolve().parents[2] / app) for app in ("audio", "calls"))
# How far into a step it crashes, as a share of the lines that the longest of its kind has run; None does not.
crashes = some.none() | some.integers(0, 99)
_lines_of = Counter()


class Crash(BaseException):
    """Nobody catches it."""


@contextmanager
def crashing(percent, *, step):
    """Crash once such a share of the step's lines has run."""
    crashes_at = None if percent is None else 1 + _lines_of[step] * percent // 100
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if event == "call":
            return trace if frame.f_code.co_filename.startswith(OURS) else None
        if event == "line":
            lines += 1
            if lines == crashes_at:
                raise Crash
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
        _lines_of[step] = max(_lines_of[step], lines)
    except Crash:
        # The process is gone, and with it its connections and locks, even where a transaction was about to end.
        connection.in_atomic_block = False
        connection.close()
    finally:
        sys.settrace(before)


@cache
def body_of(index, variant):
    """Two seconds of speech, others for each index; as Ogg, or the same as WAV, which becomes Opus one day."""
    samples = speech()[16_000 * SECONDS * index :][: 16_000 * SECONDS]
    return encode(samples, container=("ogg", "wav")[variant])


@cache
def words_in(body):
    """What the engine says of a chunk when nothing goes wrong."""
    session = make_session(make_user(make_tenant(), "agent"))
    chunk, _ = chunks.accept(session, index=0, body=body, declared=chunks.Declared())
    for kind in HEARING:
        hearing.work(AnalysisJob.objects.get(chunk=chunk, kind=kind).pk, task_id="plain")
    chunk.refresh_from_db()
    assert chunk.processing_status == "completed"
    return chunk.transcription


class Recording(RuleBasedStateMachine):
    """A recorder that does anything, workers that do their jobs in any order, and both die at any line."""

    @initialize()
    def begin(self):
        self.agent = make_user(make_tenant(), "agent")
        self.session = make_session(self.agent)
        self.client = bearer(self.agent)
        self.acknowledged = {}
        self.sent = {}
        self.total = None
        self.gaps = {}
        self.tasks = 0
        for index in range(ALWAYS_THERE):
            self.upload(index, 0, None)

    @property
    def address(self):
        return f"/api/audio/sessions/{self.session.pk}"

    @rule(index=some.integers(0, INDEXES - 1), variant=some.sampled_from([0, 0, 0, 1]), crash=crashes)
    def upload(self, index, variant, crash):
        body = body_of(index, variant)
        self.sent.setdefault(index, set()).add(body)
        answer = None
        with crashing(crash, step="upload"):
            answer = put_chunk(self.client, self.session, index, body, HTTP_X_START_TIME=str(index * SECONDS))
        if answer is None:
            return
        known = self.acknowledged.get(index)
        if known is not None:
            assert answer.status_code == (200 if known == body else 409), answer.content
        else:
            assert answer.status_code in {200, 201, 409, 503}, answer.content
        if answer.status_code in {200, 201}:
            self.acknowledged[index] = body

    @rule(total=some.integers(0, INDEXES), crash=crashes)
    def complete(self, total, crash):
        answer = None
        with crashing(crash, step="complete"):
            answer = self.client.post(f"{self.address}/complete", {"total_chunks": total}, format="json")
        if answer is not None:
            assert answer.status_code in {200, 409}, answer.content

    @rule(at=some.integers(0, INDEXES), ends=some.booleans(), reason=some.sampled_from(["", "card data"]))
    def pause(self, at, ends, reason):
        start = at * SECONDS + 0.5
        body = {"start": start, "cause": "pause", "reason": reason, **({"end": start + 0.25} if ends else {})}
        assert self.client.post(f"{self.address}/gaps", body, format="json").status_code == 200
        self.gaps[start] = reason or self.gaps.get(start, "")

    @precondition(lambda self: AnalysisJob.objects.unfinished().filter(chunk__session=self.session).exists())
    @rule(data=some.data(), crash=crashes, again=some.booleans())
    def work(self, data, crash, again):
        """A worker gets a message: a new one, or one that was delivered before."""
        unfinished = AnalysisJob.objects.unfinished().filter(chunk__session=self.session)
        job = data.draw(some.sampled_from(list(unfinished.order_by("pk"))))
        self.tasks += 0 if again else 1
        with crashing(crash, step=job.kind):
            hearing.work(job.pk, task_id=f"task-{self.tasks}")

    @precondition(lambda self: self.acknowledged)
    @rule(data=some.data(), crash=crashes)
    def analyse_again(self, data, crash):
        chunk = self.session.chunks.stored().get(chunk_index=data.draw(some.sampled_from(sorted(self.acknowledged))))
        with crashing(crash, step="again"), suppress(ChunkBusy):
            progress.try_again(chunk)

    @rule(crash=crashes)
    def sweep(self, crash):
        with crashing(crash, step="sweep"):
            progress.sweep()
            chunks.settle_claims()

    @rule()
    def time_passes(self):
        """Leases run out, messages count as lost, uploads that did not end may be taken over."""
        long_ago = timezone.now() - timedelta(minutes=5)
        AnalysisJob.objects.filter(lease_until__gt=long_ago).update(lease_until=long_ago)
        AnalysisJob.objects.update(dispatched_at=long_ago, attempts=F("attempts") * 0)
        AudioChunk.objects.filter(claimed_at__gt=long_ago).update(claimed_at=long_ago)
        AudioSession.objects.update(updated_at=long_ago)

    def teardown(self):
        if not hasattr(self, "session"):
            return
        self.recover()
        stored = {chunk.chunk_index: chunk for chunk in self.session.chunks.stored()}
        assert set(self.acknowledged) <= set(stored)
        for index, chunk in stored.items():
            self.check_chunk(index, chunk)
        self.check_objects(stored)
        self.check_verdict(stored)

    def recover(self):
        """Nothing crashes any more: the sweep finds what was lost, the workers do what is left."""
        for _ in range(2):
            self.time_passes()
            progress.sweep()
            chunks.settle_claims()
            while job := AnalysisJob.objects.unfinished().filter(chunk__session=self.session).first():
                AnalysisJob.objects.filter(pk=job.pk).update(lease_until=None, state="waiting", claimed_by="")
                self.tasks += 1
                hearing.work(job.pk, task_id=f"recovery-{self.tasks}")
        self.time_passes()
        progress.sweep()

    def check_chunk(self, index, chunk):
        received = next(body for body in self.sent[index] if chunk.checksum == digest_of(body))
        assert self.acknowledged.get(index, received) == received
        assert chunk.processing_status == "completed", chunk.error
        assert blobs.digest_of(chunk.s3_key) == chunk.stored_checksum
        if chunk.codec == "opus":
            assert chunk.jobs.exclude(state="completed").count() == 0
        assert chunk.stored_checksum == chunk.checksum or "transcoding" in chunk.analysis_results
        segments = [
            segment
            for segment in conversations.read_call(self.agent, self.session.call_id)["conversation"]
            if segment["chunk_index"] == index
        ]
        ids = [segment["segment_id"] for segment in segments]
        assert len(ids) == len(set(ids))
        said = " ".join(segment["text"] for segment in segments)
        assert said == chunk.transcription
        words = sorted((word["start_time"], word["end_time"]) for one in segments for word in one["words"])
        assert all(one[1] <= other[0] + 0.02 for one, other in pairwise(words)), "no word is heard twice"
        neighbours = self.session.chunks.filter(chunk_index__in=[index - 1, index + 1])
        # With one beside it, what is said across the boundary is heard in one go, and may be heard otherwise.
        if received == body_of(index, 0) and not neighbours.exists():
            assert said == words_in(received), "the words of one hearing"

    def check_objects(self, stored):
        there = {one.key for page in blobs.listed(self.session.s3_base_key) for one in page}
        assert {chunk.s3_key for chunk in stored.values()} <= there

    def check_verdict(self, stored):
        told = self.client.get(self.address).json()
        total = told["total_chunks"]
        counted = max(total or 0, max(stored, default=-1) + 1)
        missing = [index for index in range(counted) if index not in stored]
        verdict = told["verdict"]
        assert verdict["owed"] == missing
        explained = all(self.gaps.values())
        if total is None:
            assert verdict["state"] == "recording"
        else:
            assert verdict["state"] == ("complete" if explained and not missing else "incomplete")
            if not missing:
                assert told["status"] == "completed"
                assert sessions.unsettled() == []


def digest_of(body):
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def engine_with_memory(monkeypatch):
    """Of the same stretch of sound it says what it said before, as the test below shows that it would anyway."""
    said, hear = {}, pocketsphinx_engine._words

    def words(samples):
        stretch = samples.tobytes()
        if stretch not in said:
            said[stretch] = hear(samples)
        return list(said[stretch])

    monkeypatch.setattr(pocketsphinx_engine, "_words", words)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("transactional_db", "engine_with_memory")
def test_whatever_happens_in_whatever_order_an_acknowledged_chunk_is_there_and_heard_once():
    run_state_machine_as_test(
        Recording,
        settings=settings(
            max_examples=scaled(12, 200),
            stateful_step_count=scaled(16, 40),
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


def test_what_the_engine_says_is_the_same_each_time(transactional_db):
    """Without this the machine could not tell one hearing from two."""
    assert PocketsphinxTranscriber().engine
    assert words_in(body_of(0, 0))
    assert words_in(body_of(0, 0)) == words_in.__wrapped__(body_of(0, 0))
