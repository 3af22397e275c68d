"""The daily job: what is due, in order, once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from metrics import archive, archived, locks
from metrics.archived import objects, tables
from metrics.archived.archiving import ARCHIVE_TASK
from metrics.models import ArchivedDay
from metrics.segments import Channel, Group
from metrics.totals import Totals
from tests.builders import make_tenant
from tests.metrics.archived import below
from tests.metrics.archived.days_made_up import chance, segments_of_a_day

pytestmark = pytest.mark.usefixtures("transactional_db", "nothing_below")
DAY = date(2026, 1, 28)
# The 30th: the 28th is due, the 29th is not.
NOW = datetime(2026, 1, 30, 3, tzinfo=UTC)


@pytest.fixture
def tenant_id():
    return make_tenant().pk


def filled(tenant_id, day, *, seed=1):
    segments = segments_of_a_day(chance(seed), day, count=20, channels=["sales"])
    below.put(tenant_id, day, segments)
    return segments


def test_days_are_archived_two_days_later_the_oldest_first(tenant_id):
    other = make_tenant().pk
    for one in (tenant_id, other):
        for number in (1, 0, -1):
            filled(one, DAY + timedelta(number))
    steps = []
    report = archived.archive_days(NOW, progress=steps.append)
    assert (report.archived, report.failed) == (4, [])
    assert [(step.day, step.tenant_id) for step in steps] == [
        (day, one) for day in (DAY - timedelta(1), DAY) for one in (tenant_id, other)
    ]
    assert archived.days_there(tenant_id, DAY, DAY) == {DAY: True}
    again = archived.archive_days(NOW)
    assert (again.archived, again.unchanged) == (0, 4)


def test_a_dry_run_says_what_is_due_and_archives_nothing(tenant_id):
    filled(tenant_id, DAY)
    assert archived.archive_days(NOW, dry_run=True).archived == 1
    assert not ArchivedDay.objects.exists()
    assert objects.of_day(tenant_id, DAY) == []


def test_only_the_days_that_were_asked_for_are_archived(tenant_id):
    for number in range(4):
        filled(tenant_id, DAY - timedelta(number))
    archived.archive_days(NOW, since=DAY - timedelta(2), until=DAY - timedelta(1))
    assert sorted(ArchivedDay.objects.values_list("day", flat=True)) == [DAY - timedelta(2), DAY - timedelta(1)]


def test_a_day_that_was_filled_anew_is_archived_anew(tenant_id):
    filled(tenant_id, DAY)
    archived.archive_days(NOW)
    segments = filled(tenant_id, DAY, seed=2)
    report = archived.archive_days(NOW)
    assert (report.archived, report.unchanged) == (1, 0)
    assert ArchivedDay.objects.get().segments == 2 * len(segments)
    assert len(objects.of_day(tenant_id, DAY)) == 2


def test_a_day_that_cannot_be_archived_holds_no_other_up(tenant_id):
    filled(tenant_id, DAY - timedelta(1))
    below.lose_channels(tenant_id, DAY - timedelta(1))
    filled(tenant_id, DAY)
    report = archived.archive_days(NOW)
    assert (report.archived, len(report.failed)) == (1, 1)
    assert ArchivedDay.objects.get().day == DAY


def test_when_time_is_up_the_rest_is_left(tenant_id):
    for number in range(3):
        filled(tenant_id, DAY - timedelta(number))
    report = archived.archive_days(NOW, seconds=-1)
    assert (report.archived, report.left) == (0, 3)


def test_only_one_process_archives(tenant_id):
    filled(tenant_id, DAY)
    with locks.held_alone(ARCHIVE_TASK):
        assert below.in_another_connection(lambda: archived.archive_days(NOW)) is None


def test_a_damaged_day_is_told_not_read_and_archived_anew(tenant_id, capsys):
    segments = filled(tenant_id, DAY)
    archived.archive_days(NOW)
    days_object, people_object = objects.of_day(tenant_id, DAY)
    call_command("archive_metrics", "--verify")
    assert "1 days were read." in capsys.readouterr().out
    for name in (days_object, people_object):
        content = archive.read(name)
        archive.write(name, content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(CommandError, match="1 of them are not as they were archived"):
            call_command("archive_metrics", "--verify")
        assert "not what was archived" in capsys.readouterr().out
        assert archived.by_day(tenant_id, DAY, DAY) == []
        assert archived.days_there(tenant_id, DAY, DAY) in ({}, {DAY: False})
        assert archived.size().unverified == 1
        assert archived.archive_days(NOW).archived == 1
        assert sum(one.totals.segments for one in archived.by_day(tenant_id, DAY, DAY)) == len(segments)
    assert archived.verify_days() == []


def test_an_object_that_is_whole_and_says_something_else_is_damage(tenant_id):
    """Named by its own checksum, and of the row's: only the sums tell."""
    filled(tenant_id, DAY)
    archived.archive_days(NOW)
    day = ArchivedDay.objects.get()
    folded = tables.Folded()
    group = Group("sales", "s", "", "web", "audio")
    channels = [(Channel(group.channel_id, group.pipeline), Totals(segments=day.segments))]
    folded.add(group, channels[0][1])
    for dataset, table, column in (
        ("days", tables.days_table(channels, folded), "checksum"),
        ("people", tables.people_table(channels, folded, {}), "people_checksum"),
    ):
        content = tables.to_parquet(table)
        checksum = tables.checksum_of(content)
        archive.write(objects.ArchivedObject(tenant_id, DAY, dataset, checksum).name, content)
        ArchivedDay.objects.update(**{column: checksum, "rows": 1, "people_rows": 1})
    assert len(archived.verify_days()) == 1


def test_the_command_says_what_it_did(tenant_id, capsys):
    filled(tenant_id, DAY)
    call_command("archive_metrics", "--dry-run", "--from", "2026-01-01", "--to", "2026-01-28")
    assert "1 days to be archived; nothing was done." in capsys.readouterr().out
    call_command("archive_metrics")
    assert "1 days archived. 0 are archived as they are." in capsys.readouterr().out
    for wrong in (["--from", "2026-02-01", "--to", "2026-01-01"], ["--find", "--to", "2026-01-01"]):
        with pytest.raises(CommandError):
            call_command("archive_metrics", *wrong)
