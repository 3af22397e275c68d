"""The file: a stranger can compute the chain from it, and a sheet takes nothing in it for a formula."""

import csv
import hashlib
import io
import json
from itertools import groupby

import pytest

from crm.audit import acts, exporting, sealing
from crm.audit.chain import GENESIS
from crm.models import AuditEntry
from tests.builders import bearer, make_user

pytestmark = pytest.mark.usefixtures("empty_archive")


@pytest.fixture
def privacy(tenant):
    return make_user(tenant, "privacy")


def exported(user, form="ndjson", **asked):
    answer = bearer(user).get("/api/audit/export", {"format": form, **asked})
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def recomputed(rows):
    """As the documentation says, with nothing of ours: the hash of each block, in order."""
    sealed = [row for row in rows if row["block"] not in (None, "")]
    previous = GENESIS
    for number, group in groupby(sealed, key=lambda row: int(row["block"])):
        of_block = list(group)
        entries = [[row[name] for name in ("at", "act", "via", "actor", "subject")] for row in of_block]
        assert of_block[0]["previous_hash"] == previous
        told = [of_block[0]["chain"], number, of_block[0]["sealed_at"], previous, entries]
        previous = hashlib.sha256(json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        assert previous == of_block[0]["hash"]
    return previous


@pytest.fixture
def three_blocks(agent, did):
    for _ in range(3):
        did(agent, "recording.played", "recording:x")
        did(agent)
        sealing.seal()


@pytest.mark.usefixtures("three_blocks")
def test_a_stranger_computes_the_chain_from_lines_of_json(privacy, agent, did):
    did(agent, "call.read")
    rows = rows_of(exported(privacy))
    recomputed(rows)
    assert [row["block"] for row in rows] == [1, 1, 2, 2, 3, 3, None]
    assert rows[-1]["act"] == "call.read"
    assert {row["actor_name"] for row in rows} == {agent.username}


@pytest.mark.usefixtures("three_blocks")
def test_a_stranger_computes_the_chain_from_a_sheet(privacy):
    rows = list(csv.DictReader(io.StringIO(exported(privacy, "csv"))))
    assert len(rows) == 6
    recomputed(rows)


@pytest.mark.usefixtures("three_blocks")
def test_a_filter_leaves_out_what_does_not_fit(privacy):
    rows = rows_of(exported(privacy, act="recording.played"))
    assert [(row["block"], row["act"]) for row in rows] == [(number, "recording.played") for number in (1, 2, 3)]


@pytest.mark.usefixtures("three_blocks")
def test_many_blocks_are_read_some_at_a_time(privacy, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_ENTRIES", 3)
    monkeypatch.setattr(exporting, "MOST_BLOCKS", 2)
    rows = rows_of(exported(privacy))
    recomputed(rows)
    assert len(rows) == 6


@pytest.mark.usefixtures("three_blocks")
def test_what_is_sealed_while_the_file_is_read_is_in_it_once(privacy, agent, did, tenant):
    did(agent, "call.read")
    pieces = exporting.pieces(tenant.pk, exporting.Asked(), exporting.Format.NDJSON)
    first = next(pieces)
    sealing.seal()
    did(agent, "call.moved")
    rows = rows_of((first + b"".join(pieces)).decode())
    recomputed(rows)
    assert [row["act"] for row in rows if row["block"] is None] == ["call.read"]


def test_a_cell_that_a_sheet_would_take_for_a_formula_is_only_text(tenant, privacy):
    agent = make_user(tenant, "agent", first_name='=HYPERLINK("http://example.com")')
    acts.write("recording.listed", actor=agent, via="api")
    (row,) = csv.DictReader(io.StringIO(exported(privacy, "csv", who=f"user:{agent.pk}")))
    assert row["actor_name"].startswith("'=")


def test_another_companys_entries_are_not_in_the_file(privacy, stranger, did):
    did(stranger)
    sealing.seal()
    assert rows_of(exported(privacy)) == []


def test_an_export_is_written_down_and_kept_by_nobody_on_the_way(privacy):
    answer = bearer(privacy).get("/api/audit/export")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    assert [entry.act for entry in AuditEntry.objects.all()] == ["audit.exported"]


def test_a_file_of_another_kind_is_refused(privacy):
    assert bearer(privacy).get("/api/audit/export", {"format": "pdf"}).status_code == 422


def test_while_the_archive_is_away_no_half_file_is_sent(privacy, agent, did, archive_away):
    did(agent)
    answer = bearer(privacy).get("/api/audit/export", {"who": f"user:{agent.pk}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "archive_unavailable")
