"""What was measured, over HTTP."""

import csv
import io
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from crm.models import AuditEntry
from metrics import recent
from metrics.segments import Group, Segment
from tests.builders import bearer, make_user


@pytest.fixture
def watching(supervisor):
    return bearer(supervisor)


def write(tenant_id, *, at=None, number=1, user="dana", channel="news", **values):
    given = {
        "processing_started_at": at,
        "stages": {"dubbing": 400_000 * number},
        "total_us": 500_000 * number,
        "duration_us": 1_800_000_000,
        "original_bytes": 1000,
        "dubbed_bytes": 500,
        "source_language": "he",
        "target_language": "en",
        **values,
    }
    group = Group(channel, "s-1", user, "web", "dubbing")
    recent.write(tenant_id, [Segment(group, f"segment-{number}", at or datetime.now(UTC), **given)])


def get(api, address, **asked):
    answer = api.get(f"/api/metrics/{address}", asked)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_recent_segments_are_told_in_full_with_their_sums(watching, tenant):
    write(tenant.pk, number=1)
    write(tenant.pk, number=3, error="timed_out", retry_count=2)
    answer = get(watching, "segments/recent", channel_id="news", minutes=10)
    assert (answer["timezone"], answer["channel_id"], answer["next"]) == ("UTC", "news", None)
    (newer, older) = answer["results"]
    assert (older["segment_id"], newer["error"], newer["retry_count"]) == ("segment-1", "timed_out", 2)
    assert {name: older[name] for name in ("user_id", "stages", "total_ms", "duration_s", "original_bytes")} == {
        "user_id": "dana",
        "stages": {"dubbing": 400.0},
        "total_ms": 500.0,
        "duration_s": 1800.0,
        "original_bytes": 1000,
    }
    summary = answer["summary"]
    assert (summary["total_segments"], summary["total_errors"], summary["error_rate"]) == (2, 1, 0.5)
    assert (summary["avg_latency"], summary["total_bytes"]) == (1000.0, 3000)
    assert summary["p99_ms"] == pytest.approx(1500, rel=0.02)
    assert len(get(watching, "segments/recent", limit=1)["results"]) == 1
    assert get(watching, "segments/recent", channel_id="sport")["results"] == []


def test_hours_and_days_have_the_running_one_last(watching, tenant):
    at = datetime.now(UTC)
    write(tenant.pk, at=at, number=2)
    began = datetime.now(UTC)
    hours, days = get(watching, "hourly"), get(watching, "trends")
    ended = datetime.now(UTC)
    assert (len(hours["results"]), len(days["results"])) == (24, 7)
    assert (hours["timezone"], days["timezone"]) == ("UTC", "UTC")
    # The hour may end, and the day with it, between any two of these.
    assert hours["results"][-1]["hour"] in {one.strftime("%Y-%m-%dT%H:00:00Z") for one in (began, ended)}
    assert days["results"][-1]["date"] in {one.date().isoformat() for one in (began, ended)}
    [running] = [one for one in hours["results"] if one["hour"] == at.strftime("%Y-%m-%dT%H:00:00Z")]
    [today] = [one for one in days["results"] if one["date"] == at.date().isoformat()]
    wanted = {
        "date": at.date().isoformat(),
        "total_segments": 1,
        "avg_latency": 1000.0,
        "total_errors": 0,
        "total_bytes": 1500,
    }
    assert {name: today[name] for name in wanted} == wanted
    first = hours["results"][0]
    assert (first["total_segments"], first["avg_latency"], first["p99_ms"]) == (0, None, None)
    assert hours["summary"] == {name: value for name, value in running.items() if name != "hour"}


@pytest.mark.parametrize(("address", "column"), [("hourly", "hour"), ("trends", "date")])
def test_hours_and_days_come_as_csv(watching, tenant, address, column):
    write(tenant.pk, number=2)
    answer = watching.get(f"/api/metrics/{address}?format=csv")
    assert (answer["Content-Type"], answer.status_code) == ("text/csv; charset=utf-8", 200)
    assert answer["Content-Disposition"] == f'attachment; filename="{address}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    told = {one[column]: one for one in get(watching, address)["results"]}
    # Asked a moment later, they may begin one later.
    assert len(rows) == len(told)
    assert next(iter(told)) in {rows[0][column], rows[1][column]}
    [counted] = [row for row in rows if row["total_segments"] == "1"]
    assert (counted["avg_latency"], rows[0]["avg_latency"]) == ("1000.0", "")
    assert told[counted[column]]["total_segments"] == 1
    assert watching.get(f"/api/metrics/{address}?format=xml").status_code == 404


def test_a_users_figures_are_told_and_who_asked_is_written_down(watching, supervisor, tenant):
    write(tenant.pk, number=1)
    write(tenant.pk, number=2, error="timed_out")
    write(tenant.pk, number=3, user="gil")
    assert get(watching, "users/dana", days=2) == {
        "timezone": "UTC",
        "user_id": "dana",
        "days": 2,
        "total_segments": 2,
        "total_hours": 1.0,
        "total_bytes": 3000,
        "total_errors": 1,
        "avg_latency": 750.0,
        "error_rate": 0.5,
    }
    entry = AuditEntry.objects.filter(tenant=tenant).order_by("pk").last()
    assert (entry.act, entry.subject) == ("person.figures_read", "person:dana")


@pytest.mark.parametrize("user", ["org/dana", " lead", "da na?#", "dana/", "x" * 255])
def test_every_id_that_a_segment_may_have_can_be_asked_for(watching, tenant, user):
    write(tenant.pk, user=user, channel=user)
    assert get(watching, f"users/{quote(user, safe='/')}")["user_id"] == user
    assert get(watching, "hourly", channel_id=user)["summary"]["total_segments"] == 1


def test_another_companys_figures_are_none_of_ours(stranger, tenant):
    write(tenant.pk)
    theirs = bearer(stranger)
    refused = theirs.get("/api/metrics/users/dana")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_user")
    assert get(theirs, "segments/recent")["summary"]["total_segments"] == 0
    assert get(theirs, "hourly")["summary"]["total_segments"] == get(theirs, "trends")["summary"]["total_segments"] == 0


@pytest.mark.parametrize(
    "address",
    [
        "segments/recent?minutes=0",
        "segments/recent?minutes=1441",
        "segments/recent?limit=1001",
        "segments/recent?pipeline=video",
        "hourly?hours=193",
        "hourly?hours=x",
        f"hourly?channel_id={'x' * 256}",
        "trends?days=0",
        "trends?days=99999999999999999999",
        "users/dana?days=-1",
    ],
)
def test_what_cannot_be_right_is_refused_by_its_name(watching, address):
    refused = watching.get(f"/api/metrics/{address}")
    name = address.partition("?")[2].partition("=")[0]
    assert (refused.status_code, set(refused.json()["error"]["fields"])) == (422, {name})


def test_an_agent_reads_no_figures(tenant):
    api = bearer(make_user(tenant, "agent"))
    for address in ("segments/recent", "hourly", "trends", "users/dana"):
        assert api.get(f"/api/metrics/{address}").status_code == 403
