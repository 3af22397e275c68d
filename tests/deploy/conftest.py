from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from metrics import gauges, operations, prometheus
from tests.promql import OF_TARGET, OWN, Family
from tests.sound import encode, speech
from tests.waiting import wait_until

# What only days of work bring about.
NOT_YET = {"calls.duplicate_groups"}
JOURNEY = {
    "calls.read_board",
    "hop.stored_to_analysed",
    "http.board",
    "intake.queue_conversation",
    "intake.store_batch",
    "mongodb.read",
    "postgresql.write",
    "search",
    "task.audio.analyse_chunk",
    "upload.store",
}


def read(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return answer.text


def samples(page):
    return [sample for family in text_string_to_metric_families(page) for sample in family.samples]


@pytest.fixture(scope="package")
def page(stack):
    """/metrics once a chunk and a conversation were stored, a segment counted, a board read, and all figures told."""
    agent = stack.client("demo-agent")
    session = agent.post("/api/audio/sessions", json={}).json()["id"]
    headers = {"Content-Type": "audio/ogg", "X-Captured-At": datetime.now(UTC).isoformat()}
    chunk = encode(speech()[: 16_000 * 2])
    sent = agent.put(f"/api/audio/sessions/{session}/chunks/0", content=chunk, headers=headers)
    assert sent.status_code == 201, sent.text
    supervisor, machine = stack.client("demo-supervisor"), stack.client("demo-admin")
    conversation = {"user_id": "5", "platform": "web", "transcript": "User: hello"}
    assert machine.post("/api/conversations", json=conversation).status_code < 300
    segment = {"channel_id": "news", "session_id": "s", "user_id": "5", "segment_id": "1", "total_ms": 450}
    stages = {"extraction_ms": 100, "dubbing_ms": 300, "reinsertion_ms": 50}
    assert machine.post("/api/metrics/segments", json=segment | stages).json()["accepted"] == 1
    assert supervisor.get("/crm/board").status_code == 200
    assert supervisor.get("/api/search", params={"q": "hello"}).status_code == 200
    named = {prometheus.name_of(name) for name in set(gauges.KNOWN) - NOT_YET}

    def whole():
        text = read(supervisor)
        found = samples(text)
        timed = {sample.labels["operation"] for sample in found if "operation" in sample.labels}
        missing = (named - {sample.name for sample in found}) | (JOURNEY - timed)
        whole.missing = missing
        return None if missing else text

    try:
        return wait_until(whole, timeout=120, what="all figures to be told")
    except AssertionError:
        raise AssertionError(f"Not told: {sorted(whole.missing)}") from None


@pytest.fixture(scope="package")
def families(page):
    """Series → its labels, and the values that there are of them. An operation is any that the code describes."""
    found = {}
    for sample in samples(page):
        labels, values = found.setdefault(sample.name, (set(), {}))
        labels |= set(sample.labels)
        for label, value in sample.labels.items():
            values.setdefault(label, set()).add(value)
    timed = {*operations.KNOWN, *(f"{family}.x" for family in operations.FAMILIES)}
    for _, values in found.values():
        values |= {
            name: known for name, known in (("operation", timed), ("gauge", set(gauges.KNOWN))) if name in values
        }
        values.pop("le", None)
    return OWN | {name: Family(frozenset(labels | OF_TARGET), values) for name, (labels, values) in found.items()}
