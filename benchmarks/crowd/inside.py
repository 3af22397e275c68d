"""A process beside a stack that knows the product: an order a line on standard input, an answer a line of JSON.

It hires, tells how much waits, and proves; for what is measured it does nothing.
"""

import hashlib
import os
import secrets
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import redis
from django.conf import settings
from django.db.models import Count, Max, Min

from audio import objects, sessions
from audio.models import AnalysisJob, AudioChunk, AudioSession, RecordingPolicy
from audio.states import JobKind, JobState, VerdictState
from benchmarks.crowd.stack import Stack
from config import queues
from config.stack.place import ROOT
from config.stack.processes import end_with_parent
from crm import tokens
from crm.models import Tenant, User

_END_SECONDS = 15.0
_AT_ONCE = 500


class Inside:
    """The other end of it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, verb: str, **given: Any) -> Any:
        """What the verb of that name answers. Raises EOFError when the process has died."""
        if self._process.stdin is None or self._process.stdout is None:
            raise EOFError
        self._process.stdin.write(orjson.dumps([verb, given]) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(f"The process beside the stack has ended while it was to {verb}.")
        return orjson.loads(line)


@contextmanager
def beside(stack: Stack) -> Iterator[Inside]:
    # The default level of the log would have every session that is looked at told on this process's screen.
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd.inside"],
        cwd=ROOT,
        env={**stack.environment, "EARSHOT_LOG_LEVEL": "ERROR"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Inside(process)
    finally:
        process.terminate()
        process.wait(_END_SECONDS)


def hire(*, people: int, companies: int) -> list[dict[str, Any]]:
    """So many agents, dealt out to companies, of which the first records nobody without consent."""
    name = secrets.token_hex(4)
    tenants = [Tenant.objects.create(name=f"crowd-{name}-{number}") for number in range(companies)]
    RecordingPolicy.objects.create(
        tenant=tenants[0], consent_required=True, consent_wording="May this call be recorded?"
    )
    hired = []
    for number in range(people):
        tenant = tenants[number % companies]
        user = User.objects.create(username=f"crowd-{name}-{number}", role="agent", tenant=tenant)
        token = tokens.issue(user, name="benchmark")
        hired.append({"token": token, "consents": tenant is tenants[0]})
    return hired


def tell() -> dict[str, Any]:
    """How much waits to be heard, by kind of work and by queue, and how far the oldest and the newest are."""
    jobs = AnalysisJob.objects.values_list("kind", "state").annotate(number=Count("pk")).order_by()
    by_kind: dict[str, dict[str, int]] = {}
    for kind, state, number in jobs:
        by_kind.setdefault(kind, {})[state] = number
    analysis = AnalysisJob.objects.filter(kind=JobKind.ANALYSIS)
    ended = analysis.filter(state=JobState.COMPLETED).aggregate(latest=Max("chunk__stored_at"))["latest"]
    waiting = analysis.filter(state=JobState.WAITING).aggregate(oldest=Min("chunk__stored_at"))["oldest"]
    facts: Any = redis.Redis.from_url(settings.EARSHOT_REDIS_URL).info("memory")
    return {
        "jobs": by_kind,
        "failed": AnalysisJob.objects.filter(state=JobState.FAILED).count(),
        "tried_again": AnalysisJob.objects.filter(attempts__gt=1).count(),
        "messages": queues.depths(),
        # Seconds by which one that was heard is younger than the oldest that waits: of a queue in order, next to none.
        "overtaken_seconds": max((ended - waiting).total_seconds(), 0.0) if ended and waiting else 0.0,
        "redis_bytes": facts["used_memory"],
    }


def prove(*, recordings: list[dict[str, Any]], directory: str) -> dict[str, list[str]]:
    """What is wrong, in words: lost, twice, or not complete. `directory` is what the store serves.

    Rows are read from PostgreSQL and objects from the disk, neither by the way on which they came.
    """
    found: dict[str, list[str]] = {"lost": [], "twice": [], "incomplete": []}
    recordings_of: Any = settings.STORAGES["recordings"]
    bucket = Path(directory) / recordings_of["OPTIONS"]["bucket_name"]
    for first in range(0, len(recordings), _AT_ONCE):
        some = {told["session_id"]: told for told in recordings[first : first + _AT_ONCE]}
        rows: dict[str, list[AudioChunk]] = {session_id: [] for session_id in some}
        for chunk in AudioChunk.objects.filter(session__in=[uuid.UUID(one) for one in some]):
            rows[str(chunk.session_id)].append(chunk)
        known = {str(one.pk): one for one in AudioSession.objects.filter(pk__in=[uuid.UUID(one) for one in some])}
        for session_id, told in some.items():
            _hold_against(told, rows[session_id], bucket / "audio" / session_id, bucket, found)
            session = known.get(session_id)
            state = sessions.manifest_of(session).state if session else "not there"
            if state != VerdictState.COMPLETE or told["verdict"] != VerdictState.COMPLETE:
                found["incomplete"].append(
                    f"{session_id}: {state}; its recorder was told {told['verdict'] or 'nothing'}"
                )
    return found


def _hold_against(
    told: Mapping[str, Any], rows: list[AudioChunk], directory: Path, bucket: Path, found: dict[str, list[str]]
) -> None:
    """Each chunk that was acknowledged has one row and one object of the digest that was sent; no other is there.

    What was sent and never answered may be there as well, once.
    """
    by_index: dict[str, list[AudioChunk]] = {}
    for row in rows:
        by_index.setdefault(str(row.chunk_index), []).append(row)
    for index, digest in told["acknowledged"].items():
        if not any(_is_there(row, digest, bucket) for row in by_index.get(index, [])):
            found["lost"].append(f"{directory.name}, chunk {index}")
    for index, of_index in by_index.items():
        if len(of_index) > 1:
            found["twice"].append(f"{directory.name}, chunk {index}: {len(of_index)} rows")
        if {row.checksum for row in of_index} != {told["sent"].get(index)}:
            found["twice"].append(f"{directory.name}, chunk {index}: a row of what was never sent")
    keys = {row.s3_key for row in rows}
    there = {str(file.relative_to(bucket)) for file in directory.rglob("*") if file.is_file()}
    found["twice"] += [f"an object {key} beside those of the rows" for key in sorted(there - keys)]


def _is_there(row: AudioChunk, digest: str, bucket: Path) -> bool:
    if row.checksum != digest or row.upload_status != "uploaded":
        return False
    try:
        return hashlib.sha256((bucket / row.s3_key).read_bytes()).hexdigest() == digest
    except OSError:
        return False


def verify(*, recordings: list[str]) -> dict[str, int]:
    """What `manage.py verify_blobs` finds of these sessions, by finding: every object by the store's own way."""
    chunks = AudioChunk.objects.filter(session__in=[uuid.UUID(one) for one in recordings])
    return dict(Counter(str(verified.finding) for verified in objects.verify(chunks, fix=False)))


def ended(*, recordings: list[str]) -> dict[str, int]:
    """How many of these sessions are in each state."""
    states = AudioSession.objects.filter(pk__in=[uuid.UUID(one) for one in recordings]).values_list("status", flat=True)
    return dict(Counter(states))


VERBS = {verb.__name__: verb for verb in (hire, tell, prove, verify, ended)}


def main() -> None:
    end_with_parent(signal.SIGKILL)
    # Whatever else is printed goes where errors go: what is on standard output is read.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        verb, given = orjson.loads(line)
        answers.write(orjson.dumps(VERBS[verb](**given)) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
