"""One question over all three tiers, and nothing but the question."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from crm.models import Tenant
from metrics import recent
from metrics.archived import asking, writing
from metrics.errors import BadQuestion
from metrics.segments import Hour
from metrics.totals import Totals
from tests.builders import make_tenant
from tests.metrics.archived import below
from tests.metrics.archived.days_made_up import chance, segments_of_a_day

pytestmark = pytest.mark.usefixtures("transactional_db", "nothing_below")
CHANNELS = ["sales", "support"]
TODAY = datetime.now(UTC).date()
# Of the archive, rolled up, and with an hour that is not.
ARCHIVED, ROLLED, YESTERDAY = (TODAY - timedelta(days) for days in (200, 30, 1))


@pytest.fixture
def tenant_id():
    return make_tenant().pk


@pytest.fixture
def segments(tenant_id, settings):
    """What was told of some days, each of which is somewhere else."""
    told = {day: made_up(day, seed) for seed, day in enumerate((ARCHIVED, ROLLED, YESTERDAY))}
    for day in (ARCHIVED, ROLLED):
        below.put(tenant_id, day, told[day])
    writing.archive_day(tenant_id, ARCHIVED)
    settings.EARSHOT_METRICS_HOURS_DAYS = 90
    now = datetime.now(UTC)
    running = [one for one in made_up(TODAY, 7) if one.received_at <= now]
    waits_from = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=20)
    late = [one for one in told[YESTERDAY] if one.received_at >= waits_from]
    filled = [one for one in told[YESTERDAY] if one not in late]
    for start in {Hour.of(tenant_id, one.received_at) for one in filled}:
        below.fill(start, [one for one in filled if Hour.of(tenant_id, one.received_at) == start])
    assert all(recent.write(tenant_id, [*running, *late]))
    return [one for day in told.values() for one in day] + running


def made_up(day, seed, *, count=150):
    return segments_of_a_day(chance(seed), day, count=count, channels=CHANNELS)


def test_every_tier_is_asked_and_every_segment_counts_once(tenant_id, segments):
    answers = asking.ask(tenant_id, ARCHIVED, TODAY)
    by_day = {answer.group["date"]: answer.totals for answer in answers}
    expected = {}
    for one in segments:
        expected.setdefault(one.received_at.date(), Totals()).count(one)
    assert by_day == expected
    tiers = {answer.group["tier"] for answer in asking.ask(tenant_id, ARCHIVED, TODAY, group_by=["tier"])}
    assert tiers == {asking.ARCHIVED, asking.HOT, asking.RUNNING}


def test_figures_are_grouped_and_chosen_by_channel_and_pipeline(tenant_id, segments):
    answers = asking.ask(tenant_id, ARCHIVED, TODAY, group_by=["channel_id", "pipeline"])
    expected = {}
    for one in segments:
        expected.setdefault((one.group.channel_id, one.group.pipeline), Totals()).count(one)
    assert {tuple(answer.group.values()): answer.totals for answer in answers} == expected
    (sales,) = asking.ask(tenant_id, ARCHIVED, TODAY, group_by=[], channel_id="sales", pipeline="audio")
    assert sales.totals == expected["sales", "audio"]
    with pytest.raises(BadQuestion, match="grouped by user_id"):
        asking.ask(tenant_id, ARCHIVED, TODAY, group_by=["user_id"])


def test_another_tenant_has_none_of_it(segments):
    other = make_tenant().pk
    assert asking.ask(other, ARCHIVED, TODAY) == []
    assert asking.query(other, "SELECT * FROM segments_by_day", ARCHIVED, TODAY).rows == []


def test_a_statement_is_put_over_the_view(tenant_id, segments, capsys):
    sql = "SELECT tier, sum(segments)::BIGINT AS segments FROM segments_by_day GROUP BY tier ORDER BY tier"
    found = asking.query(tenant_id, sql, ARCHIVED, TODAY)
    assert found.columns == ["tier", "segments"]
    assert sum(count for _, count in found.rows) == len(segments)
    call_command("ask_metrics", sql, tenant=tenant_id, days=201, csv=True)
    assert capsys.readouterr().out.splitlines()[1:] == [f"{tier},{count}" for tier, count in found.rows]
    call_command("ask_metrics", "SELECT '[red]' AS marked", tenant=tenant_id)
    assert "[red]" in capsys.readouterr().out
    call_command("ask_metrics", "SELECT 1 AS one", tenant=Tenant.objects.get(pk=tenant_id).name)
    assert capsys.readouterr().out.splitlines() == ["one", "1"]
    with pytest.raises(CommandError, match="There is no company Nobody"):
        call_command("ask_metrics", "SELECT 1", tenant="Nobody")
    with pytest.raises(CommandError, match="one SELECT"):
        call_command("ask_metrics", "DROP VIEW segments_by_day", tenant=tenant_id)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('s3://earshot-archive/metrics/*/*/*/*.parquet')",
        "COPY (SELECT 1) TO '/tmp/told'",
        "ATTACH '/tmp/told.db' AS told",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "SELECT * FROM filled",
        "SELECT",
        "",
    ],
)
def test_a_statement_reaches_nothing_else(tenant_id, statement):
    with pytest.raises(BadQuestion):
        asking.query(tenant_id, statement, TODAY, TODAY)


def test_a_statement_that_takes_too_long_is_stopped(tenant_id):
    with pytest.raises(BadQuestion, match="longer than"):
        asking.query(
            tenant_id,
            "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b",
            TODAY,
            TODAY,
            seconds=0.3,
        )


def test_answers_are_bounded(tenant_id):
    found = asking.query(tenant_id, "SELECT * FROM range(20000)", TODAY, TODAY)
    assert (len(found.rows), found.is_cut) == (asking.MOST_ROWS, True)
    for since, until in ((TODAY, TODAY - timedelta(1)), (TODAY - timedelta(asking.LONGEST_DAYS + 1), TODAY)):
        with pytest.raises(BadQuestion):
            asking.ask(tenant_id, since, until)
