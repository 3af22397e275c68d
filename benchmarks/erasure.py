"""What it takes to erase a colleague from everything, looked at again and certified."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from audio import blobs, sessions
from audio.models import AnalysisJob, AudioChunk, AudioSession, ChunkPeaks, ChunkSignal
from audio.states import JobKind, JobState, ProcessingStatus, UploadStatus
from benchmarks import boards
from benchmarks.boards import Company
from benchmarks.measuring import WrongAnswer, figures
from benchmarks.rows import Row, Suite, at_most
from benchmarks.samples import make_segments
from benchmarks.scales import Run
from calls import conversations
from crm.erasure import requests, running, subjects
from crm.models import ErasureState, User
from metrics import archive, person_keys, recent
from metrics.errors import SegmentsAway
from metrics.segments import Group, Segment

MOST_SECONDS = 5.0
RECORDINGS = 20
OBJECT_BYTES = 120_000
# Colleagues whose segments lie beside those of who is erased.
PEOPLE = 1000
_AT_ONCE = 1000
_WRITERS = 16


def measure(run: Run) -> Iterator[Row]:
    """In a database of its own; one colleague after another, each with everything."""
    calls = run.scale.pick(tiny=40, small=10_000, usual=100_000)
    segments = run.scale.pick(tiny=1000, small=100_000, usual=1_000_000)
    chunks = run.scale.pick(tiny=RECORDINGS, small=200, usual=1000)
    times = run.scale.pick(tiny=1, small=2, usual=3)
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    archive.create()
    with boards.database_of_its_own():
        try:
            [company] = boards.make_companies([calls], run.telling(f"{calls:,} calls"))
            _number_after(calls)
            people = [_colleague(company) for _ in range(times)]
            _fill(company, people, segments, run.telling(f"{segments:,} segments"))
            yield _whole(run, company, people, chunks, f"{chunks:,} chunks, {calls:,} calls, {segments:,} segments")
        finally:
            client.flushdb(asynchronous=True)


SUITE = Suite(
    title="Somebody erased",
    baseline="none: nobody else does it",
    floor="none",
    measure=measure,
)


def _whole(run: Run, company: Company, people: list[User], chunks: int, among: str) -> Row:
    """Everything that a worker does of it: forgotten, erased step by step, looked at again, certified."""
    what = f"one colleague, {among}"
    step = run.telling(what)
    taken = []
    for number, person in enumerate(people):
        _record(person, chunks)
        request = requests.ask(company.user, subjects.asked_of(company.tenant_id, user_id=person.pk), reason="Measured")
        began = time.perf_counter()
        done = running.run(request.pk)
        taken.append(time.perf_counter() - began)
        if done is None or done.state != ErasureState.COMPLETED:
            raise WrongAnswer(f"The erasure was not complete: {done.error if done else 'nobody could claim it'}")
        found = {row["step"]: row["erased"] for row in done.stores}
        if found["sound"] < chunks:
            raise WrongAnswer(f"Of {chunks} chunks' sound {found['sound']} was found.")
        step((number + 1) / len(people))
    ours = figures(taken)
    return Row(what, "s", ours, targets=(at_most(ours.median, MOST_SECONDS, "s"),), note="verified and certified")


def _number_after(calls: int) -> None:
    """Calls that are recorded from now on get numbers that none of those has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('calls_number', nextval('calls_number') + %s)", [calls])


def _colleague(company: Company) -> User:
    name = f"erased-{secrets.token_hex(4)}"
    return User.objects.create(
        username=name, first_name="Erased", email=f"{name}@example.org", role="agent", tenant_id=company.tenant_id
    )


def _record(person: User, chunks: int) -> None:
    """So many chunks in recordings of one channel, each with its call, its jobs and what was measured of it."""
    each = chunks // RECORDINGS
    said = make_segments(each * 4, by_parts=False)
    body = secrets.token_bytes(OBJECT_BYTES)
    keys: list[str] = []
    for _ in range(RECORDINGS):
        session, _ = sessions.start(person)
        conversations.store_segments(
            tenant_id=session.tenant_id, call_id=session.call_id, parts=["0000"], segments=said, end_time=30.0
        )
        keys += _chunks_of(session, each)
    with ThreadPoolExecutor(_WRITERS) as writers:
        list(writers.map(lambda key: blobs.put(key, body, content_type="audio/ogg"), keys))


def _chunks_of(session: AudioSession, count: int) -> list[str]:
    """Rows of chunks that were heard. The keys of their objects."""
    now = timezone.now()
    rows = [_chunk(session, index, now) for index in range(count)]
    AudioChunk.objects.bulk_create(rows)
    kinds = (JobKind.ANALYSIS, JobKind.TRANSCRIPTION, JobKind.INTERPRETATION)
    AnalysisJob.objects.bulk_create(
        AnalysisJob(chunk=row, kind=kind, state=JobState.COMPLETED, dispatched_at=now, ended_at=now)
        for row in rows
        for kind in kinds
    )
    ChunkPeaks.objects.bulk_create(ChunkPeaks(chunk=row, bins=b"\x10" * 1500) for row in rows)
    ChunkSignal.objects.bulk_create(ChunkSignal(chunk=row, regions=[[[0.0, 30.0]]]) for row in rows)
    return [row.s3_key for row in rows]


def _chunk(session: AudioSession, index: int, now: datetime) -> AudioChunk:
    return AudioChunk(
        session=session,
        chunk_index=index,
        start_time_seconds=index * 30.0,
        end_time_seconds=index * 30.0 + 30.0,
        duration_seconds=30.0,
        declared_seconds=30.0,
        decoded_seconds=30.0,
        s3_key=blobs.key_of(session.s3_base_key, index, "ogg"),
        content_type="audio/ogg",
        codec="opus",
        file_size_bytes=OBJECT_BYTES,
        checksum="0" * 64,
        stored_checksum="0" * 64,
        upload_status=UploadStatus.UPLOADED,
        processing_status=ProcessingStatus.COMPLETED,
        transcription="What was said in half a minute.",
        received_at=now,
        stored_at=now,
    )


def _fill(company: Company, people: list[User], segments: int, step: Callable[[float], None]) -> None:
    """An hour of segments, of each who is erased as many as of any other."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    each = timedelta(hours=1) / segments
    named: list[Any] = [person_keys.of_user(person.pk) for person in people]
    named += [f"user-{number}" for number in range(PEOPLE - len(named))]
    for first in range(0, segments, _AT_ONCE):
        last = min(first + _AT_ONCE, segments)
        _write(company.tenant_id, [_segment(number, named, start + number * each) for number in range(first, last)])
        step(last / segments)


def _segment(number: int, named: list[str], received_at: datetime) -> Segment:
    return Segment(
        group=Group(f"channel-{number % 20}", f"session-{number % PEOPLE}", named[number % PEOPLE], "web", "dubbing"),
        segment_id=str(number),
        received_at=received_at,
        stages={"extraction": 90_000, "dubbing": 300_000, "reinsertion": 80_000},
        total_us=470_000,
        duration_us=2_000_000,
    )


def _write(tenant_id: int, some: list[Segment]) -> None:
    """Until Redis has answered, which may be busy with writing down what it has."""
    while True:
        try:
            recent.write(tenant_id, some)
            return
        except SegmentsAway:
            continue
